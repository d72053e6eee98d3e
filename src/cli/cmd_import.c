/* alco import: files of logs -> POST logs, in chunks of whole lines. Each chunk is durable before
 * the next is sent, so an import that breaks says how many lines are in. Compressed files (.gz) are
 * read as they are. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/json_pick.h"
#include "record/json_out.h"

enum { CHUNK_BYTES = 4 << 20, CHUNK_BYTES_MAX = 80 << 20, READ_BYTES = 256 << 10, RETRY_S = 2 };

static const char help[] =
    "usage: alco import [--index NAME] [--format FORMAT] FILE...|-\n"
    "\n"
    "Reads logs line by line into an index (logs). FILE may be compressed with gzip; - is stdin.\n"
    "\n"
    "  --index NAME     the index, which must exist (logs)\n"
    "  --format FORMAT  logstash, jsonl: a JSON document a line\n"
    "                   raw: each line is a message\n"
    "                   auto: jsonl when the file begins with {, else raw (default)\n" CLIENT_HELP
    "\n"
    "Exit status 0 all is in and durable, 1 not, 2 a flag is wrong.\n";

typedef enum format { FORMAT_AUTO, FORMAT_JSON, FORMAT_RAW } format;

typedef struct import {
    client *client;
    const char *index;
    format asked;
    char path[128];
    /* of the file being read */
    const char *name;
    format format;
    uint64_t bytes_all; /* 0: unknown */
    gzFile file;
    al_buf chunk;
    al_buf line; /* the beginning of one whose end was not read */
    bool has_bars;
    int64_t begun_ns;
    uint64_t lines; /* durable, of all files, as bytes */
    uint64_t bytes; /* read of this file, uncompressed */
    int64_t shown_ns;
} import;

/* ---- Progress */

static void show(import *m, bool is_end)
{
    int64_t now_ns = al_mono_ns();
    if (!m->has_bars || (!is_end && now_ns - m->shown_ns < 200 * AL_NS_PER_MS))
        return;
    m->shown_ns = now_ns;
    double seconds = (double)(now_ns - m->begun_ns) / 1e9;
    double rate = seconds > 0 ? (double)m->lines / seconds : 0;
    z_off_t at = gzoffset(m->file);
    if (m->bytes_all && at >= 0) {
        unsigned percent = (unsigned)(100.0 * (double)at / (double)m->bytes_all);
        percent = percent > 100 ? 100 : percent;
        char bar[41];
        for (unsigned i = 0; i < 40; i++)
            bar[i] = i * 100 < percent * 40 ? '#' : '.';
        bar[40] = '\0';
        (void)fprintf(stderr, "\r%s %3u%% %" PRIu64 " lines, %.0f/s ", bar, percent, m->lines,
                      rate);
    } else {
        (void)fprintf(stderr, "\r%" PRIu64 " lines, %.0f/s ", m->lines, rate);
    }
    if (is_end)
        (void)fputc('\n', stderr);
}

/* ---- Sending */

static al_code send_once(import *m, al_buf *answer, al_err *err)
{
    client_call call = {.method = "POST",
                        .path = m->path,
                        .body = al_buf_slice(&m->chunk),
                        .type = "application/x-ndjson"};
    al_code c = client_run(m->client, &call, answer, err);
    if (c == AL_NOT_FOUND)
        return al_fail(err, c, "no index '%s': `alco index create %s` makes it", m->index,
                       m->index);
    return c;
}

/* A 503 is tried again, for as long as the disk is full or the server starts, unless some of the
 * lines were stored: sending those again would double them. */
static al_code send_chunk(import *m, al_err *err)
{
    al_buf answer;
    json_token n;
    uint64_t accepted = 0;
    if (m->chunk.len == 0)
        return AL_OK;
    al_buf_init(&answer, 1 << 20);
    al_code c = send_once(m, &answer, err);
    while (c == AL_AGAIN && !strstr(err->msg, "lines were stored")) {
        struct timespec pause = {.tv_sec = RETRY_S};
        cli_say("import: %s; waiting", err->msg);
        (void)nanosleep(&pause, NULL);
        c = send_once(m, &answer, err);
    }
    if (!c && !(json_pick(al_buf_slice(&answer), "accepted", &n) && al_parse_u64(n.raw, &accepted)))
        c = al_fail(err, AL_INVALID, CLI_NOT_ALCO); /* nothing is known stored */
    m->lines += accepted;
    al_buf_done(&answer);
    al_buf_clear(&m->chunk);
    show(m, false);
    return c;
}

static void add_raw(al_buf *out, al_slice line)
{
    static const char hex[] = "0123456789abcdef";
    al_buf_str(out, "{\"message\":\"");
    for (size_t i = 0; i < line.len; i++) { /* bytes as they are, whatever their encoding */
        uint8_t c = line.ptr[i];
        if (c == '"' || c == '\\')
            al_buf_u8(out, '\\');
        if (c < 0x20) {
            al_buf_str(out, "\\u00");
            al_buf_u8(out, (uint8_t)hex[c >> 4]);
            al_buf_u8(out, (uint8_t)hex[c & 15]);
        } else {
            al_buf_u8(out, c);
        }
    }
    al_buf_str(out, "\"}\n");
}

static void add_line(import *m, al_slice line)
{
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (line.len == 0)
        return;
    if (m->format == FORMAT_AUTO) {
        al_slice text = al_slice_trim(line);
        m->format = text.len && text.ptr[0] == '{' ? FORMAT_JSON : FORMAT_RAW;
    }
    if (m->format == FORMAT_RAW) {
        add_raw(&m->chunk, line);
        return;
    }
    al_buf_slice_put(&m->chunk, line);
    al_buf_u8(&m->chunk, '\n');
}

