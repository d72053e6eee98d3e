/* alco grep: grep's flags and meaning over indexes. The pattern becomes a regular expression of a
 * query, the server finds, and the rows stream by, oldest first, index after index as grep takes
 * file after file. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/grep_around.h"
#include "cli/grep_regex.h"
#include "cli/json_pick.h"

enum { PATTERNS_MAX = 1000, INDEXES_MAX = 1000, QUERY_MAX = 60000, HIT_MAX = 64 << 20 };
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
    "  -n                  each with its id in front (the line number of a log)\n"
    "  -h -H               without, with the index in front (default: with, if several are read)\n"
    "  -s                  say nothing about an index that is not there\n"
    "  -A N -B N -C N -N   with N records after, before, around each\n"
    "  --color[=WHEN]      colour matches: always, never, auto\n"
    "  --since T --until T RFC 3339, -15m, -2h, -7d, now\n"
    "  --where QUERY       and only records that this query finds\n"
    "  --json              whole records, one JSON document a line\n" CLIENT_HELP "\n"
    "grep's long names work too: --ignore-case, --count and so on.\n"
    "Exit status 0 found, 1 not found, 2 error or an answer that is not complete.\n";

typedef struct grep {
    client_options server;
    client *client;
    grep_syntax syntax;
    al_slice patterns[PATTERNS_MAX];
    size_t n_patterns;
    al_buf files; /* of -f */
    bool ignores_case, is_smart, inverts, words, lines, counts, lists, lists_without, is_quiet;
    bool only_matching, numbers, is_json, has_color, is_silent;
    bool was_printed;              /* a group of -A -B -C */
    char separator;                /* behind name and id: ':', of a record around a hit '-' */
    int64_t before, after, around; /* -1: not given */
    int with_name;                 /* -1: by number of indexes */
    uint64_t max;
    const char *since, *until, *where;
    al_slice indexes[INDEXES_MAX];
    size_t n_indexes;
    al_arena *arena;
    al_buf query;
    /* of the index being read */
    al_slice index;
    al_buf line;
    uint64_t n;
    al_buf missing; /* "part: why" of an answer that is not complete */
    bool had_error;
    bool was_found;
} grep;

/* ---- Flags */

static bool add_pattern_lines(grep *g, al_slice text)
{
    for (size_t at = 0; at <= text.len;) {
        size_t end = al_slice_find(text, '\n', at);
        if (g->n_patterns == PATTERNS_MAX)
            return false;
        g->patterns[g->n_patterns++] = al_slice_sub(text, at, end);
        at = end + 1;
    }
    return true;
}

static bool add_pattern_file(grep *g, const char *name)
{
    char bytes[4096];
    size_t n = 0;
    FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    if (!f)
        return false;
    size_t begin = g->files.len;
    while ((n = fread(bytes, 1, sizeof bytes, f)) > 0)
        al_buf_put(&g->files, bytes, n);
    if (f != stdin)
        (void)fclose(f);
    al_slice text =
        al_arena_copy(g->arena, al_slice_sub(al_buf_slice(&g->files), begin, g->files.len));
    if (text.len && text.ptr[text.len - 1] == '\n')
        text.len--;
    else if (text.len == 0)
        return true; /* no pattern: nothing matches */
    return add_pattern_lines(g, text);
}

static bool set_color(grep *g, const char *when)
{
    if (!when || strcmp(when, "auto") == 0)
        g->has_color = isatty(STDOUT_FILENO);
    else if (strcmp(when, "always") == 0 || strcmp(when, "never") == 0)
        g->has_color = when[0] == 'a';
    else
        return false;
    return true;
}

static int take_around(int flag, int64_t *ret)
{
    uint64_t n = 0;
    if (!al_parse_u64(al_cstr(optarg), &n) || n > AROUND_MAX)
        return cli_usage("grep", "-%c '%s': expected a number up to %d", flag, optarg, AROUND_MAX);
    *ret = (int64_t)n;
    return CLI_OK;
}

