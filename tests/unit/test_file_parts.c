/* Goal: the parts of the file input, without an index: heads of lines, joining, places, one file
 * through growth and rotation.
 * Method: tables; real files with a clock that the test moves; a random log written in random
 * pieces must give the records that were put in (seed printed, ALCO_SEED repeats it); every
 * truncation of encoded places. */
#include "doc_page.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "inputs/file_set.h"
#include "inputs/file_tail.h"
#include "inputs/line_head.h"
#include "record/timestamp.h"
#include "support/rng.h"
#include "support/tmpdir.h"

/* ---- Heads */

static int64_t ns_of(const char *text)
{
    int64_t ns = -1;
    if (text)
        assert_true(rec_time_parse(al_cstr(text), NULL, &ns));
    return ns;
}

static const struct {
    const char *line;
    const char *time; /* NULL: none */
    const char *host;
    const char *app;
    const char *pid;
} heads[] = {
    {"2026-11-22 13:40:01 install gcc:amd64", "2026-11-22T13:40:01", "", "", ""},
    {"2026-11-22 13:40:01,123 INFO x", "2026-11-22T13:40:01.123", "", "", ""},
    {"[2026-11-22 13:40:01] x", "2026-11-22T13:40:01", "", "", ""},
    {"Start-Date: 2026-11-22  13:40:01", "2026-11-22T13:40:01", "", "", ""},
    {"Log started: 2026-11-22  13:40:01", "2026-11-22T13:40:01", "", "", ""},
    {"update-alternatives 2026-11-22 13:40:01: run with --x", "2026-11-22T13:40:01", "", "", ""},
    {"2026-11-22T13:40:01.5+01:00 web1 sshd[12]: hi", "2026-11-22T12:40:01.5", "web1", "sshd",
     "12"},
    {"2026-11-22T13:40:01.5+0100 web1 sshd[12]: hi", "2026-11-22T12:40:01.5", "web1", "sshd", "12"},
    {"2026-11-22T13:40:01Z ::1 cron: hi", "2026-11-22T13:40:01", "::1", "cron", ""},
    {"2026-11-22T13:40:01.1234567891Z x", "2026-11-22T13:40:01.123456789", "", "", ""},
    {"Nov 22 13:40:01 web1 kernel: [ 1.0] hi", "2026-11-22T13:40:01", "web1", "kernel", ""},
    {"Nov  2 13:40:01 web1 systemd[1]: hi", "2026-11-02T13:40:01", "web1", "systemd", "1"},
    {"Nov 22 13:40:01.25 web1 a: hi", "2026-11-22T13:40:01.25", "web1", "a", ""},
    /* The last such day, or the next when clocks differ; now is the beginning of 23 November. */
    {"Dec 31 23:59:59 web1 a: hi", "2025-12-31T23:59:59", "web1", "a", ""},
    {"Nov 24 00:00:00 web1 a: hi", "2026-11-24T00:00:00", "web1", "a", ""},
    {"Nov 24 00:00:01 web1 a: hi", "2025-11-24T00:00:01", "web1", "a", ""},
    {"Feb 29 13:40:01 web1 a: hi", "2024-02-29T13:40:01", "web1", "a", ""},
    {"Nov 22 13:40:01 no origin here", "2026-11-22T13:40:01", "", "", ""},
    {"Nov 22 13:40:01", "2026-11-22T13:40:01", "", "", ""},
    {"Nov 22 13:40:01x", NULL, "", "", ""},
    {"Nov 31 13:40:01 x", NULL, "", "", ""},
    {"Feb 30 13:40:01 x", NULL, "", "", ""},
    {"2026-11-22", NULL, "", "", ""},
    {"2026-11-22 13:40", NULL, "", "", ""},
    {"2026-13-22 13:40:01 x", NULL, "", "", ""},
    {"2026-11-22 13:40:011 x", NULL, "", "", ""},
    {"one two three 2026-11-22 13:40:01", NULL, "", "", ""},
    {"", NULL, "", "", ""},
    {" ", NULL, "", "", ""},
};

static void expect_text(const char *what, al_slice got, const char *want)
{
    if (!al_slice_eq(got, al_cstr(want)))
        fail_msg("%s: got '%.*s', want '%s'", what, AL_ARG(got), want);
}

