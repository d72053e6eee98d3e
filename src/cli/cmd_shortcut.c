/* alco shortcut: list, create, drop saved searches. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/json_pick.h"
#include "record/json_out.h"

static const char help[] =
    "usage: alco shortcut list [INDEX] [--json]\n"
    "       alco shortcut create INDEX NAME URL [FLAGS]\n"
    "       alco shortcut drop INDEX NAME\n"
    "\n"
    "A shortcut leads from /grep/shortcut/NAME/ to the log of INDEX with the parameters of URL, a\n"
    "query string as search=timeout&levelname=ERROR (or an address of the page with one).\n"
    "\n"
    "  --description TEXT     what people read on its link\n"
    "  --default-field FIELD  gets VALUE of /grep/shortcut/NAME/VALUE/\n"
    "  --json                 the server's answer as it is\n" CLIENT_HELP;

typedef struct shortcut_args {
    client_options server;
    const char *verb;
    const char *index; /* "": all of them */
    const char *name;
    const char *url;
    const char *description;
    const char *default_field;
    bool is_json;
} shortcut_args;

enum { NAME_COLUMN = 30, INDEX_COLUMN = 20 };

static void print_cell(al_slice text, size_t width)
{
    cli_print(text);
    (void)printf("%*s ", text.len < width ? (int)(width - text.len) : 0, "");
}

static void print_row(void *ctx, al_slice item)
{
    al_arena *arena = ctx;
    al_arena_reset(arena);
    print_cell(json_pick_text(item, "name", arena), NAME_COLUMN);
    print_cell(json_pick_text(item, "index", arena), INDEX_COLUMN);
    cli_print(json_pick_text(item, "url", arena));
    al_slice description = json_pick_text(item, "description", arena);
    if (description.len) {
        (void)fputs("  ", stdout);
        cli_print(description);
    }
    (void)putchar('\n');
}

static void put_member(al_buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    al_buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
    json_put_string(out, al_cstr(value));
}

static void put_path(al_buf *out, const shortcut_args *a, al_slice index)
{
    al_buf_str(out, "/api/v1/indexes/");
    cli_put_escaped(out, index);
    al_buf_str(out, "/shortcuts");
    if (strcmp(a->verb, "drop") == 0) {
        al_buf_u8(out, '/');
        cli_put_escaped(out, al_cstr(a->name));
    }
    al_buf_u8(out, '\0');
}

/* ---- All indexes: their names first, then one question for all of them */

typedef struct names {
    al_arena *arena;
    al_buf list;
} names;

static void take_name(void *ctx, al_slice item)
{
    names *n = ctx;
    if (n->list.len)
        al_buf_u8(&n->list, ',');
    al_buf_slice_put(&n->list, json_pick_text(item, "name", n->arena));
}

static al_code ask_names(client *c, al_arena *arena, al_buf *answer, al_slice *ret, al_err *err)
{
    names n = {.arena = arena};
    client_call call = {.path = "/api/v1/indexes"};
    al_code code = client_run(c, &call, answer, err);
    if (code)
        return code;
    al_buf_init(&n.list, 1 << 20);
    if (!json_pick_items(al_buf_slice(answer), "indexes", take_name, &n))
        code = al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    *ret = al_arena_copy(arena, al_buf_slice(&n.list));
    if (!code && (al_buf_code(&n.list) || !ret->ptr))
        code = al_fail(err, AL_NOMEM, "no memory");
    al_buf_done(&n.list);
    return code;
}

/* ---- Running */

static void put_body(al_buf *out, const shortcut_args *a)
{
    al_buf_u8(out, '{');
    put_member(out, "name", a->name);
    put_member(out, "url", a->url);
    put_member(out, "description", a->description);
    put_member(out, "default_field", a->default_field);
    al_buf_u8(out, '}');
}

