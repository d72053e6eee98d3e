/* alco serve: the node for the world. Reads settings, opens the node, waits for signals.
 * Order at the end, within ten seconds: requests and brokers are drained side by side, then ingest
 * and engine make durable what is left (node_close). */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "cli/cli.h"
#include "cli/config_read.h"
#include "cli/node.h"
#include "cli/sphinx_text.h"
#include "config/config.h"
#include "config/config_text.h"
#include "inputs/amqp_input.h"
#include "inputs/amqp_url.h"
#include "store/store.h"

enum {
    REPORT_S = 10,
    DRAIN_MS = 4000,
    BROKERS_WAIT_MS = 5000,
    FLAG_SETTING = 1000, /* first value of getopt_long for those of the table */
    SERVE_DONE = -1,     /* a text was printed: exit status 0 */
};

static const char help_before[] =
    "usage: alco serve [--config FILE] [SETTING]...\n"
    "\n"
    "  --config FILE       settings in YAML; else ALCO_CONFIG, else /etc/alco/alco.yaml\n"
    "  --check-config      check file, environment and flags, start nothing\n"
    "  --print-config      print a file with every setting and its default\n"
    "\n"
    "Settings; each has a key of the same name in the file:\n";
static const char help_after[] =
    "\n"
    "Prints `alco: ready on http://HOST:PORT` when it answers and reads from the brokers that are\n"
    "there. SIGHUP reads the settings again; SIGTERM makes durable what came in and ends it.\n"
    "Exit status 0, 1 when it cannot run, 2 when a setting is wrong.\n";

typedef struct collected { /* what the last line said */
    char name[CAT_INDEX_NAME_MAX + 1];
    uint64_t records;
} collected;

typedef struct serve {
    node_options options;
    int argc; /* flags are read again with SIGHUP */
    char **argv;
    config *config;          /* of the start */
    config *newer;           /* of the last SIGHUP; NULL: none yet */
    const char *config_file; /* NULL: the usual places */
    amqp_broker brokers[AMQP_BROKERS_MAX];
    size_t n_brokers;
    amqp_input *amqp;
    catalog *cat; /* the node's */
    files_spec follows[FILES_SPECS_MAX];
    size_t n_follows;
    bool only_checks;
    collected *seen;
    size_t n_seen;
    size_t cap_seen;
    al_buf line;
} serve;

/* ---- Settings */

static int print_text(void (*put)(al_buf *out), const char *before, const char *after)
{
    al_buf text;
    al_buf_init(&text, 1 << 20);
    put(&text);
    al_code c = al_buf_code(&text);
    if (!c)
        (void)printf("%s%.*s%s", before, (int)text.len, (const char *)text.ptr, after);
    al_buf_done(&text);
    return c ? CLI_FAILED : SERVE_DONE;
}

/* Those of the table (by number, from FLAG_SETTING) and the command's own. */
static void list_flags(struct option flags[SETTINGS_N + 5])
{
    size_t n = 0;
    for (int id = 0; id < SETTINGS_N; id++)
        if (settings[id].flag[0])
            flags[n++] =
                (struct option){settings[id].flag, required_argument, NULL, FLAG_SETTING + id};
    flags[n++] = (struct option){"config", required_argument, NULL, 'c'};
    flags[n++] = (struct option){"check-config", no_argument, NULL, 'k'};
    flags[n++] = (struct option){"print-config", no_argument, NULL, 'p'};
    flags[n++] = (struct option){"help", no_argument, NULL, 'h'};
    flags[n] = (struct option){0};
}

/* Into `to`. SERVE_DONE: a text was asked for and printed. */
static int parse_flags(serve *s, config *to)
{
    struct option flags[SETTINGS_N + 5];
    al_err err = {0};
    int c = 0;
    list_flags(flags);
    optind = 0; /* from the beginning, each time */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(s->argc, s->argv, "", flags, NULL)) != -1) {
        switch (c) {
        case 'c':
            s->config_file = optarg;
            break;
        case 'k':
            s->only_checks = true;
            break;
        case 'p':
            return print_text(config_put_default_file, "", "");
        case 'h':
            return print_text(config_put_help, help_before, help_after);
        default:
            if (c < FLAG_SETTING)
                return cli_wrong_flag("serve", s->argv);
            if (config_set_flag(to, (setting_id)(c - FLAG_SETTING), optarg, &err))
                return CLI_USAGE;
        }
    }
    if (optind < s->argc)
        return cli_usage("serve", "'%s' is not expected here", s->argv[optind]);
    return CLI_OK;
}