static void heads_of_lines(void **state)
{
    (void)state;
    int64_t now_ns = ns_of("2026-11-23T00:00:00");
    for (size_t i = 0; i < AL_COUNT(heads); i++) {
        line_head h = line_head_read(al_cstr(heads[i].line), NULL, now_ns);
        if (h.time_ns != ns_of(heads[i].time))
            fail_msg("'%s': time %" PRId64 ", want %" PRId64, heads[i].line, h.time_ns,
                     ns_of(heads[i].time));
        expect_text(heads[i].line, h.host, heads[i].host);
        expect_text(heads[i].line, h.app, heads[i].app);
        expect_text(heads[i].line, h.pid, heads[i].pid);
    }
}

/* Every beginning of every line, each in a block of its own size, so that ASan sees one byte. */
static void heads_of_truncated_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < AL_COUNT(heads); i++) {
        size_t n = strlen(heads[i].line);
        for (size_t k = 0; k <= n; k++) {
            uint8_t *copy = malloc(k ? k : 1);
            memcpy(copy, heads[i].line, k);
            line_head h = line_head_read((al_slice){copy, k}, NULL, ns_of("2026-11-23T00:00:00"));
            assert_true(h.time_ns >= -1);
            assert_true(h.host.len + h.app.len + h.pid.len <= k);
            free(copy);
        }
    }
}

/* Near misses: a digit, a border or what must follow is wrong. */
static const char *const no_times[] = {
    "2026-11-22 13:40:01x",
    "2026-11-22 13:40:01:5555 x:",
    "2026-11-22 24:00:00 x",
    "2026-02-29 13:40:01 x",
    "x2026-11-22 13:40:01",
    "2026-11-22   13:40:01 x",
    "2026-11-22T 13:40:01 x",
    "12026-11-22 13:40:01",
    "2026-11-22 13:40:01_x",
    "2026-11-22 9:40:01 x",
    "2026-11-22 13:40:01/7",
    "[Sun Nov 31 13:40:01 2026] x", /* Apache */
    "[Son Nov 22 13:40:01 2026] x",
    "[Sun Nov 22 13:40:01 26] x",
    "[Sun Nov 22 13:40 2026] x",
    "a - b 22/Nov/2026:13:40:01 +0100 \"GET",
    "a - b [22/Nov/2026:13:40:01 +0100] GET",
    "a - b [22/11/2026:13:40:01 +0100] \"GET",
    "17/06/09 20:10:40 started", /* numbers that may be something else */
    "17/06/09 20:10:40 INFO started",
    "17/13/09 20:10:40 INFO a.B: x",
    "22/11/2026 13:40:01 x",
    "11/22/2026 13:40:01 x",
    "081109 203615 x",
    "081109 203615 148 x",
    "081309 203615 148 INFO x",
    "123456 123456 1 INFO x",
    "081109 20:36:15 x",
    "221126 13:40:01 12 Query",
    "03-17 16:13:38 D x", /* Android, HealthApp, Proxifier */
    "13-17 16:13:38.811 1 2 D x",
    "20171223-22:15:29|x",
    "20171223-22:15:29:6061|x",
    "[10.30 16:49:06] hello there",
    "[31.10 16:49:06] a.exe - x",
    "10.30 16:49:06 a.exe - x",
    "I1122 10:00:00 1 x.go:1] x", /* klog */
    "I1322 10:00:00.1 1 x.go:1] x",
    "J1122 10:00:00.1 1 x.go:1] x",
    "I1122 10:00:00.123456 x",
    "1795349506 x", /* seconds since 1970 */
    "1795349506.622 x",
    "- 1117838570 2006.06.03 a b",
    "- 1117838570 x y",
    "- 11178385701 2005.06.03 a b",
    "134681 node unix.hw x 1077804742 1 C",
    "134681 node-246 unix.hw x 107780474 1 C",
    "msg=audit(1364481363.243:24287): x",
    "type=A msg=audit(1364481363:24287): x",
    "{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"2026-11-22\"}", /* Docker */
    "{\"msg\":\"x\",\"time\":\"2026-11-22T10:00:00Z\"}",
    "{\"log\":\"x\",\"time\":\"2026-11-22T10:00:00Z\",\"a\":\"b\"}",
    "Sun, 22 Nov 2026 24:00:00 GMT",
    "Nov 22, 2026 13:00:00 PM x",
    "Nov 22, 2026 10:00:00 x",
    "22 Nov 2026 10:00 x",
    "22-Nov-26 10:00:00 x",
    "1.2.3 [4] 5:6:7",
    "in 2026 there were 11:22:33 of them",
    "2026112 10:00:00 x",
};

static void near_misses_have_no_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < AL_COUNT(no_times); i++) {
        line_head h = line_head_read(al_cstr(no_times[i]), NULL, ns_of("2026-11-23T00:00:00"));
        if (h.time_ns != -1)
            fail_msg("'%s': time %" PRId64, no_times[i], h.time_ns);
        assert_int_equal(h.level.len, 0);
    }
}

