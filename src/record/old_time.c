/* Old ALCO's times. It ran in one zone and wrote none: what it gave out is what people type back,
 * so reading takes everything that was ever shown, and writing is always to the microsecond.
 * The rules of reading are strptime's: numbers may lack leading zeros, white space in the format is
 * any run of it. */
#include "record/old_time.h"

#include "base/checked.h"
#include "base/clock.h"
#include "record/timestamp.h"
#include "record/timezone_priv.h"

enum { SECONDS_PER_DAY = 86400, NS_PER_US = 1000, US_DIGITS = 6 };

typedef struct scan {
    const uint8_t *p;
    size_t left;
} scan;

typedef struct civil {
    unsigned year, month, day, hour, minute, second, us;
    bool has_offset;
    int32_t offset_s;
} civil;

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* From `min` to `max` digits, as many as there are. */
static bool number(scan *s, unsigned min, unsigned max, unsigned *ret, unsigned *ret_digits)
{
    unsigned n = 0;
    unsigned v = 0;
    for (; n < max && s->left && is_digit(*s->p); n++, s->p++, s->left--)
        v = v * 10 + (unsigned)(*s->p - '0');
    if (n < min)
        return false;
    *ret = v;
    if (ret_digits)
        *ret_digits = n;
    return true;
}

static bool take(scan *s, char c)
{
    if (!s->left || *s->p != (uint8_t)c)
        return false;
    s->p++;
    s->left--;
    return true;
}

static bool spaces(scan *s)
{
    size_t before = s->left;
    for (; s->left && is_space(*s->p); s->p++, s->left--)
        continue;
    return s->left < before;
}

static bool date(scan *s, civil *c)
{
    unsigned digits = 0;
    unsigned first = 0;
    if (!number(s, 1, 4, &first, &digits))
        return false;
    if (take(s, '-')) {
        c->year = first;
        return digits == 4 && number(s, 1, 2, &c->month, NULL) && take(s, '-') &&
               number(s, 1, 2, &c->day, NULL);
    }
    c->month = first;
    if (digits > 2 || !take(s, '/') || !number(s, 1, 2, &c->day, NULL) || !take(s, '/') ||
        !number(s, 2, 4, &c->year, &digits) || digits == 3)
        return false;
    if (digits == 2)
        c->year += c->year < 69 ? 2000 : 1900;
    return true;
}

/* ".5" is 500000 microseconds; of more digits than six the rest is passed over, as parse_datetime
 * does. */
static bool fraction(scan *s, civil *c)
{
    unsigned digits = 0;
    unsigned rest = 0;
    if (!number(s, 1, US_DIGITS, &c->us, &digits))
        return false;
    for (; digits < US_DIGITS; digits++)
        c->us *= 10;
    return number(s, 0, US_DIGITS, &rest, NULL);
}

static bool clock_time(scan *s, civil *c)
{
    if (!number(s, 1, 2, &c->hour, NULL) || !take(s, ':') || !number(s, 1, 2, &c->minute, NULL))
        return false;
    if (!take(s, ':'))
        return true;
    if (!number(s, 1, 2, &c->second, NULL))
        return false;
    return (!take(s, '.') && !take(s, ',')) || fraction(s, c);
}

/* Nothing, Z, +03, +0300 or +03:00. */
static bool offset(scan *s, civil *c)
{
    unsigned hours = 0;
    unsigned minutes = 0;
    (void)spaces(s);
    if (s->left == 0)
        return true;
    c->has_offset = true;
    if (take(s, 'Z') || take(s, 'z'))
        return true;
    bool is_west = take(s, '-');
    if ((!is_west && !take(s, '+')) || !number(s, 2, 2, &hours, NULL))
        return false;
    (void)take(s, ':');
    if (s->left && !number(s, 2, 2, &minutes, NULL))
        return false;
    c->offset_s = (int32_t)(hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
    return hours < 24 && minutes < 60;
}

static bool is_possible(const civil *c)
{
    return c->month >= 1 && c->month <= 12 && c->day >= 1 && c->year >= 1 &&
           c->day <= rec_days_in_month(c->year, c->month) && c->hour < 24 && c->minute < 60 &&
           c->second < 60;
}

static void put_instants(int64_t utc_s, unsigned us, int64_t *ret_ns, int64_t *ret_end_ns)
{
    int64_t ns = 0;
    if (utc_s < 0) { /* all there is begins later, and none of it is before */
        *ret_ns = 0;
        *ret_end_ns = -1;
    } else if (!al_mul(utc_s, AL_NS_PER_S, &ns) ||
               !al_add(ns, (int64_t)us * NS_PER_US + NS_PER_US - 1, &ns)) {
        *ret_ns = INT64_MAX;
        *ret_end_ns = INT64_MAX;
    } else {
        *ret_ns = ns - (NS_PER_US - 1);
        *ret_end_ns = ns;
    }
}

bool rec_old_time_parse(al_slice text, const rec_zone *zone, int64_t *ret_ns, int64_t *ret_end_ns)
{
    civil c = {0};
    text = al_slice_trim(text);
    scan s = {text.ptr, text.len};
    if (!date(&s, &c))
        return false;
    if (s.left && ((!take(&s, 'T') && !spaces(&s)) || !clock_time(&s, &c) || !offset(&s, &c)))
        return false;
    if (s.left || !is_possible(&c))
        return false;
    int64_t local_s = rec_days_from_civil(c.year, c.month, c.day) * SECONDS_PER_DAY +
                      (int64_t)c.hour * 3600 + (int64_t)c.minute * 60 + c.second;
    int64_t utc_s = local_s - c.offset_s;
    if (!c.has_offset && zone)
        utc_s = rec_zone_to_utc(zone, local_s);
    put_instants(utc_s, c.us, ret_ns, ret_end_ns);
    return true;
}

static int64_t local_seconds(const rec_zone *zone, int64_t time_ns)
{
    int64_t utc_s = time_ns / AL_NS_PER_S;
    return utc_s + (zone ? rec_zone_offset_at(zone, utc_s) : 0);
}

static int32_t day_of_seconds(int64_t s)
{
    return (int32_t)(s >= 0 ? s / SECONDS_PER_DAY
                            : -((-s + SECONDS_PER_DAY - 1) / SECONDS_PER_DAY));
}

int32_t rec_old_day_of(const rec_zone *zone, int64_t time_ns)
{
    return day_of_seconds(local_seconds(zone, time_ns));
}

void rec_old_time_format(al_buf *out, const rec_zone *zone, int64_t time_ns, char gap)
{
    al_buf text;
    int64_t local_s = local_seconds(zone, time_ns);
    int32_t day = day_of_seconds(local_s);
    int64_t s = local_s - (int64_t)day * SECONDS_PER_DAY;
    unsigned us = (unsigned)(time_ns % AL_NS_PER_S / NS_PER_US);
    al_buf_init(&text, 16);
    rec_day_format(&text, day);
    const char *digits = (const char *)text.ptr;
    if (al_buf_code(&text) == AL_OK)
        al_buf_printf(out, "%.4s-%.2s-%.2s%c%02d:%02d:%02d", digits, digits + 4, digits + 6, gap,
                      (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
    al_buf_fail(out, al_buf_code(&text));
    al_buf_done(&text);
    if (us)
        al_buf_printf(out, ".%06u", us);
}
