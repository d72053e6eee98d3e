/* Any bytes as a text, then as a time zone file or rule, in which the text is read.
 * Properties: a time that was read is in range and comes back from rec_time_format; the changes of
 * a zone that was accepted rise and its offsets are bounded; a local time moves by no more than
 * those. The first byte is the length of the text. */
#include "fuzz.h"

#include "base/clock.h"
#include "record/old_time.h"
#include "record/timestamp.h"
#include "record/timezone_priv.h"

enum { OFFSET_S_MAX = 26 * 3600 };

static void check_time(al_slice text, const rec_zone *zone)
{
    int64_t ns = -1;
    int64_t again = -1;
    if (!rec_time_parse(text, zone, &ns)) {
        CHECK(ns == -1);
        return;
    }
    CHECK(ns >= 0);
    al_buf b;
    al_buf_init(&b, 64);
    rec_time_format(&b, ns);
    CHECK(rec_time_parse(al_buf_slice(&b), NULL, &again));
    CHECK(again == ns);
    CHECK(rec_day_of(ns) == ns / AL_NS_PER_DAY);
    al_buf_done(&b);
    al_err err;
    if (!zone)
        CHECK(rec_time_parse_range(text, 0, &again, &err) == AL_OK && again == ns);
}

/* What was read to the microsecond is written and read as the same; in a zone, an hour that came
 * twice may be the other one. */
static void check_old_time(al_slice text, const rec_zone *zone)
{
    int64_t ns = -1;
    int64_t end_ns = -1;
    if (!rec_old_time_parse(text, zone, &ns, &end_ns)) {
        CHECK(ns == -1 && end_ns == -1);
        return;
    }
    if (end_ns == -1 || end_ns == INT64_MAX) { /* before or behind all there can be */
        CHECK(ns == (end_ns == -1 ? 0 : INT64_MAX));
        return;
    }
    CHECK(ns >= 0 && ns % 1000 == 0 && end_ns == ns + 999);
    al_buf b;
    al_buf_init(&b, 64);
    rec_old_time_format(&b, zone, ns, 'T');
    CHECK(al_buf_code(&b) == AL_OK);
    if (!zone) {
        CHECK(rec_old_time_parse(al_buf_slice(&b), NULL, &end_ns, &ns));
        CHECK(ns == end_ns + 999);
    }
    al_buf_done(&b);
}

static void check_zone(const rec_zone *z, al_slice text)
{
    for (size_t i = 0; i < z->n_changes; i++) {
        CHECK(i == 0 || z->changes[i].at_s > z->changes[i - 1].at_s);
        CHECK(z->changes[i].offset_s <= z->offset_max_s);
        CHECK(z->changes[i].offset_s >= -OFFSET_S_MAX);
    }
    for (int64_t local = -5000000000; local < 9300000000; local += 123456789) {
        int64_t utc = rec_zone_to_utc(z, local);
        CHECK(local - utc <= z->offset_max_s);
        CHECK(local - utc >= -OFFSET_S_MAX);
    }
    check_time(text, z);
    check_old_time(text, z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    size_t n_text = data[0] < n - 1 ? data[0] : n - 1;
    uint8_t *text = fuzz_copy((al_slice){data + 1, n_text});
    uint8_t *file = fuzz_copy((al_slice){data + 1 + n_text, n - 1 - n_text});
    al_slice t = {text, n_text};
    al_slice f = {file, n - 1 - n_text};
    al_err err;
    int64_t ns = -1;
    check_time(t, NULL);
    check_old_time(t, NULL);
    (void)rec_time_parse_range(t, INT64_MAX, &ns, &err); /* any answer */
    for (int is_rule = 0; is_rule < 2; is_rule++) {
        rec_zone *z = calloc(1, sizeof *z);
        CHECK(z);
        al_code c = is_rule ? rec_zone_add_rule(z, f, &err) : rec_zone_decode_tzif(f, z, &err);
        if (c == AL_OK) {
            rec_zone_note_bounds(z);
            check_zone(z, t);
        }
        (void)rec_zone_free(z);
    }
    free(text);
    free(file);
    return 0;
}
