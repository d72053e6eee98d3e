/* alco import: files of logs -> POST logs, in chunks of whole records. Each chunk is durable before
 * the next is sent, so that an import that breaks can say how far it came and how to go on.
 * Shape: bytes of the file -> `pending` -> records (a line, or several) -> documents in `chunk`. */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/import_doc.h"
#include "cli/import_source.h"
#include "cli/json_pick.h"
#include "inputs/line_join.h"

enum {
    CHUNK_BYTES = 4 << 20,
    CHUNK_BYTES_MAX = 128 << 20,
    LINE_BYTES_MAX = 16 << 20,
    RETRY_S = 2,
    PROGRESS_MS = 200,
    IDLE_MS = 500, /* as long a pipe may be silent within a record */
    BAR = 40,
};

static const char help[] =
    "usage: alco import [--index NAME] [--format FORMAT] [--skip LINES] FILE...|-\n"
    "\n"
    "Reads logs into an index. FILE may be packed with gzip or zstd; - is stdin.\n"
    "\n"
    "  --index NAME     the index, which must exist (logs)\n"
    "  --format FORMAT  logstash, jsonl: a JSON document a line\n"
    "                   syslog: RFC 3164 or 5424; fields host, app, pid, and of <PRI> facility "
    "and\n"
    "                   severity\n"
    "                   raw: the message is the line; its time and level are read from it\n"
    "                   auto: what the first line of each file looks like (default)\n"
    "  --skip LINES     pass over so many lines of the first FILE, to go on where one broke "
    "off\n" CLIENT_HELP "\n"
    "Of syslog and raw, indented lines, tracebacks and causes belong to the record before them; "
    "times\n"
    "without a zone are read in the index's timestamp_zone; a record without a time gets that of "
    "the\n"
    "one before it.\n"
    "Exit status 0 all is in and durable, 1 not, 2 a flag is wrong.\n";

typedef struct importer {
    client *client;
    const char *index;
    import_format asked;
    char path[128];
    rec_zone *zone;
    uint64_t skip; /* lines still to pass over */
    /* of the file being read */
    const char *name;
    import_source *source;
    import_doc doc;
    bool is_known; /* doc's format */
    bool joins;
    al_buf pending;       /* read, and not yet a record */
    al_buf chunk;         /* documents to send */
    uint64_t lines_taken; /* of the file, skipped ones too: durable, in the chunk or empty */
    uint64_t lines_done;  /* durable */
    bool is_bad_file;     /* going on with it makes no sense */
    bool is_doubtful;     /* the chunk was sent, and nobody knows what became of it */
    uint64_t n_records;   /* durable, of all files */
    bool has_bars;
    int64_t begun_ns;
    int64_t shown_ns;
} importer;

static volatile sig_atomic_t is_interrupted;

