/* Goal: zones are read from files and rules, and nothing in a file can hurt. Method: a TZif file
 * made here, with every truncation and every byte changed, on heap copies; rules; names. Real zones
 * are compared with Python's zoneinfo in tests/integration/test_json_diff.py. */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"
#include "record/timestamp.h"
#include "record/timezone_priv.h"

enum { HOUR = 3600 };

static void put_be32(al_buf *b, uint32_t v)
{
    al_buf_u32(b, __builtin_bswap32(v));
}

static void put_header(al_buf *b, uint32_t n_times, uint32_t n_types)
{
    al_buf_str(b, "TZif2");
    for (int i = 0; i < 15; i++)
        al_buf_u8(b, 0);
    put_be32(b, 0);
    put_be32(b, 0);
    put_be32(b, 0);
    put_be32(b, n_times);
    put_be32(b, n_types);
    put_be32(b, 4);
}

static void put_type(al_buf *b, int32_t offset)
{
    put_be32(b, (uint32_t)offset);
    al_buf_u8(b, 0);
    al_buf_u8(b, 0);
}

/* +1 h, from 2001-09-09 (1e9 s) +2 h, from 2002-01-01 by rule. */
static void put_file(al_buf *b)
{
    put_header(b, 0, 1);
    put_type(b, 0);
    al_buf_put(b, "AAA", 4);
    put_header(b, 1, 2);
    al_buf_u64(b, __builtin_bswap64(1000000000));
    al_buf_u8(b, 1);
    put_type(b, HOUR);
    put_type(b, 2 * HOUR);
    al_buf_put(b, "AAA", 4);
    al_buf_str(b, "\nEET-2EEST,M3.5.0/3,M10.5.0/4\n");
}

static rec_zone *decode(al_slice file, al_code want)
{
    al_err err;
    rec_zone *z = calloc(1, sizeof *z);
    uint8_t *copy = malloc(file.len ? file.len : 1);
    if (file.len)
        memcpy(copy, file.ptr, file.len);
    al_code c = rec_zone_decode_tzif((al_slice){copy, file.len}, z, &err);
    if (want != AL_AGAIN) /* AL_AGAIN: any answer */
        assert_int_equal(c, want);
    free(copy);
    return z;
}

static void files_are_read(void **state)
{
    (void)state;
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    put_file(&b);
    rec_zone *z = decode(al_buf_slice(&b), AL_OK);
    assert_int_equal(z->first_offset_s, HOUR);
    assert_true(z->changes[0].at_s == 1000000000);
    assert_int_equal(z->changes[0].offset_s, 2 * HOUR);
    assert_true(z->changes[1].at_s == 1004230800); /* last Sunday of October 2001, 01:00 UTC */
    assert_int_equal(z->changes[1].offset_s, 2 * HOUR);
    assert_true(z->changes[2].at_s == 1017536400); /* last Sunday of March 2002 */
    assert_int_equal(z->changes[2].offset_s, 3 * HOUR);
    assert_true(z->n_changes > 500);
    for (size_t i = 1; i < z->n_changes; i++)
        assert_true(z->changes[i].at_s > z->changes[i - 1].at_s);
    (void)rec_zone_free(z);
    al_buf_done(&b);
}

static void damaged_files_are_refused_or_read_safely(void **state)
{
    (void)state;
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    put_file(&b);
    for (size_t cut = 0; cut < b.len; cut++)
        (void)rec_zone_free(decode(al_slice_sub(al_buf_slice(&b), 0, cut), AL_CORRUPT));
    for (size_t at = 0; at < b.len; at++) {
        uint8_t was = b.ptr[at];
        for (unsigned byte = 0; byte < 256; byte += 17) {
            b.ptr[at] = (uint8_t)byte;
            (void)rec_zone_free(decode(al_buf_slice(&b), AL_AGAIN));
        }
        b.ptr[at] = was;
    }
    al_buf_done(&b);
}

static void rules_are_read_or_refused(void **state)
{
    (void)state;
    static const char *const rules[] = {"UTC0",
                                        "MSK-3",
                                        "EST5EDT",
                                        "EST5EDT4",
                                        "CET-1CEST,M3.5.0,M10.5.0/3",
                                        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
                                        "XXX3EDT4,0/0,J365/23",
                                        "IST-1GMT0,M10.5.0,M3.5.0/1",
                                        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                                        "AAA-5:45:10",
                                        "EST+5EDT,J60/2:30:15,300"};
    static const char *const wrong[] = {"",
                                        "X",
                                        "AB5",
                                        "EST",
                                        "EST5EDT,",
                                        "EST5EDT,M3.2.0",
                                        "EST5EDT,M13.2.0,M11.1.0",
                                        "EST5EDT,M3.6.0,M11.1.0",
                                        "EST5EDT,M3.2.7,M11.1.0",
                                        "EST5EDT,J0,J1",
                                        "EST25",
                                        "EST5EDT,366,1",
                                        "<EST5",
                                        "EST5EDT,M3.2.0,M11.1.0x",
                                        "EST5EDT,M3.2.0/168,1"};
    al_err err;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        rec_zone *z = calloc(1, sizeof *z);
        if (rec_zone_add_rule(z, al_cstr(rules[i]), &err))
            fail_msg("%s: %s", rules[i], err.msg);
        (void)rec_zone_free(z);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rec_zone *z = calloc(1, sizeof *z);
        assert_int_equal(rec_zone_add_rule(z, al_cstr(wrong[i]), &err), AL_INVALID);
        assert_int_equal(z->n_changes, 0);
        (void)rec_zone_free(z);
    }
}

