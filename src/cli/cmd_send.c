/* alco send: publishes lines as the Python library logcollect does, to try a broker's set-up: topic
 * exchange, key logstash.<logger>, no properties. Unlike logcollect it asks for confirms, and for
 * messages back that no queue wants, because the answer to "does it arrive?" is its purpose.
 *
 * A line that is a JSON object goes as it stands; any other becomes the message of a record such
 * as logcollect makes. One connection, one thread; at most WINDOW messages are unconfirmed. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/json_pick.h"
#include "inputs/amqp_link.h"
#include "record/json.h"
#include "record/json_out.h"

enum {
    EXIT_UNROUTED = 1,
    EXIT_ERROR = 2,
    WINDOW = 1000,
    LOOK_EVERY = 64,      /* messages between two looks at what the broker says */
    CONFIRM_LIMIT_S = 30, /* without any confirm */
    BODY_BYTES_MAX = 64 << 20,
    PROGRESS_MS = 200,
};

typedef struct sender {
    amqp_link *k;
    const char *url;
    const char *exchange;
    const char *routing_key; /* NULL: logstash.<logger> */
    bool is_durable;
    bool has_progress;
    amqp_address to;
    char host[256];
    al_buf body;
    uint64_t n_sent;
    uint64_t n_confirmed;
    uint64_t n_settled;        /* tags 1 to n_settled are confirmed */
    bool is_confirmed[WINDOW]; /* of the tags behind, by tag % WINDOW */
    uint64_t n_refused;        /* basic.nack */
    uint64_t n_unrouted;
    int64_t stamp_us; /* of the last text line */
    unsigned seq;     /* among lines of one stamp */
    int64_t progress_ns;
    bool is_blocked;
} sender;

static const char usage[] =
    "usage: alco send [--amqp URL] [--exchange NAME] [--routing-key KEY] [--durable] [FILE|-]...\n"
    "Publishes each line as logcollect does, to try a broker's set-up.\n"
    "  --amqp URL         amqp://user:password@host:port/vhost, or amqps\n"
    "                     (default amqp://guest:guest@127.0.0.1:5672/)\n"
    "  --exchange NAME    topic exchange, declared if it is missing (default logstash)\n"
    "  --routing-key KEY  for all lines (default logstash.<logger>; the logger of a line that is\n"
    "                     not a JSON object is alco.send)\n"
    "  --durable          declare the exchange durable\n"
    "Exit status: 0 all arrived in a queue, 1 some had no queue to go to, 2 error.\n";

/* ---- What a line becomes */

static bool is_object(al_slice line)
{
    json_reader r = json_read(line);
    json_token t;
    return json_value(&r, &t) && t.type == VAL_OBJECT && json_end(&r);
}

/* The text of the top-level "logger" of an object, as it stands in the JSON; empty without. */
static al_slice find_logger(al_slice object)
{
    json_token t;
    bool has_logger = json_pick(object, "logger", &t) && t.type == VAL_STRING;
    return has_logger ? t.raw : (al_slice){0};
}

static void wrap_text(sender *s, al_slice line)
{
    int64_t us = al_now_ns() / 1000;
    s->seq = us == s->stamp_us ? s->seq + 1 : 1;
    s->stamp_us = us;
    time_t sec = (time_t)(us / 1000000);
    struct tm tm;
    char stamp[32] = "";
    if (gmtime_r(&sec, &tm))
        (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    al_buf *b = &s->body;
    al_buf_printf(b, "{\"@timestamp\": \"%s.%06dZ\", \"@version\": 1, \"message\": ", stamp,
                  (int)(us % 1000000));
    json_put_string(b, line);
    al_buf_str(b, ", \"host\": ");
    json_put_string(b, al_cstr(s->host));
    al_buf_printf(b,
                  ", \"tags\": [], \"type\": \"Logstash\", \"seq\": %u, \"levelname\": \"INFO\", "
                  "\"logger\": \"alco.send\", \"process\": %d}",
                  s->seq, (int)getpid());
}

/* ---- The broker's side */

/* Confirms come singly or for all up to a tag, in any order. */
static void note_confirm(sender *s, uint64_t tag, bool is_multiple, bool is_refused)
{
    uint64_t from = is_multiple ? s->n_settled + 1 : tag;
    for (uint64_t t = from; t <= tag && t <= s->n_sent; t++) {
        if (t <= s->n_settled || s->is_confirmed[t % WINDOW])
            continue;
        s->is_confirmed[t % WINDOW] = true;
        s->n_confirmed++;
        s->n_refused += is_refused;
    }
    while (s->n_settled < s->n_sent && s->is_confirmed[(s->n_settled + 1) % WINDOW])
        s->is_confirmed[++s->n_settled % WINDOW] = false;
}

static al_code on_frame(sender *s, const amqp_frame_t *f, al_err *err)
{
    if (f->frame_type != AMQP_FRAME_METHOD)
        return AL_OK; /* header and body of a message that came back */
    const amqp_method_t *m = &f->payload.method;
    switch (m->id) {
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *a = m->decoded;
        note_confirm(s, a->delivery_tag, a->multiple, false);
        return AL_OK;
    }
    case AMQP_BASIC_NACK_METHOD: {
        const amqp_basic_nack_t *a = m->decoded;
        note_confirm(s, a->delivery_tag, a->multiple, true);
        return AL_OK;
    }
    case AMQP_BASIC_RETURN_METHOD:
        s->n_unrouted++;
        return AL_OK;
    case AMQP_CONNECTION_BLOCKED_METHOD:
        if (!s->is_blocked)
            cli_say("send: the broker blocks publishers (memory or disk)");
        s->is_blocked = true;
        return AL_OK;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        s->is_blocked = false;
        return AL_OK;
    case AMQP_CHANNEL_CLOSE_METHOD:
    case AMQP_CONNECTION_CLOSE_METHOD:
        return amqp_link_closed(s->k, m, err);
    default:
        return AL_OK;
    }
}