static void on_signal(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

/* ---- Progress */

static void show(importer *m, bool is_end)
{
    int64_t now_ns = al_mono_ns();
    if (!m->has_bars || (!is_end && now_ns - m->shown_ns < PROGRESS_MS * AL_NS_PER_MS))
        return;
    m->shown_ns = now_ns;
    double seconds = (double)(now_ns - m->begun_ns) / 1e9;
    double rate = seconds > 0 ? (double)m->n_records / seconds : 0;
    int percent = import_source_percent(m->source);
    char bar[BAR + 1] = "";
    for (int k = 0; k < BAR; k++)
        bar[k] = k * 100 < percent * BAR ? '#' : '.';
    (void)fputc('\r', stderr);
    if (percent >= 0)
        (void)fprintf(stderr, "%s %3d%% ", bar, percent);
    (void)fprintf(stderr, "%" PRIu64 " records, %.0f/s %s", m->n_records, rate, is_end ? "\n" : "");
}

/* ---- Sending */

static al_code send_once(importer *m, al_buf *answer, al_err *err)
{
    client_call call = {.method = "POST",
                        .path = m->path,
                        .body = al_buf_slice(&m->chunk),
                        .type = "application/x-ndjson"};
    return client_run(m->client, &call, answer, err);
}

static al_code stop_if_interrupted(al_err *err)
{
    return is_interrupted ? al_fail(err, AL_CANCELLED, "stopped by a signal") : AL_OK;
}

/* A 503 is tried again, for as long as the disk is full or the server starts, unless some of the
 * lines were stored: sending those again would double them. */
static al_code send_patiently(importer *m, al_buf *answer, al_err *err)
{
    al_code c = send_once(m, answer, err);
    while (c == AL_AGAIN && !strstr(err->msg, "lines were stored")) {
        struct timespec pause = {.tv_sec = RETRY_S};
        cli_say("import: %s; waiting", err->msg);
        (void)nanosleep(&pause, NULL); /* a signal ends it early */
        if (stop_if_interrupted(err))
            return AL_CANCELLED;
        c = send_once(m, answer, err);
    }
    m->is_doubtful = c == AL_IO || c == AL_AGAIN;
    return c;
}

static void count_answer(importer *m, al_slice answer, uint64_t accepted)
{
    json_token t;
    uint64_t rejected = 0;
    m->n_records += accepted;
    if (json_pick(answer, "rejected", &t) && al_parse_u64(t.raw, &rejected) && rejected)
        cli_say("import: %s: %" PRIu64 " records were rejected: %.*s", m->name, rejected,
                json_pick(answer, "errors", &t) ? (int)(t.raw.len < 300 ? t.raw.len : 300) : 0,
                (const char *)t.raw.ptr);
}

static al_code send_chunk(importer *m, al_err *err)
{
    al_buf body;
    json_token n;
    uint64_t accepted = 0;
    al_code c = AL_OK;
    if (m->chunk.len) {
        al_buf_init(&body, 1 << 20);
        c = send_patiently(m, &body, err);
        al_slice answer = al_buf_slice(&body);
        if (!c && !(json_pick(answer, "accepted", &n) && al_parse_u64(n.raw, &accepted)))
            c = al_fail(err, AL_INVALID, CLI_NOT_ALCO); /* nothing is known stored */
        if (!c)
            count_answer(m, answer, accepted);
        al_buf_done(&body);
        al_buf_clear(&m->chunk);
    }
    if (c)
        return c;
    m->lines_done = m->lines_taken;
    show(m, false);
    return stop_if_interrupted(err);
}

/* ---- Bytes to records */

static uint64_t count_lines(al_slice s)
{
    uint64_t n = 0;
    for (size_t at = al_slice_find(s, '\n', 0); at < s.len; at = al_slice_find(s, '\n', at + 1))
        n++;
    return n;
}

/* Passes over what --skip says. */
static al_slice skip_lines(importer *m, al_slice bytes)
{
    size_t at = 0;
    while (m->skip && at < bytes.len) {
        size_t end = al_slice_find(bytes, '\n', at);
        if (end < bytes.len) {
            m->skip--;
            m->lines_done = ++m->lines_taken;
        }
        at = end + 1;
    }
    return al_slice_sub(bytes, at, bytes.len);
}

/* Finds out what the file holds once its first line that is not empty is there. */
static bool know_format(importer *m, al_slice data)
{
    for (size_t at = 0; !m->is_known && at < data.len;) {
        size_t end = al_slice_find(data, '\n', at);
        al_slice line = al_slice_sub(data, at, end);
        at = end + 1;
        if (end == data.len)
            break;
        if (al_slice_trim(line).len == 0)
            continue;
        m->joins = import_doc_joins(&m->doc, line);
        m->is_known = true;
    }
    return m->is_known;
}

static bool next_line(al_slice data, line_rec *ret)
{
    size_t end = al_slice_find(data, '\n', 0);
    bool has_cr = end && end < data.len && data.ptr[end - 1] == '\r';
    *ret = (line_rec){
        .text = al_slice_sub(data, 0, end - has_cr), .bytes = end + 1, .is_closed = true};
    return end < data.len;
}

/* All whole records of `pending`; the last one stays while lines may follow that belong to it. */
static al_code take_records(importer *m, bool is_end, al_err *err)
{
    line_rec rec;
    al_code c = AL_OK;
    size_t at = 0;
    al_slice all = al_buf_slice(&m->pending);
    if (!know_format(m, all))
        return AL_OK;
    while (!c && at < all.len) {
        al_slice rest = al_slice_sub(all, at, all.len);
        bool has = m->joins ? line_join_first(rest, &rec) : next_line(rest, &rec);
        if (!has || !(rec.is_closed || is_end))
            break;
        if (rec.text.len)
            import_doc_put(&m->doc, &m->chunk, rec.text);
        m->lines_taken += count_lines(al_slice_sub(rest, 0, rec.bytes));
        at += rec.bytes;
        if (al_buf_code(&m->chunk))
            c = al_fail(err, AL_LIMIT, "%s: line %" PRIu64 " is too long", m->name, m->lines_taken);
        else if (m->chunk.len >= CHUNK_BYTES)
            c = send_chunk(m, err);
    }
    if (at)
        memmove(m->pending.ptr, m->pending.ptr + at, all.len - at);
    m->pending.len = all.len - at;
    return c;
}

static al_code take_bytes(importer *m, al_slice bytes, al_err *err)
{
    bytes = skip_lines(m, bytes);
    al_buf_slice_put(&m->pending, bytes);
    if (al_buf_code(&m->pending))
        return al_fail(err, AL_NOMEM, "%s", m->name);
    al_code c = take_records(m, false, err);
    if (!c && m->pending.len > LINE_BYTES_MAX)
        c = al_fail(err, AL_LIMIT, "%s: line %" PRIu64 " has more than %d bytes", m->name,
                    m->lines_taken + 1, LINE_BYTES_MAX);
    return c;
}

static al_code take_end(importer *m, al_err *err)
{
    al_slice last = al_buf_slice(&m->pending);
    if (last.len && last.ptr[last.len - 1] != '\n')
        al_buf_u8(&m->pending, '\n');
    al_code c = take_records(m, true, err);
    return c ? c : send_chunk(m, err);
}

/* What is there is sent before a pipe is waited for: its writer may have said all for hours. */
static al_code read_some(importer *m, al_slice *ret, al_err *err)
{
    while (!import_source_wait(m->source, IDLE_MS)) {
        al_code c = take_records(m, true, err);
        if (!c)
            c = send_chunk(m, err); /* looks for signals, too */
        if (c)
            return c;
    }
    al_code c = stop_if_interrupted(err);
    return c ? c : import_source_read(m->source, ret, err);
}

/* What was read before is worth keeping. */
static al_code keep_rest(importer *m, al_code why)
{
    al_err ignored = {0}; /* the first error is what is told */
    (void)(why == AL_CORRUPT ? take_end(m, &ignored) : send_chunk(m, &ignored));
    return why;
}

static al_code read_all(importer *m, al_err *err)
{
    for (;;) {
        al_slice bytes = {0};
        al_code c = read_some(m, &bytes, err);
        if (c == AL_CORRUPT || c == AL_CANCELLED)
            return keep_rest(m, c);
        if (!c && bytes.len == 0)
            return take_end(m, err);
        if (!c)
            c = take_bytes(m, bytes, err);
        if (!c && is_interrupted)
            return keep_rest(m, stop_if_interrupted(err));
        if (c)
            return c;
    }
}

static al_code import_file(importer *m, const char *name, al_err *err)
{
    m->name = name;
    m->is_known = false;
    m->lines_taken = m->lines_done = 0;
    al_buf_clear(&m->pending);
    al_code c = import_source_open(name, &m->source, err);
    m->is_bad_file = c != AL_OK;
    if (c)
        return c;
    m->doc = (import_doc){.format = m->asked,
                          .zone = m->zone,
                          .near_ns = import_source_modified_ns(m->source),
                          .last_ns = -1};
    c = read_all(m, err);
    m->is_bad_file = c == AL_CORRUPT || c == AL_LIMIT;
    show(m, true);
    m->source = import_source_close(m->source);
    return c;
}

/* ---- The command */

/* Where the index reads times without offset: lines have them, and their time is read here. */
static al_code open_zone(importer *m, al_slice index, al_err *err)
{
    json_token zone;
    if (json_pick(index, "timestamp_zone", &zone) && zone.type == VAL_STRING)
        return rec_zone_open(zone.raw, &m->zone, err);
    return al_fail(err, AL_INVALID, CLI_NOT_ALCO);
}

static al_code look_at_index(importer *m, al_err *err)
{
    al_buf body;
    al_buf path;
    al_buf_init(&body, 1 << 20);
    al_buf_init(&path, sizeof m->path - 8);
    al_buf_str(&path, "/api/v1/indexes/");
    cli_put_escaped(&path, al_cstr(m->index));
    (void)snprintf(m->path, sizeof m->path, "%.*s", AL_ARG(al_buf_slice(&path)));
    client_call call = {.path = m->path};
    al_code c = al_buf_code(&path) ? AL_NOT_FOUND : client_run(m->client, &call, &body, err);
    if (c == AL_NOT_FOUND)
        c = al_fail(err, c, "no index '%s': `alco index create %s` makes it", m->index, m->index);
    else if (!c)
        c = open_zone(m, al_buf_slice(&body), err);
    (void)snprintf(m->path, sizeof m->path, "%.*s/logs", AL_ARG(al_buf_slice(&path)));
    al_buf_done(&body);
    al_buf_done(&path);
    return c;
}

/* Says how far it came. `files` begins with the one that broke. */
static void tell_how_far(const importer *m, char **files, int n)
{
    cli_say("import: %" PRIu64 " records are in and durable", m->n_records);
    if (!m->name)
        return;
    if (m->lines_done || m->is_doubtful)
        cli_say("import: of %s its first %" PRIu64 " lines", m->name, m->lines_done);
    if (m->is_doubtful)
        cli_say("import: the %" PRIu64 " lines behind them were sent last: any of them may be in",
                m->lines_taken - m->lines_done);
    if (m->is_bad_file && n > 1)
        cli_say("import: not read: the files behind %s", m->name);
    if (!m->is_bad_file && strcmp(m->name, "-") != 0)
        cli_say("import: to go on: alco import --index %s --skip %" PRIu64 " %s%s", m->index,
                m->lines_done, files[0], n > 1 ? " and the files behind it" : "");
}

static int run(importer *m, const client_options *o, char **files, int n)
{
    al_err err = {0};
    int i = 0;
    al_code c = client_open(o, &m->client, &err);
    if (!c)
        c = look_at_index(m, &err);
    m->has_bars = isatty(STDERR_FILENO);
    m->begun_ns = al_mono_ns();
    for (; !c && i < n; i++)
        c = import_file(m, files[i], &err);
    if (c) {
        cli_say("import: %s", err.msg);
        tell_how_far(m, files + (i ? i - 1 : 0), n - (i ? i - 1 : 0));
        return CLI_FAILED;
    }
    (void)printf("%" PRIu64 " record%s imported into %s\n", m->n_records,
                 m->n_records == 1 ? "" : "s", m->index);
    return CLI_OK;
}

static int parse_flags(int argc, char **argv, importer *m, client_options *o, bool *ret_is_help)
{
    static const struct option flags[] = {{"index", required_argument, NULL, 'i'},
                                          {"format", required_argument, NULL, 'f'},
                                          {"skip", required_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          CLIENT_FLAGS,
                                          {0}};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (c == 'h') {
            *ret_is_help = true;
            return CLI_OK;
        }
        if (c == 'i') {
            m->index = optarg;
        } else if (c == 'f') {
            if (!import_format_of(optarg, &m->asked))
                return cli_usage("import",
                                 "--format '%s': expected auto, logstash, jsonl, syslog or raw",
                                 optarg);
        } else if (c == 's') {
            if (!al_parse_u64(al_cstr(optarg), &m->skip))
                return cli_usage("import", "--skip '%s': expected a number of lines", optarg);
        } else if (!client_take_flag(o, c, optarg)) {
            return cli_wrong_flag("import", argv);
        }
    }
    return optind < argc ? CLI_OK : cli_usage("import", "expected a FILE, or - for standard input");
}

int cmd_import(int argc, char **argv)
{
    client_options o = {.may_create = true};
    importer m = {.index = "logs"};
    bool is_help = false;
    int r = parse_flags(argc, argv, &m, &o, &is_help);
    if (r != CLI_OK)
        return r;
    if (is_help) {
        (void)fputs(help, stdout);
        return CLI_OK;
    }
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGINT, &action, NULL); /* the second one ends us at once */
    (void)sigaction(SIGTERM, &action, NULL);
    al_buf_init(&m.chunk, CHUNK_BYTES_MAX);
    al_buf_init(&m.pending, (size_t)2 * LINE_BYTES_MAX);
    r = run(&m, &o, argv + optind, argc - optind);
    (void)client_close(m.client);
    (void)rec_zone_free(m.zone);
    al_buf_done(&m.chunk);
    al_buf_done(&m.pending);
    return r;
}