static int take_flag(grep *g, int c, bool *had_pattern)
{
    switch (c) {
    case 'G':
        g->syntax = GREP_BASIC;
        break;
    case 'E':
        g->syntax = GREP_EXTENDED;
        break;
    case 'F':
        g->syntax = GREP_FIXED;
        break;
    case 'P':
        g->syntax = GREP_PERL;
        break;
    case 'i':
    case 'y':
        g->ignores_case = true;
        break;
    case 'S':
        g->is_smart = true;
        break;
    case 'v':
        g->inverts = true;
        break;
    case 'w':
        g->words = true;
        break;
    case 'x':
        g->lines = true;
        break;
    case 'c':
        g->counts = true;
        break;
    case 'l':
        g->lists = true;
        break;
    case 'L':
        g->lists_without = true;
        break;
    case 'q':
        g->is_quiet = true;
        break;
    case 'o':
        g->only_matching = true;
        break;
    case 'n':
        g->numbers = true;
        break;
    case 's':
        g->is_silent = true;
        break;
    case 'a':
    case 'U':
    case FLAG_IGNORED:
        break; /* how grep reads files: here is one way */
    case 'h':
        g->with_name = 0;
        break;
    case 'H':
        g->with_name = 1;
        break;
    case FLAG_SINCE:
        g->since = optarg;
        break;
    case FLAG_UNTIL:
        g->until = optarg;
        break;
    case FLAG_WHERE:
        g->where = optarg;
        break;
    case FLAG_JSON:
        g->is_json = true;
        break;
    case 'A':
        return take_around(c, &g->after);
    case 'B':
        return take_around(c, &g->before);
    case 'C':
        return take_around(c, &g->around);
    case '0' ... '9':
        g->around = AL_MIN((g->around < 0 ? 0 : g->around * 10) + c - '0', AROUND_MAX);
        break;
    case 'm':
        if (!al_parse_u64(al_cstr(optarg), &g->max))
            return cli_usage("grep", "-m '%s': expected a number", optarg);
        if (g->max == 0)
            g->max = UINT64_MAX; /* as grep: nothing is read */
        break;
    case 'e':
        *had_pattern = true;
        if (!add_pattern_lines(g, al_cstr(optarg)))
            return cli_usage("grep", "more than %d patterns", PATTERNS_MAX);
        break;
    case 'f':
        *had_pattern = true;
        if (!add_pattern_file(g, optarg))
            return cli_usage("grep", "-f %s: cannot be read, or too many patterns", optarg);
        break;
    case FLAG_COLOR:
        if (!set_color(g, optarg))
            return cli_usage("grep", "--color '%s': expected always, never or auto", optarg);
        break;
    default:
        if (!client_take_flag(&g->server, c, optarg))
            return cli_usage("grep", "a flag is wrong");
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

static int parse_flags(int argc, char **argv, grep *g)
{
    bool had_pattern = false;
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "GEFPiySvwxclLqonhHsaUm:e:f:A:B:C:0123456789", long_flags,
                            NULL)) != -1) {
        if (c == FLAG_HELP) {
            (void)fputs(help, stdout);
            return -1;
        }
        int r = take_flag(g, c, &had_pattern);
        if (r)
            return r;
    }
    if (!had_pattern) {
        if (optind == argc)
            return cli_usage("grep", "expected a PATTERN");
        if (!add_pattern_lines(g, al_cstr(argv[optind++])))
            return cli_usage("grep", "more than %d patterns", PATTERNS_MAX);
    }
    for (; optind < argc; optind++) {
        if (g->n_indexes == INDEXES_MAX)
            return cli_usage("grep", "more than %d indexes", INDEXES_MAX);
        g->indexes[g->n_indexes++] = al_cstr(argv[optind]);
    }
    return CLI_OK;
}

/* ---- The query */

static bool has_upper(const grep *g)
{
    for (size_t i = 0; i < g->n_patterns; i++)
        for (size_t k = 0; k < g->patterns[i].len; k++)
            if (g->patterns[i].ptr[k] >= 'A' && g->patterns[i].ptr[k] <= 'Z')
                return true;
    return false;
}

/* A pattern that is empty matches every record. */
static bool matches_all(const grep *g)
{
    for (size_t i = 0; i < g->n_patterns; i++)
        if (g->patterns[i].len == 0 && !g->words && !g->lines)
            return true;
    return false;
}

