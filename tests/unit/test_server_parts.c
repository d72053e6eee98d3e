/* Goal: the pure parts of src/server: addresses, forms, who may ask, tokens, lines, UTF-16, routes
 * and their description. Method: tables, each cut of each encoding, random pieces. */
#include "test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/thread.h"
#include "record/json.h"
#include "record/json_out.h"
#include "server/api.h"
#include "server/assets.h"
#include "server/conns.h"
#include "server/cursor.h"
#include "server/guard.h"
#include "server/lines.h"
#include "server/old_cursor.h"
#include "server/old_form.h"
#include "server/old_snippet.h"
#include "server/routes.h"
#include "server/url.h"
#include "server/utf16.h"
#include "server/workers.h"

static al_arena *arena;

static al_slice on_heap(const void *bytes, size_t n) /* so that asan sees one byte too many */
{
    uint8_t *p = malloc(n ? n : 1);
    assert_non_null(p);
    if (n)
        memcpy(p, bytes, n);
    return (al_slice){p, n};
}

static void drop(al_slice s)
{
    free((void *)(uintptr_t)s.ptr);
}

/* ---- url */

static void forms_are_decoded(void **state)
{
    (void)state;
    al_err err;
    url_params p = {0};
    al_slice v;
    assert_int_equal(url_parse_form(AL_LIT("a=1&b=%41+%2b%00&&c&d==x&e="), arena, &p, &err), AL_OK);
    assert_int_equal(p.n, 5);
    assert_true(url_param_get(&p, "b", &v));
    assert_true(al_slice_eq(v, AL_LIT("A +\0")));
    assert_true(url_param_get(&p, "c", &v));
    assert_int_equal(v.len, 0);
    assert_true(url_param_get(&p, "d", &v));
    assert_true(al_slice_eq(v, AL_LIT("=x")));
    assert_false(url_param_get(&p, "z", &v));
    static const char *const bad[] = {"%", "a=%4", "a=%g0", "a=%4g", "a=1&a=2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        url_params q = {0};
        al_slice copy = on_heap(bad[i], strlen(bad[i]));
        assert_int_equal(url_parse_form(copy, arena, &q, &err), AL_INVALID);
        drop(copy);
    }
    url_params many = {0};
    char text[400] = "";
    for (size_t i = 0; i <= URL_PARAMS_MAX; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "p%zu&", i);
    assert_int_equal(url_parse_form(al_cstr(text), arena, &many, &err), AL_INVALID);
}

#define ALPHABET "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z"

static void targets_are_split(void **state)
{
    (void)state;
    al_err err;
    url_target t;
    assert_int_equal(url_parse_target(AL_LIT("/a/b%2Fc+d/?x=1?2"), arena, &t, &err), AL_OK);
    assert_int_equal(t.n, 3);
    assert_true(al_slice_eq(t.parts[1], AL_LIT("b/c+d")));
    assert_int_equal(t.parts[2].len, 0);
    assert_true(al_slice_eq(t.query, AL_LIT("x=1?2")));
    assert_true(al_slice_eq(t.path, AL_LIT("/a/b%2Fc+d/")));
    assert_int_equal(url_parse_target(AL_LIT("http://h:1/x"), arena, &t, &err), AL_OK);
    assert_true(al_slice_eq(t.parts[0], AL_LIT("x")));
    static const char *const bad[] = {"", "*", "a/b", "http://h", "/%", ALPHABET "/a/b/c/d/e/f/g"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(url_parse_target(al_cstr(bad[i]), arena, &t, &err), AL_INVALID);
}

/* ---- guard */

typedef struct guard_case {
    const char *host;
    const char *origin;
    const char *site;
    const char *mode;
    bool is_get;
    guard_verdict verdict;
} guard_case;

static al_slice maybe(const char *s)
{
    return s ? al_cstr(s) : (al_slice){0};
}

static void who_may_ask(void **state)
{
    (void)state;
    static const guard_case cases[] = {
        {"127.0.0.1:8000", NULL, NULL, NULL, true, GUARD_OK},
        {"[::1]:8000", NULL, NULL, NULL, true, GUARD_OK},
        {"[fe80::1]", NULL, NULL, NULL, true, GUARD_OK},
        {"LocalHost", NULL, NULL, NULL, true, GUARD_OK},
        {"Logs.Example.com", NULL, NULL, NULL, true, GUARD_OK},
        {NULL, NULL, NULL, NULL, true, GUARD_BAD_HOST},
        {"", NULL, NULL, NULL, true, GUARD_BAD_HOST},
        {"evil.example", NULL, NULL, NULL, true, GUARD_BAD_HOST},
        {"127.0.0.1.evil.example", NULL, NULL, NULL, true, GUARD_BAD_HOST},
        {"localhost:x", NULL, NULL, NULL, true, GUARD_BAD_HOST},
        {"localhost:123456", NULL, NULL, NULL, true, GUARD_BAD_HOST},
        {"[::1", NULL, NULL, NULL, true, GUARD_BAD_HOST},
        {"[::1]x", NULL, NULL, NULL, true, GUARD_BAD_HOST},
        {"local host", NULL, NULL, NULL, true, GUARD_BAD_HOST},
        {"a@localhost", NULL, NULL, NULL, true, GUARD_BAD_HOST},
        {"localhost:8000", "http://localhost:8000", NULL, NULL, false, GUARD_OK},
        {"localhost", "http://localhost", NULL, NULL, false, GUARD_OK},
        {"localhost:80", "http://localhost", NULL, NULL, false, GUARD_OK},
        {"localhost", "https://localhost:443", NULL, NULL, false, GUARD_OK},
        {"127.0.0.1:8000", "https://logs.example.com", NULL, NULL, false, GUARD_OK},
        {"localhost:8000", "http://localhost:8001", NULL, NULL, false, GUARD_BAD_ORIGIN},
        {"localhost:8000", "http://127.0.0.1:8000", NULL, NULL, false, GUARD_BAD_ORIGIN},
        {"localhost", "null", NULL, NULL, false, GUARD_BAD_ORIGIN},
        {"localhost", "", NULL, NULL, false, GUARD_BAD_ORIGIN},
        {"localhost", "file://localhost", NULL, NULL, false, GUARD_BAD_ORIGIN},
        {"localhost", "http://localhost.evil.example", NULL, NULL, true, GUARD_BAD_ORIGIN},
        {"localhost", NULL, "cross-site", "no-cors", true, GUARD_CROSS_SITE},
        {"localhost", NULL, "cross-site", NULL, true, GUARD_CROSS_SITE},
        {"localhost", NULL, "cross-site", "navigate", true, GUARD_OK},
        {"localhost", NULL, "cross-site", "navigate", false, GUARD_CROSS_SITE},
        {"localhost", NULL, "same-origin", "cors", false, GUARD_OK},
        {"localhost", NULL, "none", NULL, true, GUARD_OK},
    };
    al_slice hosts[] = {AL_LIT("logs.example.com")};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        guard_request r = {.host = maybe(cases[i].host),
                           .origin = maybe(cases[i].origin),
                           .fetch_site = maybe(cases[i].site),
                           .fetch_mode = maybe(cases[i].mode),
                           .is_get = cases[i].is_get};
        if (guard_check(&r, hosts, 1) != cases[i].verdict)
            fail_msg("case %zu: host '%s' origin '%s'", i, cases[i].host, cases[i].origin);
    }
}

