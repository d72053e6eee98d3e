/* grep's flags as GNU grep has them, and ours. */
#include "cli/grep_flags.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/grep_around.h"
#include "cli/since.h"

enum { PATTERN_FILE_BYTES_MAX = 1 << 20, TIME_BYTES_MORE = 64 };
enum { FLAG_SINCE = 256, FLAG_UNTIL, FLAG_WHERE, FLAG_JSON, FLAG_COLOR, FLAG_HELP, FLAG_IGNORED };

static const char help[] =
    "usage: alco grep [FLAGS] PATTERN [INDEX...]\n"
    "\n"
    "Finds records whose message, or text field such as exc_info, matches PATTERN; prints the\n"
    "messages, oldest first. Without INDEX: all. Patterns mind case and white space, as grep's "
    "do.\n"
    "\n"
    "  -G -E -F -P         basic (default), extended, fixed or Perl-like patterns\n"
    "  -e PATTERN -f FILE  more patterns\n"
    "  -i  -S              ignore case; -S: ignore it when no pattern has upper case\n"
    "  -v                  records that do not match\n"
    "  -w -x               whole words; whole messages or lines of them\n"
    "  -c -l -L -q         number only; names of indexes with, without matches; exit status only\n"
    "  -m N                at most N records of each index\n"
    "  -o                  only what matched, each match on its line\n"
    "  -n                  each with its number in front: which record of its index it is, oldest\n"
    "                      first, from 1 (records that expire move it; --json shows ids, which "
    "stay)\n"
    "  -h -H               without, with the index in front (default: with, if several are read)\n"
    "  -s                  say nothing about an index that is not there\n"
    "  -A N -B N -C N -N   with N records after, before, around each\n"
    "  --color[=WHEN]      colour matches: always, never, auto\n"
    "  --since T --until T records of this time: since <= time < until. T is\n" SINCE_HELP
    "  --where QUERY       and only records that this query finds\n"
    "  --json              whole records, one JSON document a line\n" CLIENT_HELP "\n"
    "grep's long names work too: --ignore-case, --count and so on.\n"
    "Exit status 0 found, 1 not found, 2 error or an answer that is not complete.\n";

/* ---- Patterns */

static bool add_pattern_lines(grep_flags *f, al_slice text)
{
    for (size_t at = 0; at <= text.len;) {
        size_t end = al_slice_find(text, '\n', at);
        if (f->n_patterns == GREP_PATTERNS_MAX)
            return false;
        f->patterns[f->n_patterns++] = al_slice_sub(text, at, end);
        at = end + 1;
    }
    return true;
}

/* False: it cannot be read, or is too long. */
static bool read_file(const char *name, al_arena *arena, al_slice *ret)
{
    char bytes[4096];
    size_t n = 0;
    al_buf text;
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    if (!file)
        return false;
    al_buf_init(&text, PATTERN_FILE_BYTES_MAX);
    while ((n = fread(bytes, 1, sizeof bytes, file)) > 0)
        al_buf_put(&text, bytes, n);
    bool is_read = !ferror(file) && al_buf_code(&text) == AL_OK;
    if (file != stdin)
        (void)fclose(file); /* was only read */
    *ret = al_arena_copy(arena, al_buf_slice(&text));
    al_buf_done(&text);
    return is_read && ret->ptr;
}

static bool add_pattern_file(grep_flags *f, const char *name, al_arena *arena)
{
    al_slice text;
    if (!read_file(name, arena, &text))
        return false;
    if (text.len && text.ptr[text.len - 1] == '\n')
        text.len--;
    else if (text.len == 0)
        return true; /* no pattern: nothing matches */
    return add_pattern_lines(f, text);
}

static bool set_color(grep_flags *f, const char *when)
{
    if (!when || strcmp(when, "auto") == 0)
        f->has_color = isatty(STDOUT_FILENO);
    else if (strcmp(when, "always") == 0 || strcmp(when, "never") == 0)
        f->has_color = when[0] == 'a';
    else
        return false;
    return true;
}