/* Takes what the broker says; waits for it until at most `limit_s` seconds from now have passed. */
static al_code listen(sender *s, int limit_s, bool *ret_heard, al_err *err)
{
    *ret_heard = false;
    for (;;) {
        amqp_frame_t f;
        bool has_frame = false;
        al_code c = amqp_link_frame(s->k, *ret_heard ? 0 : limit_s, &f, &has_frame, err);
        if (!c && has_frame)
            c = on_frame(s, &f, err);
        if (c || !has_frame)
            return c;
        *ret_heard = true;
    }
}

static void show_progress(sender *s, bool is_last)
{
    int64_t now = al_mono_ns();
    if (!s->has_progress || (!is_last && now < s->progress_ns + PROGRESS_MS * AL_NS_PER_MS))
        return;
    s->progress_ns = now;
    (void)fprintf(stderr, "\r%llu sent, %llu confirmed%s", (unsigned long long)s->n_sent,
                  (unsigned long long)s->n_confirmed, is_last ? "\n" : "");
}

/* Waits until everything but at most the last `n` messages is confirmed. */
static al_code wait_for_confirms(sender *s, uint64_t n, al_err *err)
{
    int64_t heard_ns = al_mono_ns();
    while (s->n_sent - s->n_settled > n) {
        bool is_heard = false;
        al_code c = listen(s, 1, &is_heard, err);
        if (c)
            return c;
        show_progress(s, false);
        if (is_heard || s->is_blocked)
            heard_ns = al_mono_ns();
        else if (al_mono_ns() > heard_ns + CONFIRM_LIMIT_S * AL_NS_PER_S)
            return al_fail(err, AL_IO, "the broker confirmed nothing for %d s", CONFIRM_LIMIT_S);
    }
    return AL_OK;
}

static al_code publish(sender *s, al_slice key, al_slice body, al_err *err)
{
    int status =
        s->k->mq->basic_publish(s->k->c, s->k->channel, amqp_text(s->exchange), amqp_bytes_of(key),
                                /* mandatory= */ 1, 0, NULL, amqp_bytes_of(body));
    if (status != AMQP_STATUS_OK)
        return amqp_link_status(s->k, status, "publish", err);
    s->n_sent++;
    show_progress(s, false);
    bool is_heard = false;
    if (s->n_sent % LOOK_EVERY == 0) {
        al_code c = listen(s, 0, &is_heard, err);
        if (c)
            return c;
    }
    return s->n_sent - s->n_settled < WINDOW ? AL_OK : wait_for_confirms(s, WINDOW / 2, err);
}

static al_code send_line(sender *s, al_slice line, al_err *err)
{
    bool is_json = is_object(line);
    al_slice logger = is_json ? find_logger(line) : AL_LIT("alco.send");
    if (logger.len == 0)
        logger = AL_LIT("root"); /* as logcollect names the root logger */
    char key[256];
    (void)snprintf(key, sizeof key, "logstash.%.*s", AL_ARG(logger));
    if (s->routing_key)
        (void)snprintf(key, sizeof key, "%s", s->routing_key);
    if (is_json)
        return publish(s, al_cstr(key), line, err);
    al_buf_clear(&s->body);
    wrap_text(s, line);
    if (al_buf_code(&s->body))
        return al_fail(err, AL_LIMIT, "a line of %zu bytes is too long", line.len);
    return publish(s, al_cstr(key), al_buf_slice(&s->body), err);
}

/* ---- Life */

