#pragma once
/* grep_flags.h: what the command line of `alco grep` asks for. */
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "cli/client.h"
#include "cli/grep_regex.h"

enum { GREP_PATTERNS_MAX = 1000, GREP_INDEXES_MAX = 1000 };

typedef struct grep_flags {
    client_options server;
    grep_syntax syntax;
    al_slice patterns[GREP_PATTERNS_MAX]; /* none: nothing matches */
    size_t n_patterns;
    bool ignores_case, is_smart, inverts, words, lines; /* -i -S -v -w -x */
    bool counts, lists, lists_without, is_quiet;        /* -c -l -L -q */
    bool only_matching, numbers, is_json, has_color, is_silent;
    int64_t before, after, around; /* -1: not given */
    int with_name;                 /* -1: by number of indexes */
    bool has_max;
    uint64_t max; /* records of each index, with has_max */
    const char *where;
    al_slice since, until;              /* as the API reads them; empty: open */
    al_slice indexes[GREP_INDEXES_MAX]; /* none: all there are */
    size_t n_indexes;
} grep_flags;

/* Reads files of -f and writes --help. Slices last as long as argv and the arena. CLI_OK, or
 * CLI_USAGE after saying what is wrong; *ret_is_help: the help was asked for and written. */
int grep_flags_parse(int argc, char **argv, al_arena *arena, grep_flags *ret, bool *ret_is_help);
