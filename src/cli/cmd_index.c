/* alco index: list, create, set, drop, compact. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/json_pick.h"
#include "record/json_out.h"

static const char help[] =
    "usage: alco index list [--json]\n"
    "       alco index create NAME [SETTINGS]   with --data DIR also the directory\n"
    "       alco index set NAME SETTINGS\n"
    "       alco index drop NAME      with all its records\n"
    "       alco index compact NAME   returns when all is flushed and merged\n"
    "\n"
    "settings:\n"
    "  --intervals DAYS        days kept (30)\n"
    "  --max-bytes BYTES       oldest records go beyond it (0: no limit)\n"
    "  --queue-name NAME       --exchange NAME    --routing-key KEY,KEY...\n"
    "  --durable yes|no        --num-processes N\n"
    "  --timestamp-zone ZONE   in which times without offset are read: utc, local, Europe/Moscow\n"
    "  --text-fields A,B       searched by bare text beside the message (exc_info,stack_info)\n"
    "  --engine embedded|sphinx   when it is created (embedded)\n" CLIENT_HELP;

enum { KIND_TEXT, KIND_NUMBER, KIND_BYTES, KIND_BOOL, KIND_LIST };

static const struct {
    const char *flag;
    const char *name;
    int kind;
} settings[] = {
    {"intervals", "intervals", KIND_NUMBER},
    {"max-bytes", "max_bytes", KIND_BYTES},
    {"queue-name", "queue_name", KIND_TEXT},
    {"exchange", "exchange", KIND_TEXT},
    {"routing-key", "routing_key", KIND_TEXT},
    {"durable", "durable", KIND_BOOL},
    {"num-processes", "num_processes", KIND_NUMBER},
    {"timestamp-zone", "timestamp_zone", KIND_TEXT},
    {"text-fields", "text_fields", KIND_LIST},
    {"engine", "engine", KIND_TEXT},
};
enum { N_SETTINGS = sizeof settings / sizeof settings[0] };

typedef struct index_args {
    client_options server;
    const char *values[N_SETTINGS];
    bool is_json;
    const char *verb;
    const char *name;
} index_args;

static void put_list(al_buf *out, al_slice list)
{
    bool is_first = true;
    al_buf_u8(out, '[');
    for (size_t at = 0; at < list.len;) {
        size_t comma = al_slice_find(list, ',', at);
        al_slice item = al_slice_trim(al_slice_sub(list, at, comma));
        at = comma + 1;
        if (item.len == 0)
            continue;
        if (!is_first)
            al_buf_u8(out, ',');
        json_put_string(out, item);
        is_first = false;
    }
    al_buf_u8(out, ']');
}

/* The setting as JSON; false: it is none. */
static bool put_value(al_buf *out, int kind, const char *text)
{
    uint64_t n = 0;
    switch (kind) {
    case KIND_NUMBER:
        if (!al_parse_u64(al_cstr(text), &n))
            return false;
        al_buf_printf(out, "%" PRIu64, n);
        return true;
    case KIND_BYTES:
        if (!al_parse_bytes(al_cstr(text), &n))
            return false;
        al_buf_printf(out, "%" PRIu64, n);
        return true;
    case KIND_BOOL:
        if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0 && strcmp(text, "true") != 0 &&
            strcmp(text, "false") != 0)
            return false;
        al_buf_str(out, text[0] == 'y' || text[0] == 't' ? "true" : "false");
        return true;
    case KIND_LIST:
        put_list(out, al_cstr(text));
        return true;
    default:
        json_put_string(out, al_cstr(text));
        return true;
    }
}

static int put_body(al_buf *out, const index_args *a, bool with_name)
{
    bool is_first = !with_name;
    al_buf_u8(out, '{');
    if (with_name) {
        al_buf_str(out, "\"name\":");
        json_put_string(out, al_cstr(a->name));
    }
    for (size_t i = 0; i < N_SETTINGS; i++) {
        if (!a->values[i])
            continue;
        al_buf_printf(out, "%s\"%s\":", is_first ? "" : ",", settings[i].name);
        if (!put_value(out, settings[i].kind, a->values[i]))
            return cli_usage("index", "--%s '%s': not understood", settings[i].flag, a->values[i]);
        is_first = false;
    }
    al_buf_u8(out, '}');
    return CLI_OK;
}

/* ---- list */

/* A broker that is not simply connected. */
static void print_input(void *ctx, al_slice item)
{
    al_arena *arena = ctx;
    al_slice state = json_pick_text(item, "state", arena);
    al_slice why = json_pick_text(item, "why", arena);
    if (al_slice_eq(state, AL_LIT("connected")) && why.len == 0)
        return;
    AL_CLEANUP(al_buf_done) al_buf line;
    al_buf_init(&line, 8192);
    al_buf_printf(&line, "  %.*s %.*s%s%.*s\n", AL_ARG(json_pick_text(item, "broker", arena)),
                  AL_ARG(state), why.len ? ": " : "", AL_ARG(why));
    cli_print(al_buf_slice(&line));
}