static const struct {
    const char *rest; /* of a line behind its time */
    const char *level;
} levels[] = {
    {" INFO x", "INFO"},
    {" [error] 12#12: x", "ERROR"},
    {" <Warning> x", "WARNING"},
    {" - WARN  [a] - x", "WARN"},
    {" - a.b - DEBUG - x", "DEBUG"},
    {" 12 34 E tag: x", "ERROR"},
    {" [core:notice] x", "NOTICE"},
    {" [main] ERROR x", "ERROR"},
    {" EST [12] FATAL:  x", "FATAL"},
    {", Info       CBS  x", "INFO"},
    {"|ERROR|x", "ERROR"},
    {"] TRACE x", "TRACE"},
    {" an ERROR x", ""},
    {" error x", ""},
    {" ERRORS x", ""},
    {" INFOx", ""},
    {" [errors] x", ""},
    {" x [error]", ""},
    {", Info x", ""},
    {" 12 E x", ""},
    {" 1 2 Q x", ""},
    {" 1 2 3 4 5 ERROR x", ""},
    {" [error", ""},
    {" - a b - ERROR - x", ""},
    {" -ERROR x", ""},
    {"", ""},
    {" a_ERROR x", ""},
};

static void levels_stand_behind_the_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < AL_COUNT(levels); i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "2026-11-22 13:40:01%s", levels[i].rest);
        line_head h = line_head_read(al_cstr(line), NULL, ns_of("2026-11-23T00:00:00"));
        assert_true(h.time_ns > 0);
        expect_text(line, h.level, levels[i].level);
    }
}

static void zone_names_count_where_they_say_one_offset(void **state)
{
    (void)state;
    rec_zone *zone = NULL;
    al_err err;
    assert_int_equal(rec_zone_open(AL_LIT("America/New_York"), &zone, &err), AL_OK);
    static const struct {
        const char *line, *time;
    } lines[] = {{"2026-11-22 13:40:01 UTC [1] x", "2026-11-22T13:40:01"},
                 {"2026-11-22 13:40:01.5 GMT [1] x", "2026-11-22T13:40:01.5"},
                 {"2026-11-22 13:40:01 MSK [1] x", "2026-11-22T10:40:01"},
                 {"2026-07-22 13:40:01 CEST [1] x", "2026-07-22T11:40:01"},
                 {"2026-07-22 13:40:01 CEST\nof two lines", "2026-07-22T11:40:01"},
                 {"2012-11-22 13:40:01 MSK [1] x", "2012-11-22T18:40:01"}, /* was not +3 then */
                 {"2026-11-22 13:40:01 EST [1] x", "2026-11-22T18:40:01"},
                 {"2026-11-22 13:40:01 UTCx", "2026-11-22T18:40:01"},
                 {"2026-11-22 13:40:01 +0130 x", "2026-11-22T12:10:01"},
                 {"2026-11-22 13:40:01 +1234 x", "2026-11-22T18:40:01"}, /* a number */
                 {"2026-11-22 13:40:01-03 x", "2026-11-22T16:40:01"}};
    for (size_t i = 0; i < AL_COUNT(lines); i++) {
        int64_t ns = line_head_read(al_cstr(lines[i].line), zone, 0).time_ns;
        if (ns != ns_of(lines[i].time))
            fail_msg("'%s': time %" PRId64, lines[i].line, ns);
    }
    (void)rec_zone_free(zone);
}

/* doc/records.md, "Lines of text": | writer | `line` | `time` | `level` | */
static bool next_quoted(al_slice *rest, char *ret, size_t room)
{
    size_t from = al_slice_find(*rest, '`', 0) + 1;
    size_t end = al_slice_find(*rest, '`', from);
    size_t n = 0;
    for (size_t i = from; i < end && n + 1 < room; i++)
        if (rest->ptr[i] != '\\' || rest->ptr[i + 1] != '|') /* as tables need it */
            ret[n++] = (char)rest->ptr[i];
    ret[n] = 0;
    bool is_there = end < rest->len;
    *rest = al_slice_sub(*rest, end + 1, rest->len);
    return is_there;
}