static al_code ask_of(const shortcut_args *a, al_slice index, client *c, al_buf *answer,
                      al_err *err)
{
    al_buf path;
    al_buf body;
    al_code code = AL_OK;
    client_call call = {.method = strcmp(a->verb, "drop") == 0 ? "DELETE" : NULL};
    al_buf_init(&path, 1 << 20);
    al_buf_init(&body, 1 << 20);
    put_path(&path, a, index);
    if (strcmp(a->verb, "create") == 0) {
        put_body(&body, a);
        call.method = "POST";
        call.type = "application/json";
        call.body = al_buf_slice(&body);
    }
    call.path = (const char *)path.ptr;
    if (al_buf_code(&path) || al_buf_code(&body))
        code = al_fail(err, AL_INVALID, "an argument is too long");
    else
        code = client_run(c, &call, answer, err);
    al_buf_done(&path);
    al_buf_done(&body);
    return code;
}

static al_code ask(const shortcut_args *a, client *c, al_arena *arena, al_buf *answer, al_err *err)
{
    al_slice index = al_cstr(a->index);
    if (strcmp(a->verb, "list") != 0 || index.len)
        return ask_of(a, index, c, answer, err);
    al_code code = ask_names(c, arena, answer, &index, err);
    if (code || index.len)
        return code ? code : ask_of(a, index, c, answer, err);
    al_buf_clear(answer); /* there is no index */
    al_buf_str(answer, "{\"shortcuts\":[]}\n");
    return AL_OK;
}

static int run(const shortcut_args *a)
{
    AL_CLEANUP(client_closep) client *c = NULL;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    al_err err = {0};
    al_buf answer;
    al_buf_init(&answer, 64 << 20);
    al_code code = arena ? client_open(&a->server, &c, &err) : al_fail(&err, AL_NOMEM, "no memory");
    if (!code)
        code = ask(a, c, arena, &answer, &err);
    if (!code && a->is_json)
        cli_print_json(al_buf_slice(&answer));
    else if (!code && strcmp(a->verb, "list") == 0 &&
             !json_pick_items(al_buf_slice(&answer), "shortcuts", print_row, arena))
        code = al_fail(&err, AL_INVALID, CLI_NOT_ALCO);
    if (code)
        cli_say("shortcut: %s", err.msg);
    al_buf_done(&answer);
    if (!c)
        return CLI_USAGE; /* it was not even asked */
    return code ? CLI_FAILED : CLI_OK;
}

static int take_arguments(shortcut_args *a, int argc, char **argv)
{
    static const struct {
        const char *verb;
        int min, max;
        const char *expected;
    } verbs[] = {{"list", 0, 1, "an INDEX or nothing"},
                 {"create", 3, 3, "INDEX, NAME and URL"},
                 {"drop", 2, 2, "INDEX and NAME"}};
    const char **to[] = {&a->index, &a->name, &a->url};
    a->verb = argc ? argv[0] : "";
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(a->verb, verbs[i].verb) != 0)
            continue;
        if (argc - 1 < verbs[i].min || argc - 1 > verbs[i].max)
            return cli_usage("shortcut", "%s: expected %s", a->verb, verbs[i].expected);
        for (int k = 1; k < argc; k++)
            *to[k - 1] = argv[k];
        return CLI_OK;
    }
    return cli_usage("shortcut", "'%s': expected list, create or drop", a->verb);
}

int cmd_shortcut(int argc, char **argv)
{
    static const struct option flags[] = {{"help", no_argument, NULL, 'h'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"description", required_argument, NULL, 'd'},
                                          {"default-field", required_argument, NULL, 'f'},
                                          CLIENT_FLAGS,
                                          {0}};
    shortcut_args a = {.index = "", .name = "", .url = ""};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        switch (c) {
        case 'h':
            (void)fputs(help, stdout);
            return CLI_OK;
        case 'j':
            a.is_json = true;
            break;
        case 'd':
            a.description = optarg;
            break;
        case 'f':
            a.default_field = optarg;
            break;
        default:
            if (!client_take_flag(&a.server, c, optarg))
                return cli_wrong_flag("shortcut", argv);
        }
    }
    int r = take_arguments(&a, argc - optind, argv + optind);
    return r ? r : cli_printed("shortcut", run(&a));
}