static void names_stay_inside_the_database(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "/etc/localtime",
                                        "../../../etc/localtime",
                                        "Europe/../UTC",
                                        "Mars/Olympus",
                                        "Europe",
                                        "Europe/Moscow\n",
                                        "a b",
                                        "zone.tab"};
    al_err err;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rec_zone *z = (rec_zone *)&err;
        assert_int_equal(rec_zone_open(al_cstr(wrong[i]), &z, &err), AL_INVALID);
        assert_ptr_equal(z, &err);
        assert_non_null(strstr(err.msg, "time zone"));
    }
}

/* A database of our own: the tests need no tzdata. */
static void zones_come_from_the_database_and_the_environment(void **state)
{
    (void)state;
    char dir[] = "/tmp/alco-zone-XXXXXX";
    assert_non_null(mkdtemp(dir));
    al_err err;
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    put_file(&b);
    AL_CLEANUP(al_closep) int fd = -1;
    assert_int_equal(al_dir_open(dir, false, &fd, &err), AL_OK);
    assert_int_equal(al_publish_file(al_io_posix(), fd, "Test", al_buf_slice(&b), &err), AL_OK);
    assert_int_equal(
        al_publish_file(al_io_posix(), fd, "Broken", al_slice_sub(al_buf_slice(&b), 0, 99), &err),
        AL_OK);
    assert_int_equal(setenv("TZDIR", dir, 1), 0);

    rec_zone *z = (rec_zone *)&err;
    int64_t ns = 0;
    assert_int_equal(rec_zone_open(AL_LIT("utc"), &z, &err), AL_OK);
    assert_null(z);
    assert_int_equal(rec_zone_open(AL_LIT("Test"), &z, &err), AL_OK);
    assert_true(rec_time_parse(AL_LIT("2026-07-01T12:00:00Z"), z, &ns));
    assert_true(ns == INT64_C(1782896400000000000)); /* 09:00 UTC */
    assert_true(rec_time_parse(AL_LIT("2026-07-01T12:00:00+00:00"), z, &ns));
    assert_true(ns == INT64_C(1782907200000000000)); /* an offset is honoured */
    assert_true(rec_time_parse(AL_LIT("2026-03-29T03:30:00"), z, &ns));
    assert_true(ns == INT64_C(1774747800000000000)); /* skipped: read as 04:30 */
    assert_true(rec_time_parse(AL_LIT("2026-10-25T03:30:00"), z, &ns));
    assert_true(ns == INT64_C(1792888200000000000)); /* came twice: the earlier one */
    assert_true(rec_time_parse(AL_LIT("1970-01-01T01:00:00"), z, &ns));
    assert_true(ns == 0);
    assert_false(rec_time_parse(AL_LIT("1970-01-01T00:59:59"), z, &ns));
    z = rec_zone_free(z);

    unsigned long fail_at = 0;
    al_code c = AL_NOMEM;
    for (fail_at = 1; c == AL_NOMEM; fail_at++) { /* each allocation fails once */
        al_mem_fail_at(fail_at);
        c = rec_zone_open(AL_LIT("Test"), &z, &err);
        al_mem_fail_at(0);
        assert_true(c == AL_OK || (c == AL_NOMEM && !z));
    }
    assert_true(fail_at > 4);
    z = rec_zone_free(z);

    assert_int_equal(rec_zone_open(AL_LIT("Broken"), &z, &err), AL_INVALID);
    assert_non_null(strstr(err.msg, "Broken"));

    static const char *const local[] = {"Test", ":Test", "EET-2EEST,M3.5.0/3,M10.5.0/4"};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        assert_int_equal(setenv("TZ", local[i], 1), 0);
        assert_int_equal(rec_zone_open(AL_LIT("local"), &z, &err), AL_OK);
        assert_true(rec_time_parse(AL_LIT("2026-07-01T12:00:00Z"), z, &ns));
        assert_true(ns == INT64_C(1782896400000000000));
        z = rec_zone_free(z);
    }
    assert_int_equal(setenv("TZ", "", 1), 0);
    assert_int_equal(rec_zone_open(AL_LIT("local"), &z, &err), AL_OK);
    assert_null(z);
    assert_int_equal(setenv("TZ", "No/Such zone", 1), 0);
    assert_int_equal(rec_zone_open(AL_LIT("local"), &z, &err), AL_INVALID);
    assert_int_equal(unsetenv("TZ"), 0);
    assert_int_equal(unlinkat(fd, "Test", 0), 0);
    assert_int_equal(unlinkat(fd, "Broken", 0), 0);
    assert_int_equal(rec_zone_open(AL_LIT("Test"), &z, &err), AL_INVALID);
    assert_non_null(strstr(err.msg, "tzdata"));
    assert_int_equal(unsetenv("TZDIR"), 0);
    assert_int_equal(rmdir(dir), 0);
    al_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(damaged_files_are_refused_or_read_safely),
        cmocka_unit_test(rules_are_read_or_refused),
        cmocka_unit_test(names_stay_inside_the_database),
        cmocka_unit_test(zones_come_from_the_database_and_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