static void every_shape_of_the_page_is_read(void **state)
{
    (void)state;
    doc_page p = doc_open("records.md");
    al_slice row;
    size_t n = 0;
    while (doc_line(&p, &row) && !al_slice_eq(row, AL_LIT("## Lines of text"))) {
    }
    while (doc_line(&p, &row) && !al_slice_starts(row, AL_LIT("## "))) {
        char line[512];
        char time[64];
        char level[16];
        if (!al_slice_starts(row, AL_LIT("| ")) || !next_quoted(&row, line, sizeof line))
            continue;
        assert_true(next_quoted(&row, time, sizeof time));
        (void)next_quoted(&row, level, sizeof level);
        line_head h = line_head_read(al_cstr(line), NULL, ns_of("2026-11-23T00:00:00"));
        if (h.time_ns != ns_of(time))
            fail_msg("line %u: time %" PRId64, p.line_no, h.time_ns);
        expect_text(line, h.level, level);
        n++;
    }
    assert_true(n > 30);
    free((void *)p.text.ptr);
}

static void local_times_are_read_in_the_zone(void **state)
{
    (void)state;
    rec_zone *zone = NULL;
    al_err err;
    assert_int_equal(rec_zone_open(AL_LIT("Europe/Moscow"), &zone, &err), AL_OK);
    int64_t now_ns = ns_of("2026-11-22T12:00:00");
    static const char *const lines[] = {"2026-11-22 13:40:01 x", "Nov 22 13:40:01 x",
                                        "2026-11-22T10:40:01Z x", "2026-11-22T11:40:01+01:00 x"};
    for (size_t i = 0; i < AL_COUNT(lines); i++)
        assert_int_equal(line_head_read(al_cstr(lines[i]), zone, now_ns).time_ns,
                         ns_of("2026-11-22T10:40:01"));
    (void)rec_zone_free(zone);
}

/* ---- Joining: records are separated by '|' */

static const struct {
    const char *data;
    const char *records;
    bool is_last_closed;
} joins[] = {
    {"a\nb\n", "a|b", false},
    {"a\r\nb\r\n", "a|b", false},
    {"a\n b\n\tc\nd\n", "a\n b\n\tc|d", false},
    {"a\n\nb\n", "a||b", false},
    {"a\n\n b\nc\n", "a\n\n b|c", false},
    {"\na\n", "|a", false},
    {" a\nb\n", " a|b", false},
    {"E boom\nTraceback (most recent call last):\n  File \"x\"\n    f()\nValueError: no\nnext\n",
     "E boom\nTraceback (most recent call last):\n  File \"x\"\n    f()\nValueError: no|next",
     false},
    {"Traceback (most recent call last):\n  f\nA: 1\n\nDuring handling of the above exception, "
     "another exception occurred:\n\nTraceback (most recent call last):\n  g\nB: 2\nnext\n",
     "Traceback (most recent call last):\n  f\nA: 1\n\nDuring handling of the above exception, "
     "another exception occurred:\n\nTraceback (most recent call last):\n  g\nB: 2|next",
     false},
    {"Traceback (most recent call last):\n  f\n2026-11-22 13:40:01 cut short\n",
     "Traceback (most recent call last):\n  f|2026-11-22 13:40:01 cut short", false},
    {"x.Y: no\n\tat a.b(C.java:1)\nCaused by: z\n\t... 3 more\nnext\n",
     "x.Y: no\n\tat a.b(C.java:1)\nCaused by: z\n\t... 3 more|next", false},
    {"no end", "", false},
    {"a\nno end", "a", false},
};

static void lines_join_to_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < AL_COUNT(joins); i++) {
        char got[1024] = "";
        al_slice left = al_cstr(joins[i].data);
        line_rec rec = {0};
        for (size_t n = 0; line_join_first(left, &rec); n++) {
            size_t used = strlen(got);
            (void)snprintf(got + used, sizeof got - used, "%s%.*s", n ? "|" : "", (int)rec.text.len,
                           (const char *)rec.text.ptr);
            assert_true(rec.bytes > 0);
            left = al_slice_sub(left, rec.bytes, left.len);
        }
        assert_string_equal(got, joins[i].records);
        assert_int_equal(rec.is_closed, joins[i].is_last_closed);
    }
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    size_t n = LINE_JOIN_BYTES_MAX + 100;
    uint8_t *data = malloc(n);
    line_rec rec;
    memset(data, 'x', n);
    data[n - 1] = '\n';
    assert_true(line_join_first((al_slice){data, n}, &rec));
    assert_true(rec.is_cut && rec.is_closed);
    assert_int_equal(rec.bytes, LINE_JOIN_BYTES_MAX);
    data[9] = '\n'; /* a short line before a long one */
    assert_true(line_join_first((al_slice){data, n}, &rec));
    assert_false(rec.is_cut);
    assert_int_equal(rec.bytes, 10);
    for (size_t i = 1; i < n; i++) /* one record of many lines ends at a line */
        data[i] = i % 10 == 9 ? '\n' : ' ';
    for (size_t i = 15; i < n; i += 10)
        data[i] = 'y';
    assert_true(line_join_first((al_slice){data, n}, &rec));
    assert_true(rec.is_closed && !rec.is_cut);
    assert_true(rec.bytes <= LINE_JOIN_BYTES_MAX && rec.bytes > LINE_JOIN_BYTES_MAX - 10);
    free(data);
}