static void the_end_of_a_body_is_beyond_doubt(void **state)
{
    (void)state;
    static const struct {
        const char *length;
        const char *coding;
        bool is_doubled;
        guard_verdict verdict;
    } cases[] = {
        {"3", NULL, false, GUARD_OK},
        {NULL, "chunked", false, GUARD_OK},
        {NULL, "Chunked", false, GUARD_OK},
        {NULL, NULL, true, GUARD_BAD_FRAME},
        {"3", NULL, true, GUARD_BAD_FRAME},
        {"3", "chunked", false, GUARD_BAD_FRAME},
        {NULL, "gzip, chunked", false, GUARD_BAD_FRAME},
        {NULL, "", false, GUARD_BAD_FRAME},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        guard_request r = {.host = AL_LIT("localhost"),
                           .content_length = maybe(cases[i].length),
                           .transfer_encoding = maybe(cases[i].coding),
                           .is_doubled = cases[i].is_doubled};
        if (guard_check(&r, NULL, 0) != cases[i].verdict)
            fail_msg("case %zu", i);
    }
}

static void loopback_is_told_from_the_rest(void **state)
{
    (void)state;
    static const struct {
        int family;
        const char *text;
        bool is_loopback;
    } cases[] = {{AF_INET, "127.0.0.1", true},
                 {AF_INET, "127.9.9.9", true},
                 {AF_INET, "128.0.0.1", false},
                 {AF_INET, "0.0.0.0", false},
                 {AF_INET6, "::1", true},
                 {AF_INET6, "::", false},
                 {AF_INET6, "::ffff:127.0.0.1", true},
                 {AF_INET6, "::ffff:10.0.0.1", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_in in = {.sin_family = AF_INET};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        bool is_four = cases[i].family == AF_INET;
        assert_int_equal(inet_pton(cases[i].family, cases[i].text,
                                   is_four ? (void *)&in.sin_addr : (void *)&in6.sin6_addr),
                         1);
        guard_request r = {.peer = is_four ? (const struct sockaddr *)&in
                                           : (const struct sockaddr *)&in6};
        assert_int_equal(guard_is_loopback(&r), cases[i].is_loopback);
        r.is_forwarded = true;
        assert_false(guard_is_loopback(&r));
    }
}

/* ---- cursor */

static void tokens_come_back_and_every_damage_is_noticed(void **state)
{
    (void)state;
    const cursor all[] = {
        {.id = 0},
        {.is_prev = true,
         .is_descending = true,
         .from_ns = 5,
         .to_ns = INT64_MAX,
         .id = UINT64_MAX,
         .scope = 0xfedcba98,
         .place = 1,
         .index = "abcdefghijklmnopqrst"},
        {.is_descending = true, .to_ns = 7, .id = 1795358814449280300, .place = -1, .index = "w"},
    };
    for (size_t i = 0; i < 3; i++) {
        al_buf b;
        cursor got;
        al_err err;
        al_buf_init(&b, 1000);
        cursor_format(&all[i], &b);
        assert_int_equal(cursor_parse(al_buf_slice(&b), &got, &err), AL_OK);
        assert_true(got.id == all[i].id);
        assert_true(got.from_ns == all[i].from_ns);
        assert_true(got.to_ns == all[i].to_ns);
        assert_int_equal(got.is_prev, all[i].is_prev);
        assert_int_equal(got.is_descending, all[i].is_descending);
        assert_int_equal(got.place, all[i].place);
        assert_int_equal(got.scope, all[i].scope);
        assert_string_equal(got.index, all[i].index);
        for (size_t cut = 0; cut < b.len; cut++) {
            al_slice copy = on_heap(b.ptr, cut);
            assert_int_equal(cursor_parse(copy, &got, &err), AL_INVALID);
            drop(copy);
        }
        for (size_t k = 0; k < b.len; k++) {
            al_slice copy = on_heap(b.ptr, b.len);
            ((uint8_t *)(uintptr_t)copy.ptr)[k] ^= 1;
            assert_int_equal(cursor_parse(copy, &got, &err), AL_INVALID);
            drop(copy);
        }
        al_buf_done(&b);
    }
}

/* ---- utf16 */

/* Units of the JSON text that is really sent, by decoding it. */
static uint64_t units_sent(al_slice message)
{
    al_buf b;
    uint64_t units = 0;
    al_buf_init(&b, 4096);
    json_put_string(&b, message);
    json_reader r = json_read(al_buf_slice(&b));
    json_token t;
    bool is_lone = false;
    assert_true(json_value(&r, &t));
    uint8_t *text = malloc(t.raw.len + 1);
    size_t n = json_unescape(t.raw, text, &is_lone);
    for (size_t i = 0; i < n; i++)
        units += (text[i] & 0xc0) == 0x80 ? 0 : text[i] >= 0xf0 ? 2 : 1;
    free(text);
    al_buf_done(&b);
    return units;
}

static void units_are_those_of_the_text_sent(void **state)
{
    (void)state;
    static const uint8_t pieces[][5] = {
        "a",        "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xff",
        "\xe2\x82", "\xf0\x9f", "\xc3",         "\xed\xa0\x80",     "\n"};
    unsigned seed = 12345;
    for (int round = 0; round < 5000; round++) {
        uint8_t text[64];
        size_t n = 0;
        for (int k = 0; k < 8; k++) {
            seed = seed * 1103515245U + 12345U;
            const uint8_t *p = pieces[(seed >> 16) % 10];
            size_t len = strlen((const char *)p);
            memcpy(text + n, p, len);
            n += len;
        }
        al_slice copy = on_heap(text, n);
        utf16_pos at = {0};
        assert_true(utf16_units_at(&at, copy, n) == units_sent(copy));
        drop(copy);
    }
    utf16_pos at = {0};
    al_slice s = AL_LIT("\xf0\x9f\x98\x80 x");
    assert_int_equal(utf16_units_at(&at, s, 0), 0);
    assert_int_equal(utf16_units_at(&at, s, 4), 2);
    assert_int_equal(utf16_units_at(&at, s, 6), 4);
}

/* ---- lines */

typedef struct got_lines {
    al_buf text; /* lines, each with a newline */
    size_t n;
    size_t n_cut;
} got_lines;

static al_code take_lines(lines *l, got_lines *g, bool is_last)
{
    al_slice line;
    bool has = true;
    bool is_cut = false;
    al_err err;
    while (has) {
        al_code c = is_last ? lines_last(l, &line, &has, &is_cut, &err)
                            : lines_next(l, &line, &has, &is_cut, &err);
        if (c)
            return c;
        if (has) {
            al_buf_slice_put(&g->text, line);
            al_buf_u8(&g->text, '\n');
            g->n++;
            g->n_cut += is_cut;
        }
        if (is_last)
            break;
    }
    return AL_OK;
}

static al_code split(al_slice encoding, al_slice body, size_t piece, got_lines *g)
{
    AL_CLEANUP(lines_freep) lines *l = NULL;
    al_err err;
    al_buf_init(&g->text, SIZE_MAX);
    g->n = 0;
    g->n_cut = 0;
    assert_int_equal(lines_new(encoding, NULL, &l, &err), AL_OK);
    for (size_t at = 0; at < body.len; at += piece) {
        al_slice part = al_slice_sub(body, at, at + piece);
        al_slice copy = on_heap(part.ptr, part.len);
        lines_feed(l, copy);
        al_code c = take_lines(l, g, false);
        drop(copy);
        if (c)
            return c;
    }
    return take_lines(l, g, true);
}

static void lines_are_the_same_in_any_pieces(void **state)
{
    (void)state;
    static const char text[] = "one\r\n\n\ntwo\rx\nthree\n\r\n  \nfour";
    al_slice body = {(const uint8_t *)text, sizeof text - 1};
    uint8_t gzip[200];
    uint8_t zstd[200];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text,
                  .avail_in = sizeof text - 1,
                  .next_out = gzip,
                  .avail_out = sizeof gzip};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, 0), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    al_slice gzipped = {gzip, sizeof gzip - z.avail_out};
    (void)deflateEnd(&z);
    size_t n = ZSTD_compress(zstd, sizeof zstd, text, sizeof text - 1, 1);
    assert_false(ZSTD_isError(n));
    struct {
        al_slice encoding;
        al_slice body;
    } ways[] = {{AL_LIT(""), body}, {AL_LIT("gzip"), gzipped}, {AL_LIT("zstd"), {zstd, n}}};
    for (size_t w = 0; w < 3; w++) {
        for (size_t piece = 1; piece <= ways[w].body.len; piece++) {
            got_lines g;
            assert_int_equal(split(ways[w].encoding, ways[w].body, piece, &g), AL_OK);
            assert_int_equal(g.n, 5);
            assert_memory_equal(g.text.ptr, "one\ntwo\rx\nthree\n  \nfour\n", g.text.len);
            al_buf_done(&g.text);
        }
        for (size_t cut = 1; w > 0 && cut < ways[w].body.len; cut++) {
            got_lines g;
            assert_int_equal(split(ways[w].encoding, al_slice_sub(ways[w].body, 0, cut), 7, &g),
                             AL_INVALID);
            al_buf_done(&g.text);
        }
    }
}

