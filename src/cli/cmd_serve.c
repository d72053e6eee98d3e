/* alco serve: the node for the world. Parses flags, opens the node, waits for signals.
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
#include "cli/node.h"
#include "inputs/amqp_input.h"
#include "inputs/amqp_url.h"
#include "store/store.h"

enum { REPORT_S = 10, DRAIN_MS = 4000, BROKERS_WAIT_MS = 5000 };

static const char help[] =
    "usage: alco serve [--data DIR] [--listen HOST:PORT] [--amqp URL]... [--follow INDEX=GLOB]...\n"
    "                  [--check-config]\n"
    "\n"
    "  --data DIR          where everything is kept (./alco-data)\n"
    "  --listen HOST:PORT  address of page and API (127.0.0.1:8000); port 0 takes a free one\n"
    "  --amqp URL          read from this RabbitMQ, amqp://user:password@host:5672/vhost;\n"
    "                      may be given several times\n"
    "  --management URL    management API of the --amqp before it, http://127.0.0.1:15672:\n"
    "                      stale bindings are looked up there and removed\n"
    "  --follow INDEX=GLOB read the files that the glob names, now and when they appear, into the\n"
    "                      index, which is made when it is not there; knows rotation; may be "
    "given\n"
    "                      several times\n"
    "  --min-free BYTES    input stops when less of the disk is free (1GiB)\n"
    "  --when-low WHAT     then: stop (input, until there is room) or drop (the oldest, but\n"
    "                      never today's; input stops when that is not enough)\n"
    "  --memory BYTES      budget of the store (256MiB, at least 8MiB)\n"
    "  --query-timeout SECONDS\n"
    "                      what a query may take, waiting for others included (30)\n"
    "  --queries-waiting N how many requests may wait for a worker; one more gets 503 (1024)\n"
    "  --request-timeout SECONDS\n"
    "                      what a client may take to send a request that is no upload (30)\n"
    "  --connections-per-address N (8192)\n"
    "  --check-config      check the flags, start nothing\n"
    "  --config FILE       this build does not have it yet: settings are flags\n"
    "\n"
    "Prints `alco: ready on http://HOST:PORT` when it answers and reads from the brokers that are\n"
    "there. SIGTERM makes durable what came in and ends it.\n"
    "Exit status 0, 1 when it cannot run, 2 when a flag is wrong.\n";

typedef struct collected { /* what the last line said */
    char name[CAT_INDEX_NAME_MAX + 1];
    uint64_t records;
} collected;

typedef struct serve {
    node_options options;
    amqp_broker brokers[AMQP_BROKERS_MAX];
    size_t n_brokers;
    amqp_input *amqp;
    files_spec follows[FILES_SPECS_MAX];
    size_t n_follows;
    bool only_checks;
    collected *seen;
    size_t n_seen;
    size_t cap_seen;
    al_buf line;
} serve;

/* ---- Flags */

static bool parse_bytes(const char *text, uint64_t *ret)
{
    return al_parse_bytes(al_cstr(text), ret);
}

/* optarg, times `unit`. */
static bool parse_number(const char *flag, uint64_t max, uint32_t unit, uint32_t *ret)
{
    uint64_t n = 0;
    if (!al_parse_u64(al_cstr(optarg), &n) || n == 0 || n > max) {
        (void)cli_usage("serve", "--%s '%s': expected a number from 1 to %" PRIu64, flag, optarg,
                        max);
        return false;
    }
    *ret = (uint32_t)n * unit;
    return true;
}

static bool parse_when_low(const char *text, bool *ret_drops)
{
    *ret_drops = strcmp(text, "drop") == 0;
    return *ret_drops || strcmp(text, "stop") == 0;
}

static bool add_follow(serve *s, const char *text)
{
    al_err err = {0};
    if (s->n_follows == FILES_SPECS_MAX)
        (void)cli_usage("serve", "more than %d --follow", FILES_SPECS_MAX);
    else if (files_spec_parse(text, &s->follows[s->n_follows], &err))
        (void)cli_usage("serve", "--follow %s", err.msg);
    else
        return s->n_follows++ < FILES_SPECS_MAX;
    return false;
}