static al_code take_brokers(serve *s)
{
    al_err err = {0};
    al_code code = AL_OK;
    const config_value *v = NULL;
    for (size_t i = 0; (v = config_at(s->config, SET_AMQP, i)); i++) {
        amqp_address url;
        if (i == AMQP_BROKERS_MAX)
            return config_complain(s->config, SET_AMQP, v, "expected at most %d brokers",
                                   AMQP_BROKERS_MAX);
        if (amqp_url_parse(v->text, &url, &err))
            code = config_complain(s->config, SET_AMQP, v, "%s", err.msg);
        s->brokers[s->n_brokers++] = (amqp_broker){.url = v->text};
        const config_value *m = NULL;
        for (size_t k = 0; (m = config_at(s->config, SET_MANAGEMENT, k)); k++)
            if (m->item[0] == v->item[0])
                s->brokers[i].management = m->text;
    }
    return code;
}

static al_code take_follows(serve *s)
{
    al_err err = {0};
    const config_value *v = NULL;
    for (size_t i = 0; (v = config_at(s->config, SET_FOLLOW, i)); i++) {
        if (i == FILES_SPECS_MAX)
            return config_complain(s->config, SET_FOLLOW, v, "expected at most %d globs",
                                   FILES_SPECS_MAX);
        if (files_spec_parse((const char *)v->text.ptr, &s->follows[i], &err))
            return config_complain(s->config, SET_FOLLOW, v, "%s", err.msg);
        s->n_follows++;
    }
    return AL_OK;
}

/* A name with more around it would never be equal to a Host, and the page be out of reach. */
static al_code check_hosts(config *c)
{
    al_code code = AL_OK;
    const config_value *v = NULL;
    for (size_t i = 0; (v = config_at(c, SET_HOSTS, i)); i++)
        if (strpbrk((const char *)v->text.ptr, "/:*@ "))
            code = config_complain(c, SET_HOSTS, v,
                                   "expected a name, as logs.example.com, without scheme and port, "
                                   "not '%.100s'",
                                   (const char *)v->text.ptr);
    return code;
}

/* What a running server can change, too. AL_NOMEM. AL_INVALID, which was said. */
static al_code read_tuning(config *c, server_tuning *ret)
{
    if (check_hosts(c))
        return AL_INVALID;
    size_t n = config_count(c, SET_HOSTS);
    const char **hosts = al_alloc(n + 1, sizeof *hosts);
    if (!hosts)
        return AL_NOMEM;
    for (size_t i = 0; i < n; i++)
        hosts[i] = (const char *)config_at(c, SET_HOSTS, i)->text.ptr;
    *ret = (server_tuning){.hosts = hosts,
                           .n_hosts = n,
                           .page_size = (uint32_t)config_number(c, SET_PAGE_SIZE),
                           .query_ms = (uint32_t)config_number(c, SET_QUERY_TIMEOUT) * 1000,
                           .queries_waiting = (uint32_t)config_number(c, SET_QUERIES_WAITING),
                           .request_ms = (uint32_t)config_number(c, SET_REQUEST_TIMEOUT) * 1000};
    return AL_OK;
}

/* Beyond this machine only with an admin: without users whoever reaches it would be one. */
static al_code take_listen(serve *s)
{
    al_err err = {0};
    bool has_admin = false;
    const config_value *v = config_get(s->config, SET_LISTEN);
    al_code c = server_check_listen(s->options.listen, &s->options.may_be_beyond, &err);
    if (c)
        return config_complain(s->config, SET_LISTEN, v, "%s", err.msg);
    if (!s->options.may_be_beyond)
        return AL_OK;
    c = catalog_peek_admin(s->options.data, &has_admin, &err);
    if (c)
        return config_complain(s->config, SET_LISTEN, v, "%s", err.msg);
    if (!has_admin)
        return config_complain(s->config, SET_LISTEN, v,
                               "'%.60s' is beyond this machine, and no user is an admin: `alco "
                               "user add NAME --role admin --data %s` makes one; or use 127.0.0.1 "
                               "and a tunnel (ssh -L)",
                               s->options.listen, s->options.data);
    return AL_OK;
}

/* What the table cannot know is checked where it is used: here. */
static int take_config(serve *s)
{
    config *c = s->config;
    s->options.data = config_text(c, SET_DATA);
    s->options.listen = config_text(c, SET_LISTEN);
    s->options.memory_bytes = config_number(c, SET_MEMORY);
    s->options.min_free_bytes = config_number(c, SET_MIN_FREE);
    s->options.drops_when_low = config_number(c, SET_WHEN_LOW) == 1;
    s->options.connections_per_address = (uint32_t)config_number(c, SET_CONNECTIONS);
    bool is_wrong = take_brokers(s) != AL_OK;
    is_wrong |= take_follows(s) != AL_OK;
    is_wrong |= sphinx_conf_check(c) != AL_OK;
    is_wrong |= read_tuning(c, &s->options.tuning) != AL_OK;
    if (config_get(c, SET_LISTEN)) /* the default needs no look */
        is_wrong |= take_listen(s) != AL_OK;
    return is_wrong ? CLI_USAGE : CLI_OK;
}