static void a_long_line_is_cut_and_the_next_is_whole(void **state)
{
    (void)state;
    size_t n = LINES_LINE_BYTES_MAX + 100;
    uint8_t *bytes = malloc(n + 6);
    memset(bytes, 'x', n);
    memcpy(bytes + n, "\nnext", 6);
    for (size_t piece = 1 << 16; piece <= 1 << 24; piece <<= 8) {
        got_lines g;
        assert_int_equal(split(AL_LIT("identity"), (al_slice){bytes, n + 5}, piece, &g), AL_OK);
        assert_int_equal(g.n, 2);
        assert_int_equal(g.n_cut, 1);
        assert_int_equal(g.text.len, LINES_LINE_BYTES_MAX + 6);
        al_buf_done(&g.text);
    }
    free(bytes);
    AL_CLEANUP(lines_freep) lines *l = NULL;
    al_err err;
    assert_int_equal(lines_new(AL_LIT("br"), NULL, &l, &err), AL_INVALID);
}

/* A decompressor gives out pieces of a size of its own: bodies that end where one does. */
static void compressed_bodies_of_any_length_have_an_end(void **state)
{
    (void)state;
    enum { BYTES_MAX = 1 << 20, STEP = 1 << 15 };
    uint8_t *text = malloc(BYTES_MAX + 1);
    uint8_t *packed = malloc(BYTES_MAX);
    memset(text, '\n', BYTES_MAX + 1);
    for (size_t n = STEP; n <= BYTES_MAX; n += STEP) {
        for (size_t odd = 0; odd < 3; odd++) {
            got_lines g;
            size_t len = n + odd - 1;
            text[len - 1] = 'x';
            size_t size = ZSTD_compress(packed, BYTES_MAX, text, len, 1);
            assert_false(ZSTD_isError(size));
            assert_int_equal(split(AL_LIT("zstd"), (al_slice){packed, size}, 1000, &g), AL_OK);
            assert_int_equal(g.n, 1);
            al_buf_done(&g.text);
            assert_int_equal(split(AL_LIT("zstd"), (al_slice){packed, size - 1}, 1000, &g),
                             AL_INVALID);
            al_buf_done(&g.text);
            z_stream z = {
                .next_in = text, .avail_in = (uInt)len, .next_out = packed, .avail_out = BYTES_MAX};
            assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, 0), Z_OK);
            assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
            size = BYTES_MAX - z.avail_out;
            (void)deflateEnd(&z);
            assert_int_equal(split(AL_LIT("gzip"), (al_slice){packed, size}, 1000, &g), AL_OK);
            assert_int_equal(g.n, 1);
            al_buf_done(&g.text);
            text[len - 1] = '\n';
        }
    }
    free(text);
    free(packed);
}