/* ---- Places */

static file_place place_of(uint64_t inode, uint64_t off)
{
    return (file_place){.inode = inode, .off = off, .print = 7, .print_bytes = 9, .time_ns = -1};
}

static void expect_place(const file_place *got, const file_place *want)
{
    assert_int_equal(got->inode, want->inode);
    assert_int_equal(got->off, want->off);
    assert_int_equal(got->print, want->print);
    assert_int_equal(got->print_bytes, want->print_bytes);
    assert_int_equal(got->is_in_long_line, want->is_in_long_line);
    assert_int_equal(got->time_ns, want->time_ns);
}

static void places_come_back(void **state)
{
    (void)state;
    al_buf bytes;
    al_buf dump;
    file_place got;
    al_buf_init(&bytes, 1 << 20);
    al_buf_init(&dump, 1 << 20);
    file_places *p = file_places_new();
    file_place a = place_of(1, 100);
    file_place b = {.inode = UINT64_MAX,
                    .off = UINT64_MAX,
                    .print = UINT64_MAX,
                    .print_bytes = 256,
                    .is_in_long_line = true,
                    .time_ns = INT64_MAX};
    file_place_put(&bytes, AL_LIT("logs"), AL_LIT("/a"), &a);
    file_place_put(&bytes, AL_LIT("logs"), AL_LIT("/b"), &b);
    a.off = 200;
    file_place_put(&bytes, AL_LIT("logs"), AL_LIT("/a"), &a);
    file_places_apply(p, al_buf_slice(&bytes));

    assert_int_equal(file_places_dump(p, &dump), AL_OK);
    (void)file_places_free(p);
    p = file_places_new();
    file_places_apply(p, al_buf_slice(&dump));
    assert_true(file_places_find(p, AL_LIT("logs"), AL_LIT("/a"), 1, &got));
    expect_place(&got, &a);
    assert_true(file_places_find(p, AL_LIT("logs"), AL_LIT("/renamed"), b.inode, &got));
    expect_place(&got, &b);
    assert_false(file_places_find(p, AL_LIT("other"), AL_LIT("/a"), 1, &got));
    assert_false(file_places_find(p, AL_LIT("logs"), AL_LIT("/a"), 2, &got));
    (void)file_places_free(p);
    al_buf_done(&bytes);
    al_buf_done(&dump);
}

static void truncated_places_are_taken_up_to_the_damage(void **state)
{
    (void)state;
    al_buf bytes;
    file_place a = place_of(1, 100);
    file_place got;
    al_buf_init(&bytes, 1 << 20);
    file_place_put(&bytes, AL_LIT("logs"), AL_LIT("/a"), &a);
    size_t one = bytes.len;
    file_place_put(&bytes, AL_LIT("logs"), AL_LIT("/b"), &a);
    for (size_t n = 0; n <= bytes.len; n++) {
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, bytes.ptr, n);
        file_places *p = file_places_new();
        file_places_apply(p, (al_slice){copy, n});
        assert_int_equal(file_places_find(p, AL_LIT("logs"), AL_LIT("/a"), 1, &got), n >= one);
        (void)file_places_free(p);
        free(copy);
    }
    al_buf_done(&bytes);
}

static void the_place_marked_longest_ago_is_forgotten(void **state)
{
    (void)state;
    al_buf bytes;
    al_buf_init(&bytes, 64 << 20);
    for (uint64_t i = 1; i <= FILE_PLACES_MAX + 1; i++) {
        file_place place = place_of(i, i);
        file_place_put(&bytes, AL_LIT("logs"), AL_LIT("/a"), &place);
        if (i == FILE_PLACES_MAX) { /* the first one is marked again */
            place = place_of(1, 5);
            file_place_put(&bytes, AL_LIT("logs"), AL_LIT("/a"), &place);
        }
    }
    file_places *p = file_places_new();
    file_place got;
    file_places_apply(p, al_buf_slice(&bytes));
    assert_true(file_places_find(p, AL_LIT("logs"), AL_LIT("/a"), 1, &got));
    assert_false(file_places_find(p, AL_LIT("logs"), AL_LIT("/a"), 2, &got));
    assert_true(file_places_find(p, AL_LIT("logs"), AL_LIT("/a"), FILE_PLACES_MAX + 1, &got));
    (void)file_places_free(p);
    al_buf_done(&bytes);
}