static al_code send_file(sender *s, const char *path, al_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(path, "re");
    if (!f)
        return al_fail_errno(err, "open '%s'", path);
    AL_CLEANUP(al_freep) char *line = NULL;
    size_t cap = 0;
    ssize_t n = 0;
    al_code c = AL_OK;
    while (!c && (n = getline(&line, &cap, f)) >= 0) {
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            n--;
        if (n > 0)
            c = send_line(s, (al_slice){(const uint8_t *)line, (size_t)n}, err);
    }
    if (!c && ferror(f))
        c = al_fail_errno(err, "read '%s'", path);
    if (!is_stdin)
        (void)fclose(f); /* was only read */
    return c;
}

static al_code declare(sender *s, al_err *err)
{
    amqp_bytes_t name = amqp_text(s->exchange);
    amqp_bytes_t topic = amqp_text("topic");
    if (s->exchange[0]) {
        (void)s->k->mq->exchange_declare(s->k->c, s->k->channel, name, topic, 0, s->is_durable, 0,
                                         0, AMQP_NO_TABLE);
        al_code c = amqp_link_check(s->k, "declare the exchange", err);
        if (c == AL_EXISTS) {
            cli_say("send: %s; it is used as it is", err->msg);
            (void)s->k->mq->exchange_declare(s->k->c, s->k->channel, name, topic, 1, 0, 0, 0,
                                             AMQP_NO_TABLE);
            c = amqp_link_check(s->k, "look for the exchange", err);
        }
        if (c)
            return c;
    }
    (void)s->k->mq->confirm_select(s->k->c, s->k->channel);
    return amqp_link_check(s->k, "ask for confirms", err);
}

static al_code send_all(sender *s, char **paths, int n_paths, al_err *err)
{
    al_code c = amqp_url_parse(al_cstr(s->url), &s->to, err);
    if (!c)
        c = amqp_link_open(&s->to, "alco send", &s->k, err);
    if (!c)
        c = declare(s, err);
    if (!c && n_paths == 0)
        c = send_file(s, "-", err);
    for (int i = 0; !c && i < n_paths; i++)
        c = send_file(s, paths[i], err);
    return c ? c : wait_for_confirms(s, 0, err);
}

static int report(const sender *s, al_code c, const al_err *err)
{
    if (c) {
        cli_say("send: %s (%llu line%s confirmed)", err->msg, (unsigned long long)s->n_confirmed,
                s->n_confirmed == 1 ? " was" : "s were");
        return EXIT_ERROR;
    }
    unsigned long long n = s->n_confirmed - s->n_refused;
    if (s->n_unrouted) /* those are confirmed as well, but lost */
        cli_say("send: %llu of %llu message%s reached no queue: no binding of exchange '%s' at %s "
                "matches the routing key",
                (unsigned long long)s->n_unrouted, (unsigned long long)s->n_sent,
                s->n_sent == 1 ? "" : "s", s->exchange, s->to.label);
    else
        (void)printf("%llu message%s to exchange '%s' at %s confirmed\n", n, n == 1 ? "" : "s",
                     s->exchange, s->to.label);
    if (s->n_refused) {
        cli_say("send: the broker refused %llu", (unsigned long long)s->n_refused);
        return EXIT_ERROR;
    }
    return s->n_unrouted ? EXIT_UNROUTED : 0;
}

/* -1: go on; else the exit status. */
static int parse_options(sender *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"amqp", required_argument, NULL, 'a'},
        {"exchange", required_argument, NULL, 'e'},
        {"routing-key", required_argument, NULL, 'k'},
        {"durable", no_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int o;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) { /* NOLINT: one thread */
        switch (o) {
        case 'a':
            s->url = optarg;
            break;
        case 'e':
            s->exchange = optarg;
            break;
        case 'k':
            s->routing_key = optarg;
            break;
        case 'd':
            s->is_durable = true;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        default:
            return cli_wrong_flag("send", argv);
        }
    }
    if (strlen(s->exchange) > 255 || (s->routing_key && strlen(s->routing_key) > 255)) {
        return cli_usage("send", "exchange and routing key have at most 255 bytes");
    }
    return -1;
}

int cmd_send(int argc, char **argv)
{
    sender s = {.url = "amqp://guest:guest@127.0.0.1:5672/", .exchange = "logstash"};
    int status = parse_options(&s, argc, argv);
    if (status >= 0)
        return status;
    s.has_progress = isatty(STDERR_FILENO);
    if (gethostname(s.host, sizeof s.host - 1))
        (void)snprintf(s.host, sizeof s.host, "localhost");
    al_buf_init(&s.body, BODY_BYTES_MAX);
    al_err err = {0};
    al_code c = send_all(&s, argv + optind, argc - optind, &err);
    show_progress(&s, true);
    status = report(&s, c, &err);
    s.k = amqp_link_close(s.k, !c);
    al_buf_done(&s.body);
    return status;
}