static al_code put_pattern(grep *g, al_slice pattern, al_err *err)
{
    al_buf regex;
    al_buf_init(&regex, QUERY_MAX);
    if (g->lines)
        al_buf_str(&regex, "(?m)^(?:");
    else if (g->words)
        al_buf_str(&regex, "(?<!\\w)(?:");
    al_code c = grep_regex_put(&regex, pattern, g->syntax, err);
    if (g->lines)
        al_buf_str(&regex, ")$");
    else if (g->words)
        al_buf_str(&regex, ")(?!\\w)");
    grep_regex_quote(&g->query, al_buf_slice(&regex),
                     g->ignores_case || (g->is_smart && !has_upper(g)));
    al_buf_done(&regex);
    return c;
}

static al_code make_query(grep *g, al_err *err)
{
    al_buf *q = &g->query;
    bool is_all = matches_all(g);
    if (g->where)
        al_buf_printf(q, "(%s) ", g->where);
    if (is_all && g->inverts)
        al_buf_str(q, "NOT /(?=)/"); /* nothing does not match */
    if (g->n_patterns == 0)
        al_buf_str(q, g->inverts ? "" : "/(?!)/");
    if (!is_all && g->n_patterns) {
        al_buf_str(q, g->inverts ? "NOT (" : "(");
        for (size_t i = 0; i < g->n_patterns; i++) {
            if (i)
                al_buf_str(q, " OR ");
            al_code c = put_pattern(g, g->patterns[i], err);
            if (c)
                return c;
        }
        al_buf_u8(q, ')');
    }
    return al_buf_code(q) ? al_fail(err, AL_INVALID, "the patterns are too long") : AL_OK;
}

/* ---- Asking */

static void put_path(grep *g, al_buf *path, const char *what)
{
    al_buf_str(path, "/api/v1/indexes/");
    cli_put_escaped(path, g->index);
    al_buf_str(path, what);
}

/* The parameters as a form, which may be long. */
static void put_form(grep *g, al_buf *body, const char *more)
{
    al_buf_str(body, "q=");
    cli_put_escaped(body, al_buf_slice(&g->query));
    if (g->since) {
        al_buf_str(body, "&from=");
        cli_put_escaped(body, al_cstr(g->since));
    }
    if (g->until) {
        al_buf_str(body, "&to=");
        cli_put_escaped(body, al_cstr(g->until));
    }
    al_buf_str(body, more);
}

static al_code ask(grep *g, const char *what, const char *more,
                   bool (*take)(void *ctx, al_slice bytes), al_buf *ret_body, al_err *err)
{
    al_buf path;
    al_buf form;
    al_buf_init(&path, 4096);
    al_buf_init(&form, (size_t)8 * QUERY_MAX);
    put_path(g, &path, what);
    al_buf_u8(&path, '\0');
    put_form(g, &form, more);
    client_call call = {.method = "POST",
                        .path = (const char *)path.ptr,
                        .body = al_buf_slice(&form),
                        .type = "application/x-www-form-urlencoded",
                        .take = take,
                        .ctx = g};
    al_code c = al_buf_code(&path) || al_buf_code(&form)
                    ? al_fail(err, AL_INVALID, "the patterns are too long")
                    : client_run(g->client, &call, ret_body, err);
    al_buf_done(&path);
    al_buf_done(&form);
    return c;
}

/* ---- Printing */

static bool with_name(const grep *g)
{
    return g->with_name >= 0 ? g->with_name : g->n_indexes > 1;
}

/* In grep's colours, and with its "erase to the end of the line" behind each. */
static void print_colored(const grep *g, const char *color, al_slice text)
{
    (void)printf(g->has_color ? "\033[%sm\033[K%.*s\033[m\033[K" : "%.0s%.*s", color, AL_ARG(text));
}

static void print_name(const grep *g)
{
    print_colored(g, "35", g->index);
    print_colored(g, "36", (al_slice){(const uint8_t *)&g->separator, 1});
}

static void print_prefix(const grep *g, al_slice id)
{
    if (with_name(g))
        print_name(g);
    if (g->numbers) {
        print_colored(g, "32", id);
        print_colored(g, "36", (al_slice){(const uint8_t *)&g->separator, 1});
    }
}

