/* alco grep: grep's flags and meaning over indexes. The pattern becomes a regular expression of a
 * query, the server finds, and the rows stream by, oldest first, index after index as grep takes
 * file after file. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "cli/cli.h"
#include "cli/grep_around.h"
#include "cli/grep_number.h"
#include "cli/grep_pages.h"
#include "cli/grep_print.h"
#include "cli/grep_query.h"
#include "cli/grep_source.h"
#include "cli/json_pick.h"

enum { HIT_BYTES_MAX = 1 << 30, NUMBERED_ROWS = 1000, INDEX_LIST_BYTES_MAX = 16 << 20 };

typedef struct grep {
    grep_flags flags;
    grep_source source;
    grep_printer printer;
    grep_number number;
    al_err number_err;
    bool is_next;   /* the next row printed is the one behind the last printed */
    al_buf missing; /* of the source */
    al_buf line;    /* the beginning of a hit whose end has not come */
    uint64_t n;     /* of the index being read */
    al_err said;    /* the error that was told last */
    bool had_error;
    bool was_found;
} grep;

/* ---- One index, in one of four ways */

/* Pieces of ndjson -> hits. */
static bool take_bytes(void *ctx, al_slice bytes)
{
    grep *g = ctx;
    if (!grep_source_is_lines(&g->source))
        return true; /* the check at the end will say it */
    for (size_t at = 0; at < bytes.len;) {
        size_t end = al_slice_find(bytes, '\n', at);
        al_buf_slice_put(&g->line, al_slice_sub(bytes, at, end));
        at = end + 1;
        if (end == bytes.len)
            break;
        if (g->line.len) {
            grep_print_hit(&g->printer, al_buf_slice(&g->line));
            g->n++;
        }
        al_buf_clear(&g->line);
        if (g->flags.has_max && g->n == g->flags.max)
            return false;
    }
    return !ferror(stdout) && al_buf_code(&g->line) == AL_OK;
}

/* A stream whose end nobody vouched for: what came is good, and more may have been left out. */
static void note_unsure(grep *g, bool is_known)
{
    if (!is_known)
        cli_say("grep: %.*s: warning: whether this is all could not be told: the answer's trailer "
                "was lost on the way",
                AL_ARG(g->source.index));
}

static al_code find_all(grep *g, al_err *err)
{
    bool is_known = false;
    al_code c = grep_source_ask(&g->source, "/search", "&order=asc&limit=0&format=ndjson",
                                take_bytes, g, NULL, err);
    if (al_buf_code(&g->line))
        return al_fail(err, AL_LIMIT, "%.*s: a record is too long", AL_ARG(g->source.index));
    if (!c)
        c = grep_source_check_lines(&g->source, &is_known, err);
    if (!c)
        note_unsure(g, is_known);
    return c;
}

static al_code find_any(grep *g, al_err *err)
{
    bool is_known = false;
    al_buf body;
    al_buf_init(&body, HIT_BYTES_MAX);
    al_code c = grep_source_ask(&g->source, "/search", "&order=asc&limit=1&format=ndjson", NULL,
                                NULL, &body, err);
    if (!c)
        c = grep_source_check_lines(&g->source, &is_known, err);
    g->n = !c && body.len > 0;
    if (g->n)
        al_buf_clear(&g->missing); /* one is enough */
    else if (!c)
        note_unsure(g, is_known);
    al_buf_done(&body);
    return c;
}

/* -n. False: the error is in g->number_err. */
static bool number_row(grep *g, al_slice hit)
{
    if (!g->flags.numbers || g->flags.is_json)
        return true;
    if (g->is_next) { /* of its neighbour, plus one */
        g->printer.number++;
        return true;
    }
    uint64_t id = json_pick_id(hit);
    return grep_number_of(&g->number, id, &g->printer.number, &g->number_err) == AL_OK;
}

static bool take_numbered(void *ctx, al_slice hit)
{
    grep *g = ctx;
    if (!number_row(g, hit))
        return false;
    grep_print_hit(&g->printer, hit);
    return ++g->n != g->flags.max || !g->flags.has_max;
}

static bool print_row(void *ctx, al_slice hit, bool is_hit)
{
    grep *g = ctx;
    if (!number_row(g, hit))
        return false;
    grep_print_row(&g->printer, hit, is_hit);
    g->is_next = true;
    return true;
}

static void print_gap(void *ctx)
{
    grep *g = ctx;
    grep_print_gap(&g->printer);
    g->is_next = false;
}

static al_code find_around(grep *g, al_err *err)
{
    const grep_flags *f = &g->flags;
    int64_t both = AL_MAX(f->around, 0);
    around_job job = {.source = &g->source,
                      .before = (uint64_t)(f->before >= 0 ? f->before : both),
                      .after = (uint64_t)(f->after >= 0 ? f->after : both),
                      .max = f->has_max ? f->max : 0,
                      .print = print_row,
                      .gap = print_gap,
                      .ctx = g};
    return grep_around(&job, &g->n, err);
}

/* What asks for more between hits: -n and -A -B -C. */
static al_code find_by_pages(grep *g, bool has_around, al_err *err)
{
    g->number_err = (al_err){0};
    g->is_next = false;
    grep_number_init(&g->number, &g->source);
    al_code c = has_around ? find_around(g, err)
                           : grep_pages(&g->source, NUMBERED_ROWS, take_numbered, g, err);
    grep_number_done(&g->number);
    if (!c && g->number_err.code) {
        *err = g->number_err;
        c = err->code;
    }
    return c;
}

