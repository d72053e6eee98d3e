/* alco user: users, their passwords and tokens. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/json_pick.h"
#include "cli/password.h"
#include "record/json_out.h"

static const char help[] =
    "usage: alco user list [--json]\n"
    "       alco user add NAME --role reader|writer|admin [--no-password]\n"
    "       alco user set NAME --role reader|writer|admin\n"
    "       alco user passwd NAME\n"
    "       alco user token NAME [TOKEN-NAME]\n"
    "       alco user token NAME TOKEN-NAME --drop\n"
    "       alco user drop NAME\n"
    "\n"
    "Readers search, writers send logs and do nothing else, admins do everything. The first user "
    "is\n"
    "an admin; from then on everybody has to log in or to send a token, from this machine, too.\n"
    "A password is asked for at the terminal, or is the first line of standard input. `token` "
    "prints\n"
    "a new token, which nothing shows again.\n"
    "\n"
    "  --role ROLE         what the user may do\n"
    "  --no-password       one who only has tokens\n"
    "  --drop              the token is good for nothing from now on\n"
    "  --json              the list as the server sent it\n" CLIENT_HELP;

enum { PASSWORD_SHORT = 8 };

typedef struct user_args {
    client_options server;
    const char *verb;
    const char *name;
    const char *token;
    const char *role;
    bool has_no_password;
    bool is_drop;
    bool is_json;
} user_args;

static bool is(const user_args *a, const char *verb)
{
    return strcmp(a->verb, verb) == 0;
}

/* ---- What is asked for */

static void put_member(al_buf *out, const char *name, al_slice value)
{
    al_buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
    json_put_string(out, value);
}

static al_code put_password(al_buf *out, const user_args *a, al_err *err)
{
    AL_CLEANUP(al_buf_done) al_buf password;
    al_buf_init(&password, 4096);
    al_code c = password_read(a->name, &password, err);
    if (c)
        return c;
    if (password.len < PASSWORD_SHORT)
        cli_say("user: a password of less than %d characters is soon guessed", PASSWORD_SHORT);
    put_member(out, "password", al_buf_slice(&password));
    explicit_bzero(password.ptr, password.len);
    return AL_OK;
}

static al_code put_body(al_buf *out, const user_args *a, al_err *err)
{
    al_code c = AL_OK;
    al_buf_u8(out, '{');
    if (is(a, "add"))
        put_member(out, "name", al_cstr(a->name));
    if (is(a, "token") && a->token)
        put_member(out, "name", al_cstr(a->token));
    if (a->role)
        put_member(out, "role", al_cstr(a->role));
    if (is(a, "passwd") || (is(a, "add") && !a->has_no_password))
        c = put_password(out, a, err);
    al_buf_u8(out, '}');
    return c ? c : al_buf_code(out);
}

static void put_path(al_buf *out, const user_args *a)
{
    al_buf_str(out, "/api/v1/users");
    if (!is(a, "list") && !is(a, "add")) {
        al_buf_u8(out, '/');
        cli_put_escaped(out, al_cstr(a->name));
    }
    if (is(a, "token"))
        al_buf_str(out, "/tokens");
    if (is(a, "token") && a->is_drop) {
        al_buf_u8(out, '/');
        cli_put_escaped(out, al_cstr(a->token));
    }
    al_buf_u8(out, '\0');
}

static const char *method_of(const user_args *a)
{
    if (is(a, "list"))
        return NULL;
    if (is(a, "drop") || a->is_drop)
        return "DELETE";
    return is(a, "add") || is(a, "token") ? "POST" : "PATCH";
}

/* ---- What came back */

static void print_token(void *ctx, al_slice item)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(1024);
    bool *is_first = ctx;
    if (!arena)
        return;
    cli_print(*is_first ? AL_LIT("  ") : AL_LIT(", "));
    cli_print(json_pick_text(item, "name", arena));
    *is_first = false;
}

static void print_row(void *ctx, al_slice item)
{
    al_arena *arena = ctx;
    json_token t;
    bool is_first = true;
    al_arena_reset(arena);
    bool has_password = json_pick(item, "has_password", &t) && t.type == VAL_TRUE;
    (void)printf("%-20.*s", AL_ARG(json_pick_text(item, "name", arena)));
    (void)printf(" %-8.*s %-8s", AL_ARG(json_pick_text(item, "role", arena)),
                 has_password ? "yes" : "no");
    (void)json_pick_items(item, "tokens", print_token, &is_first); /* there may be none */
    (void)putchar('\n');
}

