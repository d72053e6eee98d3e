/* alco tail: the newest records, oldest of them first, and with -f those that come.
 * No record is missed or shown twice between the two: the server is asked where its stream of
 * arrivals stands, then for the newest records, then for its place again, then for the stream from
 * the first place on. What arrived between the places may be in both: it is known by its index and
 * id; or it was found older than the newest, and is left out. A connection that breaks is made
 * again from the last event that came. */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/json_pick.h"
#include "cli/sse.h"

enum {
    ROWS = 10,
    ROWS_MAX = 10000,
    INDEXES_BYTES_MAX = 32768,
    ANSWER_BYTES_MAX = 1 << 30,
    RETRY_S = 1
};

static const char help[] =
    "usage: alco tail [-f] [-n N] [-q QUERY] [--json] [INDEX...]\n"
    "\n"
    "Prints the messages of the newest records, oldest of them first. Without INDEX: of all, as "
    "one\n"
    "log; with more than one, lines begin with `index:`.\n"
    "\n"
    "  -f, --follow        go on with records that come, in order of arrival\n"
    "  -n, --lines N       so many (10; 0 to 10000)\n"
    "  -q, --query QUERY   only what this query finds\n"
    "  --json              whole records, one JSON document a line\n" CLIENT_HELP "\n"
    "Exit status 0, 1 when it cannot, 2 when a flag or --data is wrong.\n";

typedef struct place { /* in the order of arrival: an event's id is "frame.row" */
    uint64_t frame, row;
} place;

typedef struct tail {
    client_options server;
    client *client;
    bool follows;
    bool is_json;
    uint64_t n_rows;
    const char *query;
    al_buf indexes; /* a,b,c percent-encoded */
    size_t n_indexes;
    al_buf path;
    al_buf page;
    al_slice hits[ROWS_MAX]; /* of the page, newest first; kept to know them again */
    uint64_t ids[ROWS_MAX];
    size_t n_hits;
    sse events;
    place settled;  /* what arrived up to here was there to be found */
    bool has_begun; /* the stream came to its first event */
    bool is_lost;   /* the connection, and that was said */
    al_arena *arena;
} tail;

/* ---- Printing */

static void print_hit(tail *t, al_slice hit)
{
    al_arena_reset(t->arena);
    if (t->is_json) {
        cli_print_json(hit);
    } else {
        if (t->n_indexes > 1) {
            cli_print(json_pick_text(hit, "index", t->arena));
            (void)putchar(':');
        }
        cli_print(json_pick_text(hit, "message", t->arena));
    }
    (void)putchar('\n');
}

/* ---- Asking */

/* "/api/v1/indexes/a,b/WHAT?q=…MORE" in t->path. */
static al_code make_path(tail *t, const char *what, const char *more, al_err *err)
{
    al_buf_clear(&t->path);
    al_buf_str(&t->path, "/api/v1/indexes/");
    al_buf_slice_put(&t->path, al_buf_slice(&t->indexes));
    al_buf_printf(&t->path, "/%s?q=", what);
    cli_put_escaped(&t->path, al_cstr(t->query));
    if (!t->is_json)
        al_buf_str(&t->path, "&fields=");
    al_buf_str(&t->path, more);
    al_buf_u8(&t->path, '\0');
    return al_buf_code(&t->path) ? al_fail(err, AL_LIMIT, "the query is too long") : AL_OK;
}

static void add_index(tail *t, al_slice name)
{
    if (t->n_indexes++)
        al_buf_u8(&t->indexes, ',');
    cli_put_escaped(&t->indexes, name);
}

static void take_index(void *ctx, al_slice item)
{
    tail *t = ctx;
    al_slice name = json_pick_text(item, "name", t->arena);
    if (name.len)
        add_index(t, name);
}

static al_code list_indexes(tail *t, al_err *err)
{
    client_call call = {.path = "/api/v1/indexes"};
    al_code c = client_run(t->client, &call, &t->page, err);
    if (!c && !json_pick_items(al_buf_slice(&t->page), "indexes", take_index, t))
        c = al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    return c;
}

/* ---- The newest */

static void take_hit(void *ctx, al_slice hit)
{
    tail *t = ctx;
    if (t->n_hits == ROWS_MAX)
        return;
    t->ids[t->n_hits] = json_pick_id(hit);
    t->hits[t->n_hits++] = hit;
}