static void lines_end_when_told_to(void **state)
{
    (void)state;
    AL_CLEANUP(lines_freep) lines *l = NULL;
    atomic_bool cancel = true;
    uint8_t packed[200];
    al_slice line;
    bool has = false;
    bool is_cut = false;
    al_err err;
    size_t n = ZSTD_compress(packed, sizeof packed, "a\n", 2, 1);
    assert_false(ZSTD_isError(n));
    assert_int_equal(lines_new(AL_LIT("zstd"), &cancel, &l, &err), AL_OK);
    lines_feed(l, (al_slice){packed, n});
    assert_int_equal(lines_next(l, &line, &has, &is_cut, &err), AL_CANCELLED);
    atomic_store(&cancel, false);
    assert_int_equal(lines_next(l, &line, &has, &is_cut, &err), AL_OK);
    assert_true(has);
}

/* ---- conns and workers */

static bool is_shut(int other_end)
{
    char c;
    return recv(other_end, &c, 1, MSG_DONTWAIT) == 0;
}

static void what_is_past_due_is_shut_once(void **state)
{
    (void)state;
    conns *all = NULL;
    conn *each[3];
    int ends[3][2];
    al_err err;
    assert_int_equal(conns_new(&all, &err), AL_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
        each[i] = conns_add(all, ends[i][0]);
        assert_non_null(each[i]);
    }
    assert_int_equal(conns_count(all), 3);
    assert_int_equal(conns_sweep(all), 0); /* nothing is owed yet */
    conn_due(each[0], 0);
    conn_due(each[1], 3600000);
    conn_due(each[2], 0);
    conn_due(each[2], CONN_NO_BOUND);
    assert_int_equal(conns_sweep(all), 1);
    assert_int_equal(conns_sweep(all), 0);
    assert_true(is_shut(ends[0][1]));
    assert_false(is_shut(ends[1][1]) || is_shut(ends[2][1]));
    conn_due(each[1], 0);
    conns_remove(all, each[1]); /* in time */
    assert_int_equal(conns_sweep(all), 0);
    assert_false(is_shut(ends[1][1]));
    conns_remove(all, each[0]);
    conns_remove(all, each[2]);
    conns_remove(all, NULL);
    conn_due(NULL, 0);
    assert_int_equal(conns_count(all), 0);
    for (size_t i = 0; i < 6; i++)
        (void)close(ends[i / 2][i % 2]);
    assert_null(conns_free(all));
}