static bool print_answer(const user_args *a, al_slice body)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    if (!arena)
        return false;
    if (is(a, "list")) {
        if (a->is_json) {
            cli_print_json(body);
            return true;
        }
        (void)printf("%-20s %-8s %-8s  %s\n", "USER", "ROLE", "PASSWORD", "TOKENS");
        return json_pick_items(body, "users", print_row, arena);
    }
    if (is(a, "token") && !a->is_drop) {
        al_slice token = json_pick_text(body, "token", arena);
        cli_print(token);
        (void)putchar('\n');
        return token.len > 0;
    }
    return true;
}

/* ---- Running */

static int ask(const user_args *a, const client_call *call)
{
    AL_CLEANUP(client_closep) client *c = NULL;
    AL_CLEANUP(al_buf_done) al_buf answer;
    al_err err = {0};
    al_buf_init(&answer, 64 << 20);
    al_code code = client_open(&a->server, &c, &err);
    if (!code)
        code = client_run(c, call, &answer, &err);
    if (!code && print_answer(a, al_buf_slice(&answer)))
        return CLI_OK;
    cli_say("user: %s", code ? err.msg : CLI_NOT_ALCO);
    return c ? CLI_FAILED : CLI_USAGE; /* it was not even asked */
}

static int run(const user_args *a)
{
    AL_CLEANUP(al_buf_done) al_buf path;
    AL_CLEANUP(al_buf_done) al_buf body;
    al_err err = {0};
    al_buf_init(&path, 16384);
    al_buf_init(&body, 16384);
    put_path(&path, a);
    if (al_buf_code(&path))
        return cli_usage("user", "the name is too long");
    client_call call = {.method = method_of(a), .path = (const char *)path.ptr};
    if (call.method && strcmp(call.method, "DELETE") != 0) {
        if (put_body(&body, a, &err))
            return cli_usage("user", "%s", err.msg[0] ? err.msg : "that is too long");
        call.body = al_buf_slice(&body);
        call.type = "application/json";
    }
    int r = ask(a, &call);
    if (body.ptr)
        explicit_bzero(body.ptr, body.len);
    return r;
}

/* The words behind the verb. */
static int take_words(user_args *a, int n, char **words)
{
    int max = is(a, "list") ? 0 : is(a, "token") ? 2 : 1;
    if (n > max)
        return cli_usage("user", "'%s' is not expected here", words[max]);
    a->name = n > 0 ? words[0] : "";
    a->token = n > 1 ? words[1] : NULL;
    if (max && !a->name[0])
        return cli_usage("user", "%s: expected the NAME of a user", a->verb);
    if (a->is_drop && (!is(a, "token") || !a->token))
        return cli_usage("user", "--drop: expected as in token NAME TOKEN-NAME --drop");
    bool takes_role = is(a, "add") || is(a, "set");
    if (takes_role != (a->role != NULL))
        return cli_usage("user", "%s: expected %s", a->verb,
                         takes_role ? "--role reader, writer or admin" : "no --role");
    if (a->has_no_password && !is(a, "add"))
        return cli_usage("user", "%s: expected no --no-password", a->verb);
    return CLI_OK;
}

static int parse(int argc, char **argv, user_args *a)
{
    static const struct option flags[] = {{"help", no_argument, NULL, 'h'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"role", required_argument, NULL, 'r'},
                                          {"no-password", no_argument, NULL, 'n'},
                                          {"drop", no_argument, NULL, 'd'},
                                          CLIENT_FLAGS,
                                          {0}};
    static const char *const verbs[] = {"list", "add", "set", "passwd", "token", "drop"};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (c == 'h') {
            (void)fputs(help, stdout);
            return -1;
        }
        if (c == 'r')
            a->role = optarg;
        else if (c == 'j')
            a->is_json = true;
        else if (c == 'n')
            a->has_no_password = true;
        else if (c == 'd')
            a->is_drop = true;
        else if (!client_take_flag(&a->server, c, optarg))
            return cli_wrong_flag("user", argv);
    }
    a->verb = optind < argc ? argv[optind++] : "";
    a->server.may_create = is(a, "add"); /* the first one, before the server is started */
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (is(a, verbs[i]))
            return take_words(a, argc - optind, argv + optind);
    return cli_usage("user", "'%s': expected list, add, set, passwd, token or drop", a->verb);
}

int cmd_user(int argc, char **argv)
{
    user_args a = {0};
    int r = parse(argc, argv, &a);
    if (r)
        return r < 0 ? CLI_OK : r;
    return cli_printed("user", run(&a));
}