/* ---- One file */

enum { QUIET_MS = FILE_TAIL_JOIN_MS + 1, OVER_MS = FILE_TAIL_OVER_MS + 1 };

typedef struct bench { /* a file, its tail, and what came out of it */
    tmpdir dir;
    char path[512];
    char other[512];
    file_places *places;
    file_tail tail;
    uint8_t *buffer;
    int64_t mono_ns;
    al_buf got; /* records, each with '|' behind it */
    size_t n_max;
    size_t n_cut;
} bench;

static void write_to(const char *path, const void *bytes, size_t n, int flags)
{
    int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    assert_int_equal(close(fd), 0);
}

static void append(const char *path, const char *text)
{
    write_to(path, text, strlen(text), O_APPEND);
}

static void open_tail(bench *b)
{
    al_err err;
    if (file_tail_open(b->path, AL_LIT("logs"), b->places, b->mono_ns, &b->tail, &err))
        fail_msg("%s", err.msg);
}

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    tmpdir_init(&b->dir, "files");
    (void)tmpdir_join(&b->dir, "log", b->path, sizeof b->path);
    (void)tmpdir_join(&b->dir, "log.1", b->other, sizeof b->other);
    b->places = file_places_new();
    b->buffer = malloc(FILE_TAIL_BYTES);
    b->mono_ns = AL_NS_PER_DAY;
    b->n_max = SIZE_MAX;
    b->tail.fd = -1;
    al_buf_init(&b->got, 64 << 20);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    file_tail_close(&b->tail);
    (void)file_places_free(b->places);
    free(b->buffer);
    al_buf_done(&b->got);
    tmpdir_done(&b->dir);
    free(b);
    return 0;
}

static bool take_record(void *ctx, file_tail *t, const file_record *r)
{
    bench *b = ctx;
    (void)t;
    if (!b->n_max)
        return false;
    b->n_max--;
    b->n_cut += r->is_cut;
    al_buf_slice_put(&b->got, r->text);
    al_buf_u8(&b->got, '|');
    return true;
}

/* Moves the clock, reads, and compares everything that came out since the last time. */
static void read_after(bench *b, int64_t ms, const char *want)
{
    al_err err;
    b->mono_ns += ms * AL_NS_PER_MS;
    do {
        if (file_tail_read(&b->tail, b->buffer, b->mono_ns, take_record, b, &err))
            fail_msg("%s", err.msg);
    } while (b->tail.has_more && b->n_max);
    assert_int_equal(al_buf_code(&b->got), AL_OK);
    expect_text("records", al_buf_slice(&b->got), want);
    al_buf_clear(&b->got);
}

/* As the input does when a batch is durable. */
static void remember(bench *b)
{
    al_buf bytes;
    al_buf_init(&bytes, 1 << 16);
    file_place_put(&bytes, AL_LIT("logs"), al_cstr(b->path), &b->tail.next);
    file_places_apply(b->places, al_buf_slice(&bytes));
    al_buf_done(&bytes);
}

static void a_last_record_waits_for_more_lines(void **state)
{
    bench *b = *state;
    append(b->path, "a\nb\n");
    open_tail(b);
    read_after(b, 0, "a|");
    assert_int_equal(b->tail.due_ns, b->mono_ns + FILE_TAIL_JOIN_MS * AL_NS_PER_MS);
    append(b->path, " b2\n");
    read_after(b, QUIET_MS, ""); /* it has just grown */
    read_after(b, QUIET_MS, "b\n b2|");
    assert_int_equal(b->tail.due_ns, INT64_MAX);
    read_after(b, QUIET_MS, "");
    append(b->path, "c");
    read_after(b, QUIET_MS, "");
    read_after(b, QUIET_MS, ""); /* no line end yet */
    append(b->path, "c\n");
    read_after(b, 1, "");
    read_after(b, QUIET_MS, "cc|");
}

static void a_renamed_file_is_read_to_its_end(void **state)
{
    bench *b = *state;
    append(b->path, "a\n");
    open_tail(b);
    read_after(b, 1, "");
    assert_int_equal(rename(b->path, b->other), 0);
    b->tail.is_over = true;
    append(b->other, "b\nc");
    read_after(b, 1, "a|");
    read_after(b, QUIET_MS, "b|");
    assert_false(b->tail.is_finished);
    read_after(b, OVER_MS, "c|");
    assert_true(b->tail.is_finished);
}