static al_code add_bytes(import *m, al_slice bytes, al_err *err)
{
    for (size_t at = 0; at < bytes.len;) {
        size_t end = al_slice_find(bytes, '\n', at);
        al_slice part = al_slice_sub(bytes, at, end);
        at = end + 1;
        if (m->line.len || end == bytes.len) {
            al_buf_slice_put(&m->line, part);
            if (end == bytes.len)
                break;
            part = al_buf_slice(&m->line);
        }
        add_line(m, part);
        al_buf_clear(&m->line);
        if (al_buf_code(&m->chunk))
            return al_fail(err, AL_LIMIT, "%s: a line of more than %d bytes", m->name,
                           CHUNK_BYTES_MAX);
        if (m->chunk.len >= CHUNK_BYTES) {
            al_code c = send_chunk(m, err);
            if (c)
                return c;
        }
    }
    return al_buf_code(&m->line) ? al_fail(err, AL_LIMIT, "%s: a line of more than %d bytes",
                                           m->name, CHUNK_BYTES_MAX)
                                 : AL_OK;
}

static al_code read_all(import *m, uint8_t *bytes, al_err *err)
{
    for (;;) {
        int n = gzread(m->file, bytes, READ_BYTES);
        if (n < 0) {
            int code = 0;
            return al_fail(err, AL_IO, "%s: %s", m->name, gzerror(m->file, &code));
        }
        if (n == 0)
            break;
        m->bytes += (uint64_t)n;
        al_code c = add_bytes(m, (al_slice){bytes, (size_t)n}, err);
        if (c)
            return c;
    }
    add_line(m, al_buf_slice(&m->line));
    al_buf_clear(&m->line);
    return send_chunk(m, err);
}

static al_code import_file(import *m, const char *name, al_err *err)
{
    struct stat st;
    int fd = strcmp(name, "-") == 0 ? dup(STDIN_FILENO) : -1;
    m->name = name;
    m->format = m->asked;
    m->bytes = 0;
    m->bytes_all = 0;
    if (fd < 0 && stat(name, &st) == 0 && S_ISREG(st.st_mode))
        m->bytes_all = (uint64_t)st.st_size;
    m->file = fd >= 0 ? gzdopen(fd, "rb") : gzopen(name, "rbe");
    if (!m->file)
        return al_fail_errno(err, "%s", name);
    (void)gzbuffer(m->file, READ_BYTES);
    uint8_t *bytes = al_alloc(READ_BYTES, 1);
    al_code c = bytes ? read_all(m, bytes, err) : al_fail(err, AL_NOMEM, "import");
    free(bytes);
    show(m, true);
    (void)gzclose(m->file); /* was only read */
    m->file = NULL;
    return c;
}

/* ---- The command */

static bool take_format(import *m, const char *text)
{
    static const struct {
        const char *name;
        format format;
    } names[] = {{"auto", FORMAT_AUTO},
                 {"logstash", FORMAT_JSON},
                 {"jsonl", FORMAT_JSON},
                 {"raw", FORMAT_RAW}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i].name) == 0) {
            m->asked = names[i].format;
            return true;
        }
    }
    return false;
}

static int run(import *m, const client_options *o, char **files, int n)
{
    al_err err = {0};
    al_code c = client_open(o, &m->client, &err);
    al_buf path;
    al_buf_init(&path, sizeof m->path);
    al_buf_str(&path, "/api/v1/indexes/");
    cli_put_escaped(&path, al_cstr(m->index));
    al_buf_str(&path, "/logs");
    if (!c && al_buf_code(&path))
        c = al_fail(&err, AL_NOT_FOUND, "no index '%s'", m->index);
    (void)snprintf(m->path, sizeof m->path, "%.*s", AL_ARG(al_buf_slice(&path)));
    al_buf_done(&path);
    m->has_bars = isatty(STDERR_FILENO);
    m->begun_ns = al_mono_ns();
    for (int i = 0; !c && i < n; i++)
        c = import_file(m, files[i], &err);
    if (c) {
        cli_say("import: %s", err.msg);
        cli_say("import: %" PRIu64 " lines are in and durable", m->lines);
        return CLI_FAILED;
    }
    (void)printf("%" PRIu64 " line%s imported into %s\n", m->lines, m->lines == 1 ? "" : "s",
                 m->index);
    return CLI_OK;
}

int cmd_import(int argc, char **argv)
{
    static const struct option flags[] = {{"index", required_argument, NULL, 'i'},
                                          {"format", required_argument, NULL, 'f'},
                                          {"help", no_argument, NULL, 'h'},
                                          CLIENT_FLAGS,
                                          {0}};
    client_options o = {0};
import m = {.index = "logs" };
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (c == 'h') {
            (void)fputs(help, stdout);
            return CLI_OK;
        }
        if (c == 'i') {
            m.index = optarg;
        } else if (c == 'f') {
            if (!take_format(&m, optarg))
                return cli_usage(
                    "import", "--format '%s': expected auto, logstash, jsonl or raw%s", optarg,
                    strcmp(optarg, "syslog") == 0 ? " (syslog comes with a later version)" : "");
        } else if (!client_take_flag(&o, c, optarg)) {
            return cli_usage("import", "a flag is wrong");
        }
    }
    if (optind == argc)
        return cli_usage("import", "expected a FILE, or - for standard input");
    al_buf_init(&m.chunk, CHUNK_BYTES_MAX);
    al_buf_init(&m.line, CHUNK_BYTES_MAX / 8);
    int r = run(&m, &o, argv + optind, argc - optind);
    (void)client_close(m.client);
    al_buf_done(&m.chunk);
    al_buf_done(&m.line);
    return r;
}
