#pragma once
/* backup_copy.h: what backup and restore share: a whole data directory, copied as of one moment.
 * Main thread only. */
#include "cli/new_dir.h"
#include "store/backup.h"

/* The file that makes a directory a finished backup. */
#define BACKUP_FILE "backup"

/* Copies store and catalogue, with a bar on a terminal; names on stderr what is damaged in `from`
 * (it counts in ret->n_damaged). `command` is said in front. SIGINT and SIGTERM: AL_CANCELLED. */
AL_CHECK al_code backup_copy_all(const char *command, const char *from, const new_dir *to,
                                 store_backup_sum *ret, al_err *err);