static void a_truncated_file_is_read_anew(void **state)
{
    bench *b = *state;
    append(b->path, "a\nb\n");
    open_tail(b);
    read_after(b, 1, "a|");
    read_after(b, QUIET_MS, "b|");
    write_to(b->path, "c\n", 2, O_TRUNC); /* shorter */
    read_after(b, 1, "");
    read_after(b, QUIET_MS, "c|");
    write_to(b->path, "longer than before\n", 19, O_TRUNC); /* grown again beyond our place */
    read_after(b, 1, "");
    read_after(b, QUIET_MS, "longer than before|");
}

static void reading_goes_on_where_it_was(void **state)
{
    bench *b = *state;
    append(b->path, "a\nb\nc\n");
    open_tail(b);
    read_after(b, 1, "a|b|");
    remember(b);
    file_tail_close(&b->tail);
    append(b->path, "d\n");
    open_tail(b);
    read_after(b, 1, "c|");
    file_tail_close(&b->tail); /* not remembered */
    open_tail(b);
    read_after(b, 1, "c|");
    read_after(b, QUIET_MS, "d|");
    remember(b);
    file_tail_close(&b->tail);

    assert_int_equal(rename(b->path, b->other), 0); /* by another name, by its inode */
    memcpy(b->path, b->other, sizeof b->path);
    open_tail(b);
    read_after(b, QUIET_MS, "");
    file_tail_close(&b->tail);
    write_to(b->path, "another\n", 8, O_TRUNC); /* the inode again, another beginning */
    open_tail(b);
    read_after(b, 1, "");
    read_after(b, QUIET_MS, "another|");
}

static void long_lines_lose_their_rest(void **state)
{
    bench *b = *state;
    size_t n = 3u * LINE_JOIN_BYTES_MAX;
    char *text = malloc(n);
    memset(text, 'x', n);
    append(b->path, "a\n");
    write_to(b->path, text, n, O_APPEND);
    open_tail(b);
    b->n_max = 2;
    al_err err;
    assert_int_equal(file_tail_read(&b->tail, b->buffer, b->mono_ns, take_record, b, &err), AL_OK);
    assert_int_equal(file_tail_read(&b->tail, b->buffer, b->mono_ns, take_record, b, &err), AL_OK);
    assert_int_equal(b->n_cut, 1);
    assert_int_equal(b->got.len, 2 + LINE_JOIN_BYTES_MAX + 1);
    al_buf_clear(&b->got);
    assert_true(b->tail.next.is_in_long_line);
    remember(b);
    file_tail_close(&b->tail); /* a restart in the middle of the line */
    append(b->path, "rest\nb\nc\n");
    open_tail(b);
    b->n_max = SIZE_MAX;
    read_after(b, 1, "b|");
    free(text);
}

/* Random records, written in random pieces, read after each: exactly the records that were put in,
 * whatever the pieces, as long as the reader never thinks that a record is whole by silence. */
static void pieces_do_not_matter(void **state)
{
    bench *b = *state;
    uint64_t seed = rng_env("ALCO_SEED", (uint64_t)al_now_ns());
    print_message("# ALCO_SEED=%" PRIu64 "\n", seed);
    static const char *const parts[] = {"plain",
                                        "2026-11-22 13:40:01 timed",
                                        "a\n  b",
                                        "a\n\tb\n\tc",
                                        "E\nTraceback (most recent call last):\n  f\nX: y",
                                        "x\n\n y",
                                        "\xff\x01"};
    for (uint64_t run = 0; run < rng_env("ALCO_RUNS", 50); run++) {
        rng r = rng_fork(seed, run);
        al_buf log;
        al_buf want;
        al_buf_init(&log, 1 << 20);
        al_buf_init(&want, 1 << 20);
        for (uint64_t n = rng_below(&r, 60); n; n--) {
            const char *part = parts[rng_below(&r, AL_COUNT(parts))];
            al_buf_printf(&log, "%s\n%s", part, rng_chance(&r, 10) ? "\n" : "");
            al_buf_printf(&want, "%s|", part);
        }
        al_buf_str(&log, "end\n");
        write_to(b->path, "", 0, O_TRUNC);
        open_tail(b);
        for (size_t at = 0; at < log.len;) {
            size_t piece = (size_t)rng_between(&r, 1, 40);
            size_t n = AL_MIN(log.len - at, piece);
            write_to(b->path, log.ptr + at, n, O_APPEND);
            at += n;
            b->n_max = rng_chance(&r, 20) ? 1 : SIZE_MAX; /* the batch may be full */
            al_err err;
            assert_int_equal(file_tail_read(&b->tail, b->buffer, b->mono_ns, take_record, b, &err),
                             AL_OK);
            if (rng_chance(&r, 10)) { /* a restart */
                remember(b);
                file_tail_close(&b->tail);
                open_tail(b);
            }
        }
        b->n_max = SIZE_MAX;
        al_buf_u8(&want, 0);
        assert_int_equal(al_buf_code(&want), AL_OK);
        read_after(b, 1, (const char *)want.ptr);
        file_tail_close(&b->tail);
        b->places = file_places_free(b->places);
        b->places = file_places_new();
        al_buf_done(&log);
        al_buf_done(&want);
    }
}