static void tell_partial(al_slice body)
{
    json_token is_partial;
    if (json_pick(body, "partial", &is_partial) && is_partial.type == VAL_TRUE)
        cli_say("tail: the answer is not complete: older records may be missing");
}

static al_code print_newest(tail *t, al_err *err)
{
    char more[64];
    (void)snprintf(more, sizeof more, "&order=desc&limit=%" PRIu64, t->n_rows);
    t->n_hits = 0;
    if (t->n_rows == 0)
        return AL_OK;
    al_code c = make_path(t, "search", more, err);
    client_call call = {.path = (const char *)t->path.ptr};
    if (!c)
        c = client_run(t->client, &call, &t->page, err);
    if (!c && !json_pick_items(al_buf_slice(&t->page), "hits", take_hit, t))
        c = al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    if (c)
        return c;
    tell_partial(al_buf_slice(&t->page));
    for (size_t i = t->n_hits; i > 0; i--)
        print_hit(t, t->hits[i - 1]);
    (void)fflush(stdout); /* an error is found at the end */
    return AL_OK;
}

/* ---- Those that come */

static al_slice index_of(al_slice hit)
{
    json_token index;
    return json_pick(hit, "index", &index) ? index.raw : (al_slice){0};
}

/* Was it printed among the newest? */
static bool is_known(const tail *t, al_slice hit)
{
    uint64_t id = json_pick_id(hit);
    for (size_t i = 0; i < t->n_hits; i++)
        if (t->ids[i] == id && al_slice_eq(index_of(t->hits[i]), index_of(hit)))
            return true;
    return false;
}

static place place_of(const char *id)
{
    place p = {0};
    al_slice text = al_cstr(id);
    size_t dot = al_slice_find(text, '.', 0);
    if (!al_parse_u64(al_slice_sub(text, 0, dot), &p.frame) ||
        !al_parse_u64(al_slice_sub(text, dot + 1, text.len), &p.row))
        return (place){0}; /* behind nothing */
    return p;
}

/* Was it there when the newest were asked for, and not among them? */
static bool is_older(const tail *t, const sse_event *e)
{
    place p = place_of(e->id);
    bool is_settled =
        p.frame < t->settled.frame || (p.frame == t->settled.frame && p.row <= t->settled.row);
    return is_settled && t->n_hits && t->n_hits == t->n_rows &&
           json_pick_id(e->data) < t->ids[t->n_hits - 1];
}

static bool take_event(void *ctx, const sse_event *e)
{
    tail *t = ctx;
    if (t->is_lost)
        cli_say("tail: connected again");
    t->is_lost = false;
    if (strcmp(e->type, "reset") == 0)
        cli_say("tail: records may be missing here: the server does not remember so far back");
    else if (strcmp(e->type, "message") == 0 && !is_known(t, e->data) && !is_older(t, e))
        print_hit(t, e->data);
    return true;
}

static bool take_stream(void *ctx, al_slice bytes)
{
    tail *t = ctx;
    bool goes_on = sse_feed(&t->events, bytes, take_event, t);
    return fflush(stdout) == 0 && goes_on;
}

static bool take_first(void *ctx, const sse_event *e)
{
    tail *t = ctx;
    t->has_begun = strcmp(e->type, "ready") == 0;
    return false;
}

static bool take_beginning(void *ctx, al_slice bytes)
{
    tail *t = ctx;
    return sse_feed(&t->events, bytes, take_first, t);
}

/* Where the stream of arrivals stands now -> t->events.id. */
static al_code find_place(tail *t, al_err *err)
{
    t->has_begun = false;
    t->events.id[0] = '\0';
    sse_begin(&t->events);
    al_code c = make_path(t, "tail", "", err);
    client_call call = {
        .path = (const char *)t->path.ptr, .take = take_beginning, .ctx = t, .is_endless = true};
    if (c)
        return c;
    c = client_run(t->client, &call, NULL, err);
    if (c && c != AL_CANCELLED)
        return c;
    return t->has_begun && t->events.id[0] ? AL_OK : al_fail(err, AL_INVALID, CLI_NOT_ALCO);
}