typedef struct job {
    task work;
    char name;
    struct job_log *log;
} job;

struct job_log {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool may_go_on;
    char done[16];
};

static void run_job(task *t)
{
    job *j = (job *)t; /* its first member */
    AL_LOCKED(&j->log->lock);
    j->log->done[strlen(j->log->done)] = j->name;
    (void)pthread_cond_broadcast(&j->log->changed);
    while (!j->log->may_go_on)
        (void)pthread_cond_wait(&j->log->changed, &j->log->lock);
}

static void waiting_tasks_are_bounded_and_can_leave(void **state)
{
    (void)state;
    struct job_log log = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    job jobs[7];
    workers *w = NULL;
    al_err err;
    for (size_t i = 0; i < 7; i++)
        jobs[i] = (job){.work = {.run = run_job}, .name = (char)('a' + i), .log = &log};
    assert_int_equal(workers_new(1, "test", &w, &err), AL_OK);
    workers_put(w, &jobs[0].work);
    {
        AL_LOCKED(&log.lock);
        while (!log.done[0])
            (void)pthread_cond_wait(&log.changed, &log.lock);
    }
    for (size_t i = 1; i < 6; i++)
        assert_true(workers_try_put(w, &jobs[i].work, 5));
    assert_false(workers_try_put(w, &jobs[6].work, 5));
    assert_int_equal(workers_waiting(w), 5);
    assert_false(workers_drop(w, &jobs[0].work)); /* runs */
    assert_false(workers_drop(w, &jobs[6].work)); /* never was in */
    assert_true(workers_drop(w, &jobs[1].work));  /* the first, */
    assert_true(workers_drop(w, &jobs[3].work));  /* one in the middle */
    assert_true(workers_drop(w, &jobs[5].work));  /* and the last */
    assert_false(workers_drop(w, &jobs[5].work));
    assert_true(workers_try_put(w, &jobs[6].work, 3));
    assert_true(workers_try_put(w, &jobs[1].work, 4)); /* again */
    {
        AL_LOCKED(&log.lock);
        log.may_go_on = true;
        (void)pthread_cond_broadcast(&log.changed);
    }
    assert_null(workers_free(w));
    assert_string_equal(log.done, "acegb");
}

static void tasks_for_later_run_when_due_or_at_the_end(void **state)
{
    (void)state;
    struct job_log log = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .may_go_on = true};
    job jobs[5];
    workers *w = NULL;
    al_err err;
    for (size_t i = 0; i < 5; i++)
        jobs[i] = (job){.work = {.run = run_job}, .name = (char)('a' + i), .log = &log};
    assert_int_equal(workers_new(1, "test", &w, &err), AL_OK);
    int64_t now = al_mono_ns();
    int64_t hour = 3600 * AL_NS_PER_S;
    workers_put_later(w, &jobs[4].work, now + hour + 1);
    workers_put_later(w, &jobs[0].work, now + 2 * AL_NS_PER_MS);
    workers_put_later(w, &jobs[2].work, now + hour);
    workers_put_later(w, &jobs[1].work, now + AL_NS_PER_MS);
    workers_put_later(w, &jobs[3].work, now + hour);
    assert_int_equal(workers_waiting(w), 0);
    {
        AL_LOCKED(&log.lock);
        while (!log.done[0] || !log.done[1])
            (void)pthread_cond_wait(&log.changed, &log.lock);
    }
    assert_true(al_mono_ns() >= now + 2 * AL_NS_PER_MS);
    assert_true(workers_drop(w, &jobs[3].work));
    assert_false(workers_drop(w, &jobs[3].work));
    assert_null(workers_free(w));
    assert_int_equal(strlen(log.done), 4);
    assert_memory_equal(log.done + 2, "ce", 2);
}