/* ---- Flags */

static int take_around(int flag, int64_t *ret)
{
    uint64_t n = 0;
    if (!al_parse_u64(al_cstr(optarg), &n))
        return cli_usage("grep", "-%c '%s': expected a number", flag, optarg);
    *ret = (int64_t)AL_MIN(n, AROUND_MAX); /* no index has as many records */
    return CLI_OK;
}

/* A negative number is no limit, as in grep. */
static int take_max(grep_flags *f)
{
    bool is_negative = optarg[0] == '-';
    if (!al_parse_u64(al_cstr(optarg + is_negative), &f->max))
        return cli_usage("grep", "-m '%s': expected a number", optarg);
    f->has_max = !is_negative;
    return CLI_OK;
}

static int take_time(const char *flag, const char *text, al_arena *arena, al_slice *ret)
{
    al_err err = {0};
    al_buf out;
    al_buf_init(&out, strlen(text) + TIME_BYTES_MORE);
    int r = CLI_OK;
    if (since_put(&out, al_cstr(text), al_now_ns(), &err))
        r = cli_usage("grep", "--%s %s", flag, err.msg);
    *ret = al_arena_copy(arena, al_buf_slice(&out));
    al_buf_done(&out);
    return r;
}

static int take_flag(grep_flags *f, int c, al_arena *arena, bool *had_pattern)
{
    switch (c) {
    case 'G':
        f->syntax = GREP_BASIC;
        break;
    case 'E':
        f->syntax = GREP_EXTENDED;
        break;
    case 'F':
        f->syntax = GREP_FIXED;
        break;
    case 'P':
        f->syntax = GREP_PERL;
        break;
    case 'i':
    case 'y':
        f->ignores_case = true;
        break;
    case 'S':
        f->is_smart = true;
        break;
    case 'v':
        f->inverts = true;
        break;
    case 'w':
        f->words = true;
        break;
    case 'x':
        f->lines = true;
        break;
    case 'c':
        f->counts = true;
        break;
    case 'l':
    case 'L': /* the last one counts */
        f->lists = c == 'l';
        f->lists_without = c == 'L';
        break;
    case 'q':
        f->is_quiet = true;
        break;
    case 'o':
        f->only_matching = true;
        break;
    case 'n':
        f->numbers = true;
        break;
    case 's':
        f->is_silent = true;
        break;
    case 'a':
    case 'U':
    case FLAG_IGNORED:
        break; /* how grep reads files: here is one way */
    case 'h':
        f->with_name = 0;
        break;
    case 'H':
        f->with_name = 1;
        break;
    case FLAG_SINCE:
        return take_time("since", optarg, arena, &f->since);
    case FLAG_UNTIL:
        return take_time("until", optarg, arena, &f->until);
    case FLAG_WHERE:
        f->where = optarg;
        break;
    case FLAG_JSON:
        f->is_json = true;
        break;
    case 'A':
        return take_around(c, &f->after);
    case 'B':
        return take_around(c, &f->before);
    case 'C':
        return take_around(c, &f->around);
    case '0' ... '9':
        f->around = AL_MIN((f->around < 0 ? 0 : f->around * 10) + c - '0', (int64_t)AROUND_MAX);
        break;
    case 'm':
        return take_max(f);
    case 'e':
        *had_pattern = true;
        if (!add_pattern_lines(f, al_cstr(optarg)))
            return cli_usage("grep", "more than %d patterns", GREP_PATTERNS_MAX);
        break;
    case 'f':
        *had_pattern = true;
        if (!add_pattern_file(f, optarg, arena))
            return cli_usage("grep", "-f %s: cannot be read, or too many patterns", optarg);
        break;
    case FLAG_COLOR:
        if (!set_color(f, optarg))
            return cli_usage("grep", "--color '%s': expected always, never or auto", optarg);
        break;
    default:
        (void)client_take_flag(&f->server, c, optarg);
    }
    return CLI_OK;
}