/* Terminals obey control characters; files get what was logged. */
static void print_text(al_slice s)
{
    static int is_terminal = -1;
    if (is_terminal < 0)
        is_terminal = isatty(STDOUT_FILENO);
    if (!is_terminal) {
        (void)fwrite(s.ptr, 1, s.len, stdout);
        return;
    }
    al_buf safe;
    al_buf_init(&safe, 4 * s.len + 1);
    cli_put_visible(&safe, s);
    (void)fwrite(safe.ptr, 1, safe.len, stdout);
    al_buf_done(&safe);
}

/* The byte at which this UTF-16 unit begins; text is well-formed UTF-8. Walks on from *at. */
static size_t byte_of(al_slice text, uint64_t unit, size_t *at, uint64_t *at_unit)
{
    while (*at < text.len && *at_unit < unit) {
        uint8_t c = text.ptr[*at];
        *at += c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        *at_unit += c >= 0xf0 ? 2 : 1;
    }
    return *at < text.len ? *at : text.len;
}

/* The message with its matches marked, or only them. */
static void print_matches(grep *g, al_slice hit, al_slice id, al_slice message)
{
    json_token list;
    json_token none;
    json_token pair;
    val_type type = VAL_NULL;
    size_t at = 0;
    uint64_t at_unit = 0;
    size_t printed = 0;
    if (!json_pick(hit, "highlights", &list))
        return;
    json_reader r = json_read(list.raw);
    (void)json_peek(&r, &type);
    json_open(&r);
    while (json_next(&r, VAL_ARRAY, &none) == JSON_ITEM && json_value(&r, &pair)) {
        size_t comma = al_slice_find(pair.raw, ',', 0);
        uint64_t start = 0;
        uint64_t n = 0;
        (void)al_parse_u64(al_slice_trim(al_slice_sub(pair.raw, 1, comma)), &start);
        (void)al_parse_u64(al_slice_trim(al_slice_sub(pair.raw, comma + 1, pair.raw.len - 1)), &n);
        size_t from = byte_of(message, start, &at, &at_unit);
        size_t to = byte_of(message, start + n, &at, &at_unit);
        if (g->only_matching)
            print_prefix(g, id);
        else
            print_text(al_slice_sub(message, printed, from));
        (void)fputs(g->has_color ? "\033[01;31m\033[K" : "", stdout);
        print_text(al_slice_sub(message, from, to));
        (void)fputs(g->has_color ? "\033[m\033[K" : "", stdout);
        if (g->only_matching)
            (void)putchar('\n');
        printed = to;
    }
    if (!g->only_matching)
        print_text(al_slice_sub(message, printed, message.len));
}

static void print_hit(grep *g, al_slice hit)
{
    if (g->is_json) {
        if (g->n_indexes > 1)
            (void)printf("{\"index\":\"%.*s\",", AL_ARG(g->index));
        al_slice rest = al_slice_sub(hit, g->n_indexes > 1 ? 1 : 0, hit.len);
        (void)fwrite(rest.ptr, 1, rest.len, stdout);
        (void)putchar('\n');
        return;
    }
    al_arena_reset(g->arena);
    al_slice message = json_pick_text(hit, "message", g->arena);
    al_slice id = json_pick_text(hit, "id", g->arena);
    if (!g->only_matching)
        print_prefix(g, id);
    if (!g->inverts && (g->only_matching || g->has_color))
        print_matches(g, hit, id, message);
    else if (!g->only_matching)
        print_text(message);
    if (!g->only_matching)
        (void)putchar('\n');
}

static void print_around(void *ctx, al_slice hit, bool is_hit)
{
    grep *g = ctx;
    g->was_printed = true;
    if (is_hit || g->is_json) {
        print_hit(g, hit);
    } else if (!g->only_matching) {
        al_arena_reset(g->arena);
        g->separator = '-';
        print_prefix(g, json_pick_text(hit, "id", g->arena));
        g->separator = ':';
        print_text(json_pick_text(hit, "message", g->arena));
        (void)putchar('\n');
    }
}

static void print_gap(void *ctx)
{
    grep *g = ctx;
    if (!g->was_printed || g->is_json)
        return;
    print_colored(g, "36", AL_LIT("--"));
    (void)putchar('\n');
}

/* ---- Whose answer, and whether it is all */