/* ---- routes and openapi.json */

static bool member(al_slice text, al_slice name, al_slice *ret)
{
    json_reader r = json_read(text);
    val_type type;
    json_token key;
    json_token value;
    if (!json_peek(&r, &type) || type != VAL_OBJECT)
        return false;
    json_open(&r);
    while (json_next(&r, VAL_OBJECT, &key) == JSON_ITEM && json_value(&r, &value)) {
        if (al_slice_eq(key.raw, name)) {
            *ret = value.raw;
            return true;
        }
    }
    return false;
}

static size_t members(al_slice text)
{
    json_reader r = json_read(text);
    json_token key;
    json_token value;
    val_type type;
    size_t n = 0;
    assert_true(json_peek(&r, &type));
    json_open(&r);
    while (json_next(&r, VAL_OBJECT, &key) == JSON_ITEM && json_value(&r, &value))
        n++;
    return n;
}

/* Names of the query parameters that the document lists, joined with spaces, each checked. */
static size_t check_params(const route *r, al_slice operation)
{
    al_slice list;
    json_token item;
    json_token none;
    val_type type;
    size_t n = 0;
    assert_true(member(operation, AL_LIT("parameters"), &list));
    json_reader reader = json_read(list);
    assert_true(json_peek(&reader, &type));
    json_open(&reader);
    while (json_next(&reader, VAL_ARRAY, &none) == JSON_ITEM && json_value(&reader, &item)) {
        al_slice where;
        al_slice name;
        assert_true(member(item.raw, AL_LIT("in"), &where));
        assert_true(member(item.raw, AL_LIT("name"), &name));
        if (al_slice_eq(where, AL_LIT("query"))) {
            if (!route_has_param(r, name))
                fail_msg("%s: the program does not know '%.*s'", r->path, AL_ARG(name));
            n++;
        } else if (al_slice_eq(where, AL_LIT("path"))) {
            char braced[64];
            (void)snprintf(braced, sizeof braced, "{%.*s}", AL_ARG(name));
            assert_non_null(strstr(r->path, braced));
        }
    }
    return n;
}

static size_t words(const char *text)
{
    size_t n = text[0] ? 1 : 0;
    for (; *text; text++)
        n += *text == ' ';
    return n;
}

/* "x-for": who may use it. */
static void check_whose(const route *r, al_slice operation)
{
    static const char *const names[] = {[FOR_ADMINS] = "admins",
                                        [FOR_READERS] = "readers",
                                        [FOR_WRITERS] = "writers",
                                        [FOR_USERS] = "users",
                                        [FOR_ALL] = "all"};
    al_slice whose = {0};
    if (!member(operation, AL_LIT("x-for"), &whose) || !al_slice_eq(whose, al_cstr(names[r->who])))
        fail_msg("%s %s: x-for is not %s", r->method, r->path, names[r->who]);
}

/* Of the object of paths: how many operations are described. */
static size_t operations(al_slice paths)
{
    json_reader r = json_read(paths);
    json_token key;
    json_token value;
    val_type type;
    size_t n = 0;
    assert_true(json_peek(&r, &type));
    json_open(&r);
    while (json_next(&r, VAL_OBJECT, &key) == JSON_ITEM && json_value(&r, &value))
        n += members(value.raw);
    return n;
}

static void every_route_and_parameter_is_described(void **state)
{
    (void)state;
    al_slice paths;
    al_slice old_paths;
    assert_true(member(asset_openapi(), AL_LIT("paths"), &paths));
    assert_true(member(asset_openapi(), AL_LIT("x-old-paths"), &old_paths));
    for (size_t i = 0; i < n_routes; i++) {
        bool is_old = route_is_old(&routes[i]);
        char method[8] = "";
        al_slice path;
        al_slice operation = {0};
        for (size_t k = 0; routes[i].method[k]; k++)
            method[k] = (char)(routes[i].method[k] | 0x20); /* lower case, as OpenAPI has it */
        if (!member(is_old ? old_paths : paths, al_cstr(routes[i].path), &path) ||
            !member(path, al_cstr(method), &operation))
            fail_msg("%s %s is not described", routes[i].method, routes[i].path);
        if (!is_old && check_params(&routes[i], operation) != words(routes[i].params))
            fail_msg("%s %s: a parameter is not described", routes[i].method, routes[i].path);
        check_whose(&routes[i], operation);
    }
    assert_int_equal(operations(paths) + operations(old_paths), n_routes); /* and nothing else is */
}

