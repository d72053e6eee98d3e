#pragma once
/* day_tables.h: into which table of a node a record goes. An index has a table NAME_YYYYMMDD for
 * each of its days; what is older than the first goes into the first, what is later than tomorrow
 * into the last. One thread. */
#include "sphinx/insert.h"

typedef struct day_tables day_tables;

/* Asks the node which tables it serves. As sql_receive. */
AL_CHECK al_code day_tables_new(sql_conn *c, const sql_patience *p, day_tables **ret, al_err *err);
day_tables *day_tables_free(day_tables *d);
/* The table for a time, asked for its columns at first use; valid until day_tables_free. `today`: a
 * day number. AL_NOT_FOUND: the node serves no table for the day, though it should; AL_INVALID: one
 * that cannot take our rows; otherwise as sql_receive. */
AL_CHECK al_code day_tables_of(day_tables *d, const char *index, int64_t time_ns, int32_t today,
                               const sql_patience *p, const insert_table **ret, al_err *err);

AL_DEFINE_CLEANUP(day_tables, day_tables_free);