/* Settings of parts that this build has not: checked, and not passed over in silence. */
static void say_unused(const config *c)
{
    if (config_get(c, SET_REDIS))
        cli_say("redis: this build (%s) keeps values in its own store", CLI_VERSION);
    if (config_count(c, SET_SPHINX_SHARDS))
        cli_say("sphinx: this build (%s) has no engine of that name yet", CLI_VERSION);
}

/* ---- Running */

static void log_line(void *ctx, const char *line)
{
    (void)ctx;
    cli_say("%s", line);
}

static void amqp_metrics(void *ctx, al_buf *out)
{
    amqp_input_metrics(ctx, out);
}

static void amqp_state_of(void *ctx, const char *index, al_buf *out)
{
    amqp_input_state(ctx, index, out);
}

static al_code put_sphinx_conf(void *ctx, al_slice of_node, al_buf *out, al_err *err)
{
    const serve *s = ctx;
    return sphinx_text_put(s->config, s->cat, of_node, out, err);
}

/* Before the server answers: the input's listeners, metrics and state. */
static al_code make_inputs(void *ctx, node *n, al_err *err)
{
    serve *s = ctx;
    s->cat = node_catalog(n);
    server_show_sphinx_conf(node_server(n), put_sphinx_conf, s);
    if (config_count(s->config, SET_SPHINX_SHARDS))
        ingest_take_sphinx(node_ingest(n));
    if (s->n_brokers == 0)
        return AL_OK;
    amqp_options o = {.brokers = s->brokers, .n_brokers = s->n_brokers, .log = log_line};
    al_code c = amqp_input_new(node_catalog(n), node_ingest(n), ingest_ledger(node_ingest(n)), &o,
                               &s->amqp, err);
    if (c)
        return c;
    server_add_metrics(node_server(n), amqp_metrics, s->amqp);
    server_show_inputs(node_server(n), amqp_state_of, s->amqp);
    return AL_OK;
}

static void note_index(void *ctx, const char *index, uint64_t records)
{
    serve *s = ctx;
    collected *c = NULL;
    for (size_t i = 0; i < s->n_seen && !c; i++)
        if (strcmp(s->seen[i].name, index) == 0)
            c = &s->seen[i];
    if (!c) {
        collected *grown = al_grow(s->seen, &s->cap_seen, s->n_seen, sizeof *grown, 16,
                                   (size_t)2 * CAT_INDEXES_MAX);
        if (!grown)
            return;
        s->seen = grown;
        c = &s->seen[s->n_seen++];
        *c = (collected){0};
        (void)snprintf(c->name, sizeof c->name, "%s", index);
    }
    if (records < c->records)
        c->records = 0; /* dropped and made anew */
    if (records > c->records)
        al_buf_printf(&s->line, " %s=%" PRIu64, index, records - c->records);
    c->records = records;
}

static void report(serve *s, node *n)
{
    al_buf_clear(&s->line);
    ingest_each_index(node_ingest(n), note_index, s);
    if (s->line.len) {
        al_buf_u8(&s->line, '\0');
        if (al_buf_code(&s->line) == AL_OK)
            (void)printf("alco: collected%s\n", (const char *)s->line.ptr);
        (void)fflush(stdout);
    }
}

/* ---- SIGHUP */

/* Takes over what can change now, and says of the rest that it cannot. */
static al_code apply(const config *old, config *new, node *n)
{
    server_tuning tuning = {0};
    al_err err = {0};
    for (int id = 0; id < SETTINGS_N; id++)
        if (settings[id].when == SETTING_START && config_differs(old, new, (setting_id)id))
            cli_say("%s: the change takes effect at the next start", settings[id].key);
    al_code c = read_tuning(new, &tuning);
    if (!c)
        c = server_tune(node_server(n), &tuning, &err);
    if (!c)
        node_set_min_free(n, config_number(new, SET_MIN_FREE),
                          config_number(new, SET_WHEN_LOW) == 1);
    free(tuning.hosts);
    return c;
}