/* The newest, and the place from which to follow. */
static al_code begin_following(tail *t, al_err *err)
{
    char from[SSE_ID_BYTES_MAX];
    al_code c = find_place(t, err);
    memcpy(from, t->events.id, sizeof from);
    if (!c)
        c = print_newest(t, err);
    if (!c)
        c = find_place(t, err);
    t->settled = place_of(t->events.id);
    memcpy(t->events.id, from, sizeof from);
    return c;
}

/* Ends with an error only: a refusal, or nobody reads us. */
static al_code follow(tail *t, al_err *err)
{
    for (;;) {
        al_code c = make_path(t, "tail", "", err);
        if (c)
            return c;
        client_call call = {.path = (const char *)t->path.ptr,
                            .last_event_id = t->events.id,
                            .take = take_stream,
                            .ctx = t,
                            .is_endless = true};
        sse_begin(&t->events);
        c = client_run(t->client, &call, NULL, err);
        if (c && c != AL_IO && c != AL_AGAIN)
            return c;
        if (!t->is_lost)
            cli_say("tail: %s; trying again", c ? err->msg : "the server ended the stream");
        t->is_lost = true;
        struct timespec pause = {.tv_sec = RETRY_S};
        (void)nanosleep(&pause, NULL);
    }
}

/* ---- The command */

static int run(tail *t)
{
    al_err err = {0};
    al_code c = client_open(&t->server, &t->client, &err);
    if (!c && t->n_indexes == 0)
        c = list_indexes(t, &err);
    if (!c)
        c = t->follows ? begin_following(t, &err) : print_newest(t, &err);
    if (!c && t->follows)
        c = follow(t, &err);
    if (!c && fflush(stdout) == 0 && !ferror(stdout))
        return CLI_OK;
    cli_say("tail: %s", c && !ferror(stdout) ? err.msg : "nobody reads what is printed");
    return t->client ? CLI_FAILED : CLI_USAGE; /* without: nothing was even asked */
}

static int parse_flags(int argc, char **argv, tail *t, bool *ret_is_help)
{
    static const struct option flags[] = {{"follow", no_argument, NULL, 'f'},
                                          {"lines", required_argument, NULL, 'n'},
                                          {"query", required_argument, NULL, 'q'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          CLIENT_FLAGS,
                                          {0}};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "fn:q:", flags, NULL)) != -1) {
        if (c == 'h') {
            *ret_is_help = true;
            return CLI_OK;
        }
        if (c == 'f')
            t->follows = true;
        else if (c == 'j')
            t->is_json = true;
        else if (c == 'q')
            t->query = optarg;
        else if (c == 'n' && (!al_parse_u64(al_cstr(optarg), &t->n_rows) || t->n_rows > ROWS_MAX))
            return cli_usage("tail", "-n '%s': expected a number up to %d", optarg, ROWS_MAX);
        else if (c != 'n' && !client_take_flag(&t->server, c, optarg))
            return cli_wrong_flag("tail", argv);
    }
    if (t->follows && t->server.data)
        return cli_usage("tail",
                         "-f needs a server: nothing comes into a directory that none owns");
    for (; optind < argc; optind++)
        add_index(t, al_cstr(argv[optind]));
    return CLI_OK;
}

int cmd_tail(int argc, char **argv)
{
    static tail t; /* large; there is one */
    t.n_rows = ROWS;
    t.query = "";
    bool is_help = false;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(65536);
    if (!arena) {
        cli_say("tail: no memory");
        return CLI_FAILED;
    }
    (void)signal(SIGPIPE, SIG_DFL);
    t.arena = arena;
    al_buf_init(&t.indexes, INDEXES_BYTES_MAX);
    al_buf_init(&t.path, (size_t)4 * INDEXES_BYTES_MAX);
    al_buf_init(&t.page, ANSWER_BYTES_MAX);
    sse_init(&t.events);
    int r = parse_flags(argc, argv, &t, &is_help);
    if (r == CLI_OK && is_help)
        (void)fputs(help, stdout);
    else if (r == CLI_OK)
        r = run(&t);
    (void)client_close(t.client);
    al_buf_done(&t.indexes);
    al_buf_done(&t.path);
    al_buf_done(&t.page);
    sse_done(&t.events);
    return r;
}