static void routes_are_found(void **state)
{
    (void)state;
    const route *r = NULL;
    al_slice args[ROUTE_ARGS_MAX];
    char allow[64];
    url_target t;
    al_err err;
    assert_int_equal(url_parse_target(AL_LIT("/api/v1/indexes/a,b/search"), arena, &t, &err),
                     AL_OK);
    assert_int_equal(route_find(AL_LIT("HEAD"), &t, &r, args, allow), ROUTE_FOUND);
    assert_true(al_slice_eq(args[0], AL_LIT("a,b")));
    assert_int_equal(route_find(AL_LIT("PUT"), &t, &r, args, allow), ROUTE_NO_METHOD);
    assert_string_equal(allow, "GET, HEAD, POST");
    static const char *const bad[] = {"/api/v1/indexes//search", "/api/v1/indexes/a/search/",
                                      "/api/v1/indexes/", "/Health", "/api/v1/indexes/a/b/c"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(url_parse_target(al_cstr(bad[i]), arena, &t, &err), AL_OK);
        assert_int_equal(route_find(AL_LIT("GET"), &t, &r, args, allow), ROUTE_NO_PATH);
    }
}

static bool leads_to(const char *target, void (*run)(req *r), const char *arg)
{
    const route *r = NULL;
    al_slice args[ROUTE_ARGS_MAX];
    char allow[64];
    url_target t;
    al_err err;
    assert_int_equal(url_parse_target(al_cstr(target), arena, &t, &err), AL_OK);
    return route_find(AL_LIT("GET"), &t, &r, args, allow) == ROUTE_FOUND && r->run == run &&
           route_is_old(r) && (!arg || al_slice_eq(args[0], al_cstr(arg)));
}

static void old_addresses_are_found(void **state)
{
    (void)state;
    assert_true(leads_to("/api/grep/logs/", old_grep, "logs"));
    assert_true(leads_to("/api/grep/logs/any/tail?x", old_grep, "logs"));
    assert_true(leads_to("/api/grep/logs", old_add_slash, "logs"));
    assert_false(leads_to("/api/grep//", old_grep, NULL));
    assert_false(leads_to("/api/grep/", old_grep, NULL));
    assert_true(leads_to("/grep/logs/", old_log_page, "logs"));
    assert_true(leads_to("/grep/shortcut/", old_log_page, "shortcut"));
    assert_true(leads_to("/grep/shortcut/s/", old_shortcut, "s"));
    assert_true(leads_to("/grep/shortcut/s/v/w/", old_shortcut, "s"));
    assert_true(leads_to("/grep/shortcut/s", old_add_slash, "s"));
    assert_true(leads_to("/collector/sphinx.conf", old_sphinx_conf, NULL));
    assert_true(leads_to("/collector/sphinx.conf/x", old_sphinx_conf, NULL));
    assert_true(leads_to("/collector/sphinx.confx", old_sphinx_conf, NULL));
    assert_false(leads_to("/collector/sphinx", old_sphinx_conf, NULL));
    assert_false(leads_to("/grep/", old_log_page, NULL)); /* the page itself */
}

static void check_form(const char *text, const char *wanted)
{
    url_params p = {0};
    al_err err;
    al_buf out;
    al_buf_init(&out, 1 << 16);
    assert_int_equal(old_form_parse(al_cstr(text), arena, &p, &err), AL_OK);
    old_form_put(&out, &p);
    if (!al_slice_eq(al_buf_slice(&out), al_cstr(wanted)))
        fail_msg("'%s' is '%.*s', not '%s'", text, AL_ARG(al_buf_slice(&out)), wanted);
    al_buf_done(&out);
}

static void old_forms_are_read_as_django_does(void **state)
{
    (void)state;
    check_form("", "");
    check_form("a=1&b=2", "a=1&b=2");
    check_form("&&a=1&", "a=1");
    check_form("a=1&b=2&a=3", "a=3&b=2");
    check_form("a", "a=");
    check_form("a=b=c", "a=b%3Dc");
    check_form("a=x+y%20z", "a=x%20y%20z");
    check_form("a=%zz%4", "a=%25zz%254");
    check_form("a=%", "a=%25");
    check_form("a=%ff%fe", "a=%EF%BF%BD%EF%BF%BD");
    check_form("a=%e2%82", "a=%EF%BF%BD");
    check_form("a=%D0%9F", "a=%D0%9F");
    check_form("a=%00%0d%0a", "a=%00%0D%0A");
    url_params p = {0};
    al_err err;
    assert_int_equal(old_form_parse(AL_LIT("b=1&c=2&a=3"), arena, &p, &err), AL_OK);
    old_form_sort(&p);
    assert_true(al_slice_eq(p.items[0].name, AL_LIT("a")));
    old_form_remove(&p, "b");
    assert_int_equal(p.n, 2);
    assert_true(al_slice_eq(p.items[1].name, AL_LIT("c")));
    char text[URL_PARAMS_MAX * 8] = "";
    for (size_t i = 0; i <= URL_PARAMS_MAX; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "p%zu&", i);
    assert_int_equal(old_form_parse(al_cstr(text), arena, &p, &err), AL_INVALID);
}