/* ---- Which files */

static void no_say(void *ctx, const char *line)
{
    (void)ctx;
    fail_msg("said: %s", line);
}

static void a_rename_while_nobody_looked_leaves_no_gap(void **state)
{
    bench *b = *state;
    append(b->path, "a\nb\n");
    open_tail(b);
    read_after(b, 1, "a|");
    remember(b);
    file_tail_close(&b->tail);
    assert_int_equal(rename(b->path, b->other), 0);
    append(b->path, "new\n");

    file_set *s = NULL;
    al_err err;
    assert_int_equal(file_set_new(no_say, NULL, &s, &err), AL_OK);
    assert_int_equal(file_set_add(s, "logs", b->path, &err), AL_OK);
    file_set_look(s, b->places, b->mono_ns);
    assert_int_equal(file_set_count(s), 2); /* the new file, and the rest of the old one */
    bool has_rest = false;
    for (size_t i = 0; i < 2; i++) {
        const set_file *f = file_set_at(s, i);
        bool is_rest = strcmp(f->path, b->other) == 0;
        has_rest |= is_rest;
        assert_int_equal(f->tail.is_over, is_rest);
        assert_int_equal(f->tail.next.off, is_rest ? 2 : 0);
    }
    assert_true(has_rest);
    (void)file_set_free(s);
}

static void names_are_followed(void **state)
{
    bench *b = *state;
    char glob[600];
    char third[512];
    file_set *s = NULL;
    al_err err;
    (void)tmpdir_join(&b->dir, "log*", glob, sizeof glob);
    (void)tmpdir_join(&b->dir, "else", third, sizeof third);
    assert_int_equal(file_set_new(no_say, NULL, &s, &err), AL_OK);
    assert_int_equal(file_set_add(s, "logs", glob, &err), AL_OK);
    file_set_look(s, b->places, 0);
    assert_int_equal(file_set_count(s), 0);
    append(b->path, "a\n");
    assert_true(file_set_drain(s)); /* inotify saw the name appear */
    file_set_look(s, b->places, 0);
    assert_int_equal(file_set_count(s), 1);
    assert_int_equal(rename(b->path, b->other), 0);
    file_set_look(s, b->places, 0);
    assert_int_equal(file_set_count(s), 1); /* the same file by another name of the glob */
    assert_string_equal(file_set_at(s, 0)->path, b->other);
    assert_false(file_set_at(s, 0)->tail.is_over);
    assert_int_equal(rename(b->other, third), 0);
    file_set_look(s, b->places, 0);
    assert_true(file_set_at(s, 0)->tail.is_over);
    file_set_at(s, 0)->tail.is_finished = true;
    file_set_look(s, b->places, 0);
    assert_int_equal(file_set_count(s), 0);
    (void)file_set_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_of_lines),
        cmocka_unit_test(heads_of_truncated_lines),
        cmocka_unit_test(near_misses_have_no_time),
        cmocka_unit_test(levels_stand_behind_the_time),
        cmocka_unit_test(zone_names_count_where_they_say_one_offset),
        cmocka_unit_test(every_shape_of_the_page_is_read),
        cmocka_unit_test(local_times_are_read_in_the_zone),
        cmocka_unit_test(lines_join_to_records),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(places_come_back),
        cmocka_unit_test(truncated_places_are_taken_up_to_the_damage),
        cmocka_unit_test(the_place_marked_longest_ago_is_forgotten),
        cmocka_unit_test_setup_teardown(a_last_record_waits_for_more_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_renamed_file_is_read_to_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_truncated_file_is_read_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reading_goes_on_where_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_lines_lose_their_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pieces_do_not_matter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rename_while_nobody_looked_leaves_no_gap, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(names_are_followed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