static void print_row(void *ctx, al_slice item)
{
    al_arena *arena = ctx;
    json_token t;
    al_slice stats = {0};
    if (json_pick(item, "stats", &t))
        stats = t.raw;
    const char *const numbers[] = {"records", "bytes", "last_5m"};
    (void)printf("%-20.*s", AL_ARG(json_pick_text(item, "name", arena)));
    for (size_t i = 0; i < 3; i++) {
        al_slice text = json_pick(stats, numbers[i], &t) ? t.raw : AL_LIT("-");
        (void)printf(" %14.*s", AL_ARG(text));
    }
    al_slice last = json_pick_text(stats, "last", arena);
    (void)printf("  %.*s\n", AL_ARG(last.len ? last : AL_LIT("-")));
    (void)json_pick_items(item, "inputs", print_input, arena); /* there may be none */
}

static int print_list(const index_args *a, al_slice body)
{
    if (a->is_json) {
        cli_print_json(body);
        return CLI_OK;
    }
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    if (!arena)
        return CLI_FAILED;
    (void)printf("%-20s %14s %14s %14s  %s\n", "INDEX", "RECORDS", "BYTES", "LAST 5 MIN", "NEWEST");
    if (json_pick_items(body, "indexes", print_row, arena))
        return CLI_OK;
    cli_say("index: %s", CLI_NOT_ALCO);
    return CLI_FAILED;
}

/* ---- Running */

static int run(const index_args *a)
{
    AL_CLEANUP(client_closep) client *c = NULL;
    al_err err = {0};
    al_buf path;
    al_buf body;
    al_buf answer;
    al_buf_init(&path, 4096);
    al_buf_init(&body, 1 << 20);
    al_buf_init(&answer, 64 << 20);
    bool is_list = strcmp(a->verb, "list") == 0;
    bool is_create = strcmp(a->verb, "create") == 0;
    bool is_set = strcmp(a->verb, "set") == 0;
    bool is_compact = strcmp(a->verb, "compact") == 0;
    al_buf_str(&path, "/api/v1/indexes");
    if (!is_list && !is_create) {
        al_buf_u8(&path, '/');
        cli_put_escaped(&path, al_cstr(a->name));
        al_buf_str(&path, is_compact ? "/compact" : "");
    }
    al_buf_u8(&path, '\0');
    client_call call = {.path = (const char *)path.ptr};
    int r = is_create || is_set ? put_body(&body, a, is_create) : CLI_OK;
    if (is_create || is_set) {
        call.body = al_buf_slice(&body);
        call.type = "application/json";
    }
    if (!is_list)
        call.method = is_create || is_compact ? "POST" : is_set ? "PATCH" : "DELETE";
    if (r == CLI_OK) {
        al_code code = client_open(&a->server, &c, &err);
        if (!code)
            code = client_run(c, &call, &answer, &err);
        if (code) {
            cli_say("index: %s", err.msg);
            r = c ? CLI_FAILED : CLI_USAGE; /* it was not even asked */
        } else if (is_list) {
            r = print_list(a, al_buf_slice(&answer));
        }
    }
    al_buf_done(&path);
    al_buf_done(&body);
    al_buf_done(&answer);
    return r;
}

static int parse(int argc, char **argv, index_args *a)
{
    struct option flags[N_SETTINGS + 6] = {
        {"help", no_argument, NULL, 'h'}, {"json", no_argument, NULL, 'j'}, CLIENT_FLAGS};
    for (size_t i = 0; i < N_SETTINGS; i++)
        flags[5 + i] = (struct option){settings[i].flag, required_argument, NULL, 2000 + (int)i};
    flags[5 + N_SETTINGS] = (struct option){0};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (c == 'h') {
            (void)fputs(help, stdout);
            return -1;
        }
        if (c == 'j')
            a->is_json = true;
        else if (c >= 2000)
            a->values[c - 2000] = optarg;
        else if (!client_take_flag(&a->server, c, optarg))
            return cli_wrong_flag("index", argv);
    }
    static const char *const verbs[] = {"list", "create", "set", "drop", "compact"};
    a->verb = optind < argc ? argv[optind++] : "";
    bool is_known = false;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        is_known = is_known || strcmp(a->verb, verbs[i]) == 0;
    if (!is_known)
        return cli_usage("index", "'%s': expected list, create, set, drop or compact", a->verb);
    bool needs_name = strcmp(a->verb, "list") != 0;
    a->server.may_create = strcmp(a->verb, "create") == 0;
    a->name = needs_name && optind < argc ? argv[optind++] : "";
    if (needs_name && !a->name[0])
        return cli_usage("index", "%s: expected the NAME of an index", a->verb);
    if (optind < argc)
        return cli_usage("index", "'%s' is not expected here", argv[optind]);
    bool has_setting = false;
    for (size_t i = 0; i < N_SETTINGS; i++)
        has_setting = has_setting || a->values[i];
    if (strcmp(a->verb, "set") == 0 && !has_setting)
        return cli_usage("index", "set: expected settings, as --intervals 7");
    return CLI_OK;
}

int cmd_index(int argc, char **argv)
{
    index_args a = {0};
    int r = parse(argc, argv, &a);
    if (r)
        return r < 0 ? CLI_OK : r;
    return cli_printed("index", run(&a));
}