static void old_cursors_are_those_of_the_framework(void **state)
{
    (void)state;
    static const struct {
        const char *token; /* NULL in `back`: it is not what we would write */
        old_cursor c;
        bool is_ours;
    } good[] = {
        {"cD01", {.has_id = true, .id = 5}, true},
        {"cj0xJnA9MQ==", {.has_id = true, .is_reverse = true, .id = 1}, true},
        {"cD0xODQ0Njc0NDA3MzcwOTU1MTYxNQ==", {.has_id = true, .id = UINT64_MAX}, true},
        {"", {.id = 0}, true},
        {"bz0zJnA9OQ==", {.has_id = true, .id = 9, .offset = 3}, false},
        {"bz05OTk5JnA9OQ==", {.has_id = true, .id = 9, .offset = 1000}, false},
        {"cj0wJnA9MQ==", {.has_id = true, .id = 1}, false},
        {"eD0xJnA9MQ==", {.has_id = true, .id = 1}, false}, /* x=1 */
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        old_cursor c;
        al_buf out;
        al_buf_init(&out, 256);
        if (!old_cursor_parse(al_cstr(good[i].token), &c))
            fail_msg("%s", good[i].token);
        assert_true(c.has_id == good[i].c.has_id && c.id == good[i].c.id &&
                    c.is_reverse == good[i].c.is_reverse && c.offset == good[i].c.offset);
        old_cursor_format(&c, &out);
        assert_true(!good[i].is_ours || al_slice_eq(al_buf_slice(&out), al_cstr(good[i].token)));
        al_buf_done(&out);
    }
    static const char *const bad[] = {
        "x",
        "cD0",
        "cD01=",
        "cD01cD0",
        "====",
        "cD0=xxxx",
        "cD\x00x",
        "c D0",
        "cD0-",
        "cD0=",
        "cD14",                             /* p=x */
        "cD0tMQ==",                         /* p=-1 */
        "cD0xLjU=",                         /* p=1.5 */
        "cD0xODQ0Njc0NDA3MzcwOTU1MTYxNg==", /* 2^64 */
        "bz0tMQ==",
        "cj14",
        "cD0x/w==",
        "//8=",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        old_cursor c = {.id = 77};
        if (old_cursor_parse(al_cstr(bad[i]), &c))
            fail_msg("'%s' was read", bad[i]);
        assert_int_equal(c.id, 77);
    }
    char text[401];
    old_cursor c;
    memset(text, 'A', 400);
    text[400] = '\0';
    assert_false(old_cursor_parse(al_cstr(text), &c));
}

static void snippets_run_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        highlight places[2];
        size_t n;
        const char *html;
    } cases[] = {
        {"plain", {{0}}, 0, "plain"},
        {"", {{0}}, 0, ""},
        {"<script>alert('x')</script>",
         {{0}},
         0,
         "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"},
        {"a <b> \"c\" & d", {{2, 3}}, 1, "a <b>&lt;b&gt;</b> &quot;c&quot; &amp; d"},
        {"xyz", {{0, 1}, {2, 1}}, 2, "<b>x</b>y<b>z</b>"},
        {"xyz", {{0, 3}}, 1, "<b>xyz</b>"},
        {"a\xff<\xe2\x82", {{0, 1}}, 1, "<b>a</b>\xef\xbf\xbd&lt;\xef\xbf\xbd"},
        {"\xd0\x9f", {{0, 2}}, 1, "<b>\xd0\x9f</b>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        al_buf out;
        al_buf_init(&out, 1024);
        old_snippet_put(&out, al_cstr(cases[i].text), cases[i].places, cases[i].n);
        if (!al_slice_eq(al_buf_slice(&out), al_cstr(cases[i].html)))
            fail_msg("%.*s, not %s", AL_ARG(al_buf_slice(&out)), cases[i].html);
        al_buf_done(&out);
    }
}

static int make_arena(void **state)
{
    (void)state;
    arena = al_arena_new(4096);
    return arena ? 0 : -1;
}

static int free_arena(void **state)
{
    (void)state;
    arena = al_arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_decoded),
        cmocka_unit_test(targets_are_split),
        cmocka_unit_test(who_may_ask),
        cmocka_unit_test(the_end_of_a_body_is_beyond_doubt),
        cmocka_unit_test(loopback_is_told_from_the_rest),
        cmocka_unit_test(tokens_come_back_and_every_damage_is_noticed),
        cmocka_unit_test(units_are_those_of_the_text_sent),
        cmocka_unit_test(lines_are_the_same_in_any_pieces),
        cmocka_unit_test(a_long_line_is_cut_and_the_next_is_whole),
        cmocka_unit_test(compressed_bodies_of_any_length_have_an_end),
        cmocka_unit_test(lines_end_when_told_to),
        cmocka_unit_test(what_is_past_due_is_shut_once),
        cmocka_unit_test(waiting_tasks_are_bounded_and_can_leave),
        cmocka_unit_test(tasks_for_later_run_when_due_or_at_the_end),
        cmocka_unit_test(every_route_and_parameter_is_described),
        cmocka_unit_test(routes_are_found),
        cmocka_unit_test(old_addresses_are_found),
        cmocka_unit_test(old_forms_are_read_as_django_does),
        cmocka_unit_test(old_cursors_are_those_of_the_framework),
        cmocka_unit_test(snippets_run_nothing),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
