#pragma once
/* mariadb_lib.h: libmariadb, loaded when the first connection to a Sphinx is to be made. The types
 * are those of its own header, so that the compiler checks every call; the names are whole (`errno`
 * would be a macro). Any thread. */
#include <mysql.h>

#include "base/err.h"

#define MARIADB_LIB_FUNCTIONS(F)                                                                   \
    F(mysql_affected_rows)                                                                         \
    F(mysql_close)                                                                                 \
    F(mysql_errno)                                                                                 \
    F(mysql_error)                                                                                 \
    F(mysql_fetch_lengths)                                                                         \
    F(mysql_fetch_row)                                                                             \
    F(mysql_field_count)                                                                           \
    F(mysql_free_result)                                                                           \
    F(mysql_get_socket)                                                                            \
    F(mysql_init)                                                                                  \
    F(mysql_num_fields)                                                                            \
    F(mysql_options)                                                                               \
    F(mysql_read_query_result)                                                                     \
    F(mysql_real_connect)                                                                          \
    F(mysql_send_query)                                                                            \
    F(mysql_server_init)                                                                           \
    F(mysql_use_result)                                                                            \
    F(mysql_warning_count)

/* NOLINTBEGIN(bugprone-macro-parentheses): it declares a member */
typedef struct mariadb_lib {
#define MARIADB_LIB_MEMBER(name) __typeof__(name) *name;
    MARIADB_LIB_FUNCTIONS(MARIADB_LIB_MEMBER)
#undef MARIADB_LIB_MEMBER
} mariadb_lib;
/* NOLINTEND(bugprone-macro-parentheses) */

/* The library, ready for use and there for the rest of the process' life. AL_NOT_FOUND as
 * library_load; AL_IO: it does not start. */
AL_CHECK al_code mariadb_lib_get(const mariadb_lib **ret, al_err *err);