static void note_missing(grep *g, al_slice part, al_slice why)
{
    if (g->missing.len == 0)
        al_buf_printf(&g->missing, "%.*s: %.*s", AL_ARG(part), AL_ARG(why));
}

static void take_reason(void *ctx, al_slice item)
{
    grep *g = ctx;
    al_arena_reset(g->arena);
    note_missing(g, json_pick_text(item, "part", g->arena), json_pick_text(item, "why", g->arena));
}

/* A JSON answer. False: it is not one of alco's. */
static bool check_json(void *ctx, al_slice body)
{
    json_token is_partial;
    if (!json_pick(body, "partial", &is_partial))
        return false;
    if (is_partial.type != VAL_TRUE)
        return is_partial.type == VAL_FALSE;
    json_pick_items(body, "partial_why", take_reason, ctx);
    note_missing(ctx, AL_LIT("rows"), AL_LIT("no reason was given"));
    return true;
}

static bool is_ndjson(const grep *g)
{
    return al_slice_starts(client_type(g->client), AL_LIT("application/x-ndjson"));
}

/* An answer of lines has its report at its end. */
static al_code check_lines(grep *g, al_err *err)
{
    al_slice partial = client_partial(g->client);
    if (!is_ndjson(g))
        return al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    if (al_slice_starts(partial, AL_LIT("true; ")))
        al_buf_slice_put(&g->missing, al_slice_sub(partial, 6, partial.len));
    return AL_OK;
}

/* Pieces of ndjson -> hits. */
static bool take_bytes(void *ctx, al_slice bytes)
{
    grep *g = ctx;
    if (!is_ndjson(g))
        return true; /* check_lines() will say it */
    for (size_t at = 0; at < bytes.len;) {
        size_t end = al_slice_find(bytes, '\n', at);
        al_buf_slice_put(&g->line, al_slice_sub(bytes, at, end));
        at = end + 1;
        if (end == bytes.len)
            break;
        if (g->line.len) {
            print_hit(g, al_buf_slice(&g->line));
            g->n++;
        }
        al_buf_clear(&g->line);
        if (g->max && g->n == g->max)
            return false;
    }
    return !ferror(stdout) && al_buf_code(&g->line) == AL_OK;
}

/* ---- One index */

static al_code count_index(grep *g, al_err *err)
{
    al_buf body;
    json_token n;
    al_buf_init(&body, 1 << 20);
    al_code c = ask(g, "/count", "", NULL, &body, err);
    if (!c && !(check_json(g, al_buf_slice(&body)) && json_pick(al_buf_slice(&body), "count", &n) &&
                al_parse_u64(n.raw, &g->n)))
        c = al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    if (g->max && g->n > g->max)
        g->n = g->max;
    al_buf_done(&body);
    return c;
}

static al_code find_any(grep *g, al_err *err)
{
    al_buf body;
    al_buf_init(&body, HIT_MAX);
    al_code c = ask(g, "/search", "&order=asc&limit=1&format=ndjson", NULL, &body, err);
    if (!c)
        c = check_lines(g, err);
    g->n = !c && body.len > 0;
    if (g->n)
        al_buf_clear(&g->missing); /* one is enough */
    al_buf_done(&body);
    return c;
}

static al_code ask_page(void *ctx, const char *more, al_buf *ret_body, al_err *err)
{
    return ask(ctx, "/search", more, NULL, ret_body, err);
}

static al_code find_around(grep *g, al_err *err)
{
    int64_t both = AL_MAX(g->around, 0);
    around_job job = {.client = g->client,
                      .index = g->index,
                      .before = (uint64_t)(g->before >= 0 ? g->before : both),
                      .after = (uint64_t)(g->after >= 0 ? g->after : both),
                      .max = g->max,
                      .ask = ask_page,
                      .check = check_json,
                      .print = print_around,
                      .gap = print_gap,
                      .ctx = g};
    return grep_around(&job, &g->n, err);
}

static al_code find_all(grep *g, al_err *err)
{
    al_code c = ask(g, "/search", "&order=asc&limit=0&format=ndjson", take_bytes, NULL, err);
    return c ? c : check_lines(g, err);
}