/* All or nothing: with a mistake anywhere, everything stays as it is. */
static void reload(serve *s, node *n)
{
    AL_CLEANUP(config_freep) config *c = config_new(config_say_mistake, NULL);
    if (!c || parse_flags(s, c) != CLI_OK || config_read_all(c, s->config_file) != CLI_OK ||
        apply(s->newer ? s->newer : s->config, c, n) != AL_OK) {
        cli_say("settings: nothing is changed");
        return;
    }
    s->newer = config_free(s->newer);
    s->newer = AL_TAKE(c);
    cli_say("settings: read again");
}

/* Until a signal ends it. */
static void wait_for_end(serve *s, node *n, const sigset_t *signals)
{
    int64_t due_ns = al_mono_ns() + REPORT_S * AL_NS_PER_S;
    for (;;) {
        int64_t left_ns = due_ns - al_mono_ns();
        if (left_ns <= 0) {
            report(s, n);
            due_ns += REPORT_S * AL_NS_PER_S;
            continue;
        }
        struct timespec left = {.tv_sec = (time_t)(left_ns / AL_NS_PER_S),
                                .tv_nsec = (long)(left_ns % AL_NS_PER_S)};
        int signal = sigtimedwait(signals, NULL, &left);
        if (signal == SIGTERM || signal == SIGINT)
            return;
        if (signal == SIGHUP)
            reload(s, n);
    }
}

static void *stop_amqp(void *arg)
{
    amqp_input_stop(arg);
    return NULL;
}

static void stop(serve *s, node *n)
{
    pthread_t t;
    al_err err;
    bool has_thread = s->amqp && al_thread_start(&t, "stop", stop_amqp, s->amqp, &err) == AL_OK;
    files_stop(node_files(n));
    node_drain(n, DRAIN_MS);
    if (has_thread)
        (void)pthread_join(t, NULL);
    else if (s->amqp)
        amqp_input_stop(s->amqp);
}

/* Files first: their indexes are there when consumers start. */
static al_code start_inputs(serve *s, node *n, al_err *err)
{
    al_code c = AL_OK;
    if (s->n_follows)
        c = files_start(node_files(n), s->follows, s->n_follows, log_line, NULL, err);
    if (!c && s->amqp)
        c = amqp_input_start(s->amqp, err);
    return c;
}

/* Says so when queues are bound, so that what is published from then on is not lost for want of a
 * queue. A broker that is away is not waited for, one that says nothing for BROKERS_WAIT_MS. False:
 * a signal ends it. */
static bool say_ready(serve *s, node *n, const sigset_t *signals)
{
    int64_t end_ns = al_mono_ns() + BROKERS_WAIT_MS * AL_NS_PER_MS;
    while (s->amqp && !amqp_input_is_settled(s->amqp) && al_mono_ns() < end_ns) {
        struct timespec slice = {.tv_nsec = 5 * AL_NS_PER_MS};
        int signal = sigtimedwait(signals, NULL, &slice);
        if (signal == SIGTERM || signal == SIGINT)
            return false;
    }
    (void)printf("alco: ready on http://%s\n", server_address(node_server(n)));
    (void)fflush(stdout);
    return true;
}

static int run(serve *s, const sigset_t *signals)
{
    node *n = NULL;
    al_err err = {0};
    al_code c = node_open(&s->options, make_inputs, s, &n, &err);
    if (c) {
        cli_say("%s", err.msg[0] ? err.msg : al_code_name(c));
        return c == AL_INVALID ? CLI_USAGE : CLI_FAILED;
    }
    c = start_inputs(s, n, &err);
    if (c)
        cli_say("%s", err.msg);
    else if (say_ready(s, n, signals))
        wait_for_end(s, n, signals);
    stop(s, n);
    report(s, n);
    node_end(n);
    s->amqp = amqp_input_free(s->amqp);
    (void)node_close(n);
    return c ? CLI_FAILED : CLI_OK;
}

static int serve_until_told(serve *s)
{
    sigset_t signals;
    say_unused(s->config);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* NOLINT(concurrency-mt-unsafe): before there are threads */
    al_buf_init(&s->line, 1 << 20);
    int r = run(s, &signals);
    al_buf_done(&s->line);
    free(s->seen);
    return r;
}

int cmd_serve(int argc, char **argv)
{
    serve s = {.argc = argc, .argv = argv, .config = config_new(config_say_mistake, NULL)};
    if (!s.config)
        return CLI_FAILED;
    int r = parse_flags(&s, s.config);
    if (r == CLI_OK)
        r = config_read_all(s.config, s.config_file);
    if (r == CLI_OK)
        r = take_config(&s);
    if (r == CLI_OK && !s.only_checks)
        r = serve_until_told(&s);
    free(s.options.tuning.hosts);
    s.newer = config_free(s.newer);
    s.config = config_free(s.config);
    return r == SERVE_DONE ? CLI_OK : r;
}