/* -m 0, -f with an empty file, -v with the one pattern that matches everything. */
static bool wants_nothing(const grep_flags *f)
{
    bool matches_all = f->n_patterns == 1 && f->patterns[0].len == 0 && !f->words && !f->lines;
    return (f->has_max && f->max == 0) || (f->inverts ? matches_all : f->n_patterns == 0);
}

static al_code find(grep *g, al_err *err)
{
    const grep_flags *f = &g->flags;
    if (wants_nothing(f))
        return AL_OK;
    if (f->is_quiet || f->lists || f->lists_without)
        return find_any(g, err);
    if (f->counts) {
        al_code c = grep_source_count(&g->source, &g->n, err);
        if (f->has_max)
            g->n = AL_MIN(g->n, f->max);
        return c;
    }
    bool has_around = f->before >= 0 || f->after >= 0 || f->around >= 0;
    if (has_around || (f->numbers && !f->is_json))
        return find_by_pages(g, has_around, err);
    return find_all(g, err);
}

/* An error of what all indexes are asked, said of one, is not said of the next. */
static void say_error(grep *g, const al_err *err)
{
    if (strcmp(g->said.msg, err->msg) != 0)
        cli_say("grep: %s", err->msg);
    g->said = *err;
}

static void grep_index(grep *g, al_slice index)
{
    const grep_flags *f = &g->flags;
    al_err err = {0};
    g->source.index = g->printer.index = index;
    g->n = 0;
    al_buf_clear(&g->line);
    al_buf_clear(&g->missing);
    al_code c = find(g, &err);
    if (c && c != AL_CANCELLED) {
        if (!(f->is_silent && c == AL_NOT_FOUND))
            say_error(g, &err);
        g->had_error = true;
        return;
    }
    if (g->missing.len) {
        cli_say("grep: %.*s: the answer is not complete: %.*s", AL_ARG(index),
                AL_ARG(al_buf_slice(&g->missing)));
        g->had_error = true;
    }
    if (g->n)
        g->was_found = true;
    if (f->counts && !f->is_quiet && !f->lists && !f->lists_without)
        grep_print_count(&g->printer, g->n);
    bool is_known = g->n || !g->missing.len; /* else some may be where nobody looked */
    if (!f->is_quiet && ((f->lists && g->n) || (f->lists_without && !g->n && is_known)))
        grep_print_index(&g->printer);
}

/* ---- All of them */

typedef struct name_list {
    grep_flags *flags;
    al_arena *arena;
} name_list;

static void take_index(void *ctx, al_slice item)
{
    name_list *l = ctx;
    al_slice name = json_pick_text(item, "name", l->arena);
    if (name.len && l->flags->n_indexes < GREP_INDEXES_MAX)
        l->flags->indexes[l->flags->n_indexes++] = name;
}

static al_code list_indexes(grep *g, al_arena *names, al_err *err)
{
    name_list list = {&g->flags, names};
    al_buf body;
    al_buf_init(&body, INDEX_LIST_BYTES_MAX);
    client_call call = {.path = "/api/v1/indexes"};
    al_code c = client_run(g->source.client, &call, &body, err);
    if (!c && !json_pick_items(al_buf_slice(&body), "indexes", take_index, &list))
        c = al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    al_buf_done(&body);
    return c;
}

static int run(grep *g, al_arena *names, al_buf *query)
{
    const grep_flags *f = &g->flags;
    al_err err = {0};
    if (wants_nothing(f) && !f->lists_without)
        return CLI_FAILED; /* as grep: nothing is read, not even the patterns */
    al_code c = grep_query_put(query, f, &err);
    g->source.query = al_buf_slice(query);
    if (!c)
        c = client_open(&f->server, &g->source.client, &err);
    if (!c && f->n_indexes == 0)
        c = list_indexes(g, names, &err);
    if (c) {
        cli_say("grep: %s", err.msg);
        return CLI_USAGE;
    }
    for (size_t i = 0; i < f->n_indexes && !(f->is_quiet && g->was_found); i++)
        grep_index(g, f->indexes[i]);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_say("grep: write: %m");
        return CLI_USAGE;
    }
    if (g->had_error && !(f->is_quiet && g->was_found))
        return CLI_USAGE;
    return g->was_found ? CLI_OK : CLI_FAILED;
}

int cmd_grep(int argc, char **argv)
{
    static grep g; /* large; there is one */
    bool is_help = false;
    AL_CLEANUP(al_arena_freep) al_arena *names = al_arena_new(4096);
    AL_CLEANUP(al_arena_freep) al_arena *lines = al_arena_new(65536);
    if (!names || !lines) {
        cli_say("grep: no memory");
        return CLI_USAGE;
    }
    (void)signal(SIGPIPE, SIG_DFL);
    int r = grep_flags_parse(argc, argv, names, &g.flags, &is_help);
    if (r != CLI_OK || is_help)
        return r;
    al_buf query;
    al_buf_init(&query, (size_t)8 * GREP_QUERY_BYTES_MAX);
    al_buf_init(&g.line, HIT_BYTES_MAX);
    al_buf_init(&g.missing, 4096);
    g.source.since = g.flags.since;
    g.source.until = g.flags.until;
    g.source.arena = lines;
    g.source.missing = &g.missing;
    g.source.needs_fields = g.flags.is_json;
    g.printer = (grep_printer){.flags = &g.flags, .arena = lines, .separator = ':'};
    r = run(&g, names, &query);
    (void)client_close(g.source.client);
    al_buf_done(&g.line);
    al_buf_done(&g.missing);
    al_buf_done(&query);
    return r;
}
