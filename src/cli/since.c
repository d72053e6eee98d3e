/* People leave out of a time what is clear to them. It is put in here, so that servers need to know
 * one form only; what is complete or relative goes to them untouched, and their clock counts.
 * UTC throughout, as in the API and in what grep prints: the same command finds the same records on
 * every machine. */
#include "cli/since.h"

#include <string.h>

#include "base/clock.h"
#include "record/timestamp.h"

enum { DAY_BYTES = 10, MINUTE_BYTES = 5 /* 10:00 */, TIME_BYTES_MAX = 64 };

static bool fits(al_slice s, size_t at, const char *shape)
{
    size_t n = strlen(shape);
    if (at > s.len || s.len - at < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = s.ptr[at + i];
        if (shape[i] == '0' ? c < '0' || c > '9' : c != (uint8_t)shape[i])
            return false;
    }
    return true;
}

static void put_day(al_buf *out, int64_t ns)
{
    al_buf full;
    al_buf_init(&full, TIME_BYTES_MAX);
    rec_time_format(&full, ns);
    al_buf_slice_put(out, al_slice_sub(al_buf_slice(&full), 0, DAY_BYTES));
    al_buf_done(&full);
}

/* Appends the day that `text` names and returns what is behind it; a time of day is of today.
 * Appends nothing when it is neither. */
static al_slice take_day(al_buf *out, al_slice text, int64_t now_ns)
{
    static const struct {
        al_slice word;
        int days;
    } words[] = {{AL_LIT("today"), 0}, {AL_LIT("yesterday"), 1}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (al_slice_starts(text, words[i].word)) {
            put_day(out, now_ns - words[i].days * AL_NS_PER_DAY);
            return al_slice_sub(text, words[i].word.len, text.len);
        }
    }
    if (fits(text, 0, "0000-00-00")) {
        al_buf_slice_put(out, al_slice_sub(text, 0, DAY_BYTES));
        return al_slice_sub(text, DAY_BYTES, text.len);
    }
    if (fits(text, 0, "00:00"))
        put_day(out, now_ns);
    return text;
}

/* The time with everything in it; of a text that is no time comes one that is none either. */
static void complete(al_buf *out, al_slice text, int64_t now_ns)
{
    al_slice rest = take_day(out, text, now_ns);
    if (out->len == 0)
        return;
    if (rest.len == 0) {
        al_buf_str(out, "T00:00:00Z");
        return;
    }
    if (rest.len < text.len && rest.ptr[0] != ' ' && rest.ptr[0] != 'T') {
        al_buf_clear(out); /* "todayish": a day alone is not what was meant */
        return;
    }
    al_slice clock = al_slice_sub(rest, rest.len < text.len, rest.len);
    al_buf_u8(out, 'T');
    al_buf_slice_put(out, al_slice_sub(clock, 0, MINUTE_BYTES));
    if (fits(clock, 0, "00:00") && !fits(clock, MINUTE_BYTES, ":"))
        al_buf_str(out, ":00");
    al_buf_slice_put(out, al_slice_sub(clock, MINUTE_BYTES, clock.len));
}

al_code since_put(al_buf *out, al_slice text, int64_t now_ns, al_err *err)
{
    int64_t ns = 0;
    al_err plain = {0};
    if (rec_time_parse_range(text, now_ns, &ns, &plain) == AL_OK) {
        al_buf_slice_put(out, text);
        return AL_OK;
    }
    al_buf whole;
    al_buf_init(&whole, TIME_BYTES_MAX);
    complete(&whole, text, now_ns);
    bool is_time = al_buf_code(&whole) == AL_OK && rec_time_parse(al_buf_slice(&whole), NULL, &ns);
    if (is_time)
        al_buf_slice_put(out, al_buf_slice(&whole));
    al_buf_done(&whole);
    if (is_time)
        return AL_OK;
    return al_fail(err, AL_INVALID,
                   "'%.*s': expected a time such as 2026-11-22T10:00:00Z, '2026-11-22 10:00', "
                   "10:00, yesterday, -15m (s m h d w), now",
                   AL_ARG(al_slice_sub(text, 0, 60)));
}