static void grep_index(grep *g)
{
    al_err err = {0};
    al_code c = AL_OK;
    g->n = 0;
    al_buf_clear(&g->line);
    al_buf_clear(&g->missing);
    if (g->max == UINT64_MAX)
        c = AL_OK;
    else if (g->is_quiet || g->lists || g->lists_without)
        c = find_any(g, &err);
    else if (g->counts)
        c = count_index(g, &err);
    else if (g->before >= 0 || g->after >= 0 || g->around >= 0)
        c = find_around(g, &err);
    else
        c = find_all(g, &err);
    if (c && c != AL_CANCELLED) {
        if (!(g->is_silent && c == AL_NOT_FOUND))
            cli_say("grep: %s", err.msg);
        g->had_error = true;
        return;
    }
    if (g->missing.len) {
        cli_say("grep: %.*s: the answer is not complete: %.*s", AL_ARG(g->index),
                AL_ARG(al_buf_slice(&g->missing)));
        g->had_error = true;
    }
    if (g->n)
        g->was_found = true;
    if (g->counts && !g->is_quiet && !g->lists && !g->lists_without) {
        if (with_name(g))
            print_name(g);
        (void)printf("%llu\n", (unsigned long long)g->n);
    }
    bool is_known = g->n || !g->missing.len; /* else some may be where nobody looked */
    if (!g->is_quiet && ((g->lists && g->n) || (g->lists_without && !g->n && is_known))) {
        print_colored(g, "35", g->index);
        (void)putchar('\n');
    }
}

static void take_index(void *ctx, al_slice item)
{
    grep *g = ctx;
    al_slice name = json_pick_text(item, "name", g->arena);
    if (name.len && g->n_indexes < INDEXES_MAX)
        g->indexes[g->n_indexes++] = name;
}

static al_code list_indexes(grep *g, al_arena *names, al_err *err)
{
    al_buf body;
    al_buf_init(&body, 16 << 20);
    al_arena *line = g->arena;
    g->arena = names; /* they outlive the lines */
    client_call call = {.path = "/api/v1/indexes"};
    al_code c = client_run(g->client, &call, &body, err);
    if (!c && !json_pick_items(al_buf_slice(&body), "indexes", take_index, g))
        c = al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    g->arena = line;
    al_buf_done(&body);
    return c;
}

static int run(grep *g, al_arena *names)
{
    al_err err = {0};
    al_code c = make_query(g, &err);
    if (!c)
        c = client_open(&g->server, &g->client, &err);
    if (!c && g->n_indexes == 0)
        c = list_indexes(g, names, &err);
    if (c) {
        cli_say("grep: %s", err.msg);
        return CLI_USAGE;
    }
    for (size_t i = 0; i < g->n_indexes && !(g->is_quiet && g->was_found); i++) {
        g->index = g->indexes[i];
        grep_index(g);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_say("grep: write: %m");
        return CLI_USAGE;
    }
    if (g->had_error && !(g->is_quiet && g->was_found))
        return CLI_USAGE;
    return g->was_found ? CLI_OK : CLI_FAILED;
}

int cmd_grep(int argc, char **argv)
{
    static grep g = {.with_name = -1,
                     .separator = ':',
                     .before = -1,
                     .after = -1,
                     .around = -1}; /* large; there is one */
    AL_CLEANUP(al_arena_freep) al_arena *names = al_arena_new(4096);
    AL_CLEANUP(al_arena_freep) al_arena *lines = al_arena_new(65536);
    if (!names || !lines) {
        cli_say("grep: no memory");
        return CLI_USAGE;
    }
    (void)signal(SIGPIPE, SIG_DFL);
    g.arena = names;
    al_buf_init(&g.files, 1 << 20);
    al_buf_init(&g.query, (size_t)8 * QUERY_MAX);
    al_buf_init(&g.line, HIT_MAX);
    al_buf_init(&g.missing, 4096);
    int r = parse_flags(argc, argv, &g);
    g.arena = lines;
    if (r == CLI_OK)
        r = run(&g, names);
    (void)client_close(g.client);
    al_buf_done(&g.files);
    al_buf_done(&g.query);
    al_buf_done(&g.line);
    al_buf_done(&g.missing);
    return r < 0 ? CLI_OK : r;
}
