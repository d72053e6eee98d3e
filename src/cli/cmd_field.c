/* alco field: list the fields that an index has seen, set their flags. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/json_pick.h"

static const char help[] = "usage: alco field list INDEX [--json]\n"
                           "       alco field set INDEX FIELD... FLAGS\n"
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
    char *const *fields; /* of set: n of them */
    int n_fields;
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

static al_code put_flags(al_buf *out, const field_args *a, al_err *err)
{
    bool is_first = true;
    al_buf_u8(out, '{');
    for (size_t i = 0; i < N_FLAGS; i++) {
        if (!a->values[i])
            continue;
        bool is_yes = strcmp(a->values[i], "yes") == 0 || strcmp(a->values[i], "true") == 0;
        if (!is_yes && strcmp(a->values[i], "no") != 0 && strcmp(a->values[i], "false") != 0)
            return al_fail(err, AL_INVALID, "set: --%s '%.60s': expected yes or no", flag_names[i],
                           a->values[i]);
        al_buf_printf(out, "%s\"%s\":%s", is_first ? "" : ",", flag_names[i],
                      is_yes ? "true" : "false");
        is_first = false;
    }
    al_buf_u8(out, '}');
    if (is_first)
        return al_fail(err, AL_INVALID, "set: expected a flag, as --filtered yes");
    return AL_OK;
}

/* *ret of the index, or of one of its fields. */
static al_code make_path(const field_args *a, const char *field, al_buf *ret, al_err *err)
{
    al_buf_clear(ret);
    al_buf_str(ret, "/api/v1/indexes/");
    cli_put_escaped(ret, al_cstr(a->index));
    al_buf_str(ret, "/fields");
    if (field) {
        al_buf_u8(ret, '/');
        cli_put_escaped(ret, al_cstr(field));
    }
    al_buf_u8(ret, '\0');
    return al_buf_code(ret) ? al_fail(err, AL_INVALID, "the name is too long") : AL_OK;
}

static al_code list(const field_args *a, client *c, al_buf *path, al_buf *answer, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    al_code code = arena ? make_path(a, NULL, path, err) : al_fail(err, AL_NOMEM, "no memory");
    client_call call = {.path = (const char *)path->ptr};
    if (!code)
        code = client_run(c, &call, answer, err);
    if (!code && a->is_json)
        cli_print_json(al_buf_slice(answer));
    else if (!code && !json_pick_items(al_buf_slice(answer), "fields", print_row, arena))
        code = al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    return code;
}

/* One after the other; the first that is refused ends it, and the message names it. */
static al_code set(const field_args *a, client *c, al_slice flags, al_buf *path, al_buf *answer,
                   al_err *err)
{
    al_code code = AL_OK;
    for (int i = 0; !code && i < a->n_fields; i++) {
        code = make_path(a, a->fields[i], path, err);
        client_call call = {.method = "PATCH",
                            .path = (const char *)path->ptr,
                            .body = flags,
                            .type = "application/json"};
        al_buf_clear(answer);
        if (!code)
            code = client_run(c, &call, answer, err);
        if (!code && a->is_json)
            cli_print_json(al_buf_slice(answer));
    }
    return code;
}

static int run(const field_args *a)
{
    AL_CLEANUP(client_closep) client *c = NULL;
    al_err err = {0};
    al_buf path;
    al_buf flags;
    al_buf answer;
    al_buf_init(&path, 16384);
    al_buf_init(&flags, 4096);
    al_buf_init(&answer, 64 << 20);
    al_code code = AL_OK;
    if (a->is_set)
        code = put_flags(&flags, a, &err);
    if (!code)
        code = client_open(&a->server, &c, &err);
    if (!code && a->is_set)
        code = set(a, c, al_buf_slice(&flags), &path, &answer, &err);
    else if (!code)
        code = list(a, c, &path, &answer, &err);
    if (code)
        cli_say("field: %s", err.msg);
    al_buf_done(&path);
    al_buf_done(&flags);
    al_buf_done(&answer);
    if (!c)
        return CLI_USAGE; /* it was not even asked */
    return code ? CLI_FAILED : CLI_OK;
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
    if (a.is_set ? argc - optind < 2 : argc - optind != 1)
        return cli_usage("field",
                         a.is_set ? "set: expected INDEX and FIELD" : "list: expected the INDEX");
    a.index = argv[optind];
    a.fields = argv + optind + 1;
    a.n_fields = argc - optind - 1;
    return cli_printed("field", run(&a));
}