static int parse_flags(int argc, char **argv, serve *s)
{
    static const struct option flags[] = {{"data", required_argument, NULL, 'd'},
                                          {"listen", required_argument, NULL, 'l'},
                                          {"amqp", required_argument, NULL, 'a'},
                                          {"min-free", required_argument, NULL, 'f'},
                                          {"when-low", required_argument, NULL, 'L'},
                                          {"management", required_argument, NULL, 'g'},
                                          {"memory", required_argument, NULL, 'm'},
                                          {"query-timeout", required_argument, NULL, 'q'},
                                          {"queries-waiting", required_argument, NULL, 'w'},
                                          {"request-timeout", required_argument, NULL, 'r'},
                                          {"connections-per-address", required_argument, NULL, 'n'},
                                          {"check-config", no_argument, NULL, 'k'},
                                          {"config", required_argument, NULL, 'c'},
                                          {"follow", required_argument, NULL, 'F'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        switch (c) {
        case 'd':
            s->options.data = optarg;
            break;
        case 'l':
            s->options.listen = optarg;
            break;
        case 'a':
            if (s->n_brokers == AMQP_BROKERS_MAX)
                return cli_usage("serve", "more than %d brokers", AMQP_BROKERS_MAX);
            s->brokers[s->n_brokers++].url = al_cstr(optarg);
            break;
        case 'g':
            if (s->n_brokers == 0)
                return cli_usage("serve", "--management belongs behind its --amqp");
            s->brokers[s->n_brokers - 1].management = al_cstr(optarg);
            break;
        case 'F':
            if (!add_follow(s, optarg))
                return CLI_USAGE;
            break;
        case 'f':
            if (!parse_bytes(optarg, &s->options.min_free_bytes))
                return cli_usage("serve", "--min-free '%s': expected bytes, as 1GiB", optarg);
            break;
        case 'L':
            if (!parse_when_low(optarg, &s->options.drops_when_low))
                return cli_usage("serve", "--when-low '%s': expected stop or drop", optarg);
            break;
        case 'm':
            if (!parse_bytes(optarg, &s->options.memory_bytes) ||
                s->options.memory_bytes < STORE_MEMORY_MIN)
                return cli_usage("serve",
                                 "--memory '%s': expected bytes, as 512MiB, at least %dMiB", optarg,
                                 STORE_MEMORY_MIN >> 20);
            break;
        case 'q':
            if (!parse_number("query-timeout", 3600, 1000, &s->options.limits.query_ms))
                return CLI_USAGE;
            break;
        case 'w':
            if (!parse_number("queries-waiting", 1000000, 1, &s->options.limits.queries_waiting))
                return CLI_USAGE;
            break;
        case 'r':
            if (!parse_number("request-timeout", 3600, 1000, &s->options.limits.request_ms))
                return CLI_USAGE;
            break;
        case 'n':
            if (!parse_number("connections-per-address", 1000000, 1,
                              &s->options.limits.connections_per_address))
                return CLI_USAGE;
            break;
        case 'k':
            s->only_checks = true;
            break;
        case 'c':
            return cli_usage("serve",
                             "--config %s: this build (%s) does not have configuration files yet; "
                             "settings are flags",
                             optarg, CLI_VERSION);
        case 'h':
            (void)fputs(help, stdout);
            return -1;
        default:
            return cli_wrong_flag("serve", argv);
        }
    }
    if (optind < argc)
        return cli_usage("serve", "'%s' is not expected here", argv[optind]);
    return CLI_OK;
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

/* Before the server answers: the input's listeners, metrics and state. */
static al_code make_inputs(void *ctx, node *n, al_err *err)
{
    serve *s = ctx;
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

/* Until a signal ends it. SIGHUP will read the configuration again when there is one. */
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

static int check(serve *s)
{
    al_err err = {0};
    for (size_t i = 0; i < s->n_brokers; i++) {
        amqp_address url;
        if (amqp_url_parse(s->brokers[i].url, &url, &err))
            return cli_usage("serve", "%s", err.msg);
    }
    if (server_check_listen(s->options.listen, &err)) {
        cli_say("%s", err.msg);
        return CLI_USAGE;
    }
    return CLI_OK;
}

int cmd_serve(int argc, char **argv)
{
    serve s = {
        .options = {.data = "alco-data", .listen = "127.0.0.1:8000", .min_free_bytes = UINT64_MAX}};
    int r = parse_flags(argc, argv, &s);
    if (r == CLI_OK)
        r = check(&s);
    if (r != CLI_OK || s.only_checks)
        return r < 0 ? CLI_OK : r;
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* NOLINT(concurrency-mt-unsafe): before there are threads */
    al_buf_init(&s.line, 1 << 20);
    r = run(&s, &signals);
    al_buf_done(&s.line);
    free(s.seen);
    return r;
}