/* grep's long names, and ours. */
static const struct option long_flags[] = {{"basic-regexp", no_argument, NULL, 'G'},
                                           {"extended-regexp", no_argument, NULL, 'E'},
                                           {"fixed-strings", no_argument, NULL, 'F'},
                                           {"perl-regexp", no_argument, NULL, 'P'},
                                           {"regexp", required_argument, NULL, 'e'},
                                           {"file", required_argument, NULL, 'f'},
                                           {"ignore-case", no_argument, NULL, 'i'},
                                           {"smart-case", no_argument, NULL, 'S'},
                                           {"invert-match", no_argument, NULL, 'v'},
                                           {"word-regexp", no_argument, NULL, 'w'},
                                           {"line-regexp", no_argument, NULL, 'x'},
                                           {"count", no_argument, NULL, 'c'},
                                           {"files-with-matches", no_argument, NULL, 'l'},
                                           {"files-without-match", no_argument, NULL, 'L'},
                                           {"quiet", no_argument, NULL, 'q'},
                                           {"silent", no_argument, NULL, 'q'},
                                           {"max-count", required_argument, NULL, 'm'},
                                           {"only-matching", no_argument, NULL, 'o'},
                                           {"line-number", no_argument, NULL, 'n'},
                                           {"no-filename", no_argument, NULL, 'h'},
                                           {"with-filename", no_argument, NULL, 'H'},
                                           {"after-context", required_argument, NULL, 'A'},
                                           {"before-context", required_argument, NULL, 'B'},
                                           {"context", required_argument, NULL, 'C'},
                                           {"no-messages", no_argument, NULL, 's'},
                                           {"text", no_argument, NULL, 'a'},
                                           {"binary", no_argument, NULL, 'U'},
                                           {"line-buffered", no_argument, NULL, FLAG_IGNORED},
                                           {"color", optional_argument, NULL, FLAG_COLOR},
                                           {"colour", optional_argument, NULL, FLAG_COLOR},
                                           {"since", required_argument, NULL, FLAG_SINCE},
                                           {"until", required_argument, NULL, FLAG_UNTIL},
                                           {"where", required_argument, NULL, FLAG_WHERE},
                                           {"json", no_argument, NULL, FLAG_JSON},
                                           {"help", no_argument, NULL, FLAG_HELP},
                                           CLIENT_FLAGS,
                                           {0}};

int grep_flags_parse(int argc, char **argv, al_arena *arena, grep_flags *ret, bool *ret_is_help)
{
    grep_flags *f = ret;
    *f = (grep_flags){.with_name = -1, .before = -1, .after = -1, .around = -1};
    bool had_pattern = false;
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "GEFPiySvwxclLqonhHsaUm:e:f:A:B:C:0123456789", long_flags,
                            NULL)) != -1) {
        if (c == FLAG_HELP) {
            (void)fputs(help, stdout);
            *ret_is_help = true;
            return CLI_OK;
        }
        if (c == '?')
            return cli_wrong_flag("grep", argv);
        int r = take_flag(f, c, arena, &had_pattern);
        if (r)
            return r;
    }
    if (!had_pattern) {
        if (optind == argc)
            return cli_usage("grep", "expected a PATTERN");
        if (!add_pattern_lines(f, al_cstr(argv[optind++])))
            return cli_usage("grep", "more than %d patterns", GREP_PATTERNS_MAX);
    }
    for (; optind < argc; optind++) {
        if (f->n_indexes == GREP_INDEXES_MAX)
            return cli_usage("grep", "more than %d indexes", GREP_INDEXES_MAX);
        f->indexes[f->n_indexes++] = al_cstr(argv[optind]);
    }
    return CLI_OK;
}
