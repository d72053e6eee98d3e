/* alco field: list the fields that an index has seen, set their flags. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/json_pick.h"

static const char help[] = "usage: alco field list INDEX [--json]\n"
                           "       alco field set INDEX FIELD FLAGS\n"
                           "\n"
                           "flags, each yes or no:\n"
                           "  --filtered   a panel of its values beside the log\n"
                           "  --display    a column\n"
                           "  --excluded   dropped when records come in\n"
                           "  --context    opened below the row, as a traceback\n"
                           "  --indexed    a full-text field of its own on Sphinx\n" CLIENT_HELP;

static const char *const flag_names[] = {"filtered", "display", "excluded", "context", "indexed"};
enum { N_FLAGS = sizeof flag_names / sizeof flag_names[0], NAME_COLUMN = 30 };

typedef struct field_args {
    client_options server;
    const char *values[N_FLAGS];
    bool is_json;
    bool is_set;
    const char *index;
    const char *field;
} field_args;

static void print_row(void *ctx, al_slice item)
{
    al_arena *arena = ctx;
    json_token t;
    al_arena_reset(arena);
    al_slice name = json_pick_text(item, "name", arena);
    cli_print(name);
    (void)printf("%*s", name.len < NAME_COLUMN ? (int)(NAME_COLUMN - name.len) : 0, "");
    for (size_t i = 0; i < N_FLAGS; i++)
        if (json_pick(item, flag_names[i], &t) && t.type == VAL_TRUE)
            (void)printf(" %s", flag_names[i]);
    (void)putchar('\n');
}

static bool put_flags(al_buf *out, const field_args *a)
{
    bool is_first = true;
    al_buf_u8(out, '{');
    for (size_t i = 0; i < N_FLAGS; i++) {
        if (!a->values[i])
            continue;
        bool is_yes = strcmp(a->values[i], "yes") == 0 || strcmp(a->values[i], "true") == 0;
        if (!is_yes && strcmp(a->values[i], "no") != 0 && strcmp(a->values[i], "false") != 0)
            return false;
        al_buf_printf(out, "%s\"%s\":%s", is_first ? "" : ",", flag_names[i],
                      is_yes ? "true" : "false");
        is_first = false;
    }
    al_buf_u8(out, '}');
    return !is_first;
}

static int ask(const field_args *a, const client_call *call)
{
    AL_CLEANUP(client_closep) client *c = NULL;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    al_err err = {0};
    al_buf answer;
    al_buf_init(&answer, 64 << 20);
    al_code code = client_open(&a->server, &c, &err);
    if (!code)
        code = client_run(c, call, &answer, &err);
    if (!code && a->is_json)
        cli_print_json(al_buf_slice(&answer));
    else if (!code && !a->is_set && arena &&
             !json_pick_items(al_buf_slice(&answer), "fields", print_row, arena))
        code = AL_INVALID;
    if (code)
        cli_say("field: %s", err.code ? err.msg : CLI_NOT_ALCO);
    al_buf_done(&answer);
    if (!c)
        return CLI_USAGE; /* it was not even asked */
    return code ? CLI_FAILED : CLI_OK;
}

static int run(const field_args *a)
{
    int r = CLI_OK;
    al_buf path;
    al_buf body;
    al_buf_init(&path, 16384);
    al_buf_init(&body, 4096);
    al_buf_str(&path, "/api/v1/indexes/");
    cli_put_escaped(&path, al_cstr(a->index));
    al_buf_str(&path, "/fields");
    client_call call = {0};
    if (a->is_set) {
        al_buf_u8(&path, '/');
        cli_put_escaped(&path, al_cstr(a->field));
        if (!put_flags(&body, a))
            r = cli_usage("field", "set: expected flags, each yes or no");
        call.method = "PATCH";
        call.body = al_buf_slice(&body);
        call.type = "application/json";
    }
    al_buf_u8(&path, '\0');
    call.path = (const char *)path.ptr;
    if (r == CLI_OK)
        r = al_buf_code(&path) ? cli_usage("field", "the name is too long") : ask(a, &call);
    al_buf_done(&path);
    al_buf_done(&body);
    return r;
}

int cmd_field(int argc, char **argv)
{
    static const struct option flags[] = {{"help", no_argument, NULL, 'h'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"filtered", required_argument, NULL, 2000},
                                          {"display", required_argument, NULL, 2001},
                                          {"excluded", required_argument, NULL, 2002},
                                          {"context", required_argument, NULL, 2003},
                                          {"indexed", required_argument, NULL, 2004},
                                          CLIENT_FLAGS,
                                          {0}};
    field_args a = {0};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (c == 'h') {
            (void)fputs(help, stdout);
            return CLI_OK;
        }
        if (c == 'j')
            a.is_json = true;
        else if (c >= 2000)
            a.values[c - 2000] = optarg;
        else if (!client_take_flag(&a.server, c, optarg))
            return cli_wrong_flag("field", argv);
    }
    const char *verb = optind < argc ? argv[optind++] : "";
    a.is_set = strcmp(verb, "set") == 0;
    if (!a.is_set && strcmp(verb, "list") != 0)
        return cli_usage("field", "'%s': expected list or set", verb);
    if (argc - optind != (a.is_set ? 2 : 1))
        return cli_usage("field",
                         a.is_set ? "set: expected INDEX and FIELD" : "list: expected the INDEX");
    a.index = argv[optind];
    a.field = a.is_set ? argv[optind + 1] : "";
    return cli_printed("field", run(&a));
}
