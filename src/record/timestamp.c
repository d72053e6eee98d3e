/* Times as text. See timestamp.h for the contract.
 * Every record's time passes here, so dates are computed with arithmetic (days_from_civil and back,
 * the algorithms of Howard Hinnant's "chrono-compatible low-level date algorithms") and no libc. */
#include "record/timestamp.h"

#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "record/json.h"
#include "record/timezone_priv.h"

enum { S_PER_DAY = 86400, S_PER_HOUR = 3600, FRACTION_DIGITS_MAX = 9, TIME_BYTES = 30 };

/* The years in which a bare number must lie: [2000-01-01, 2101-01-01). */
#define NUMBER_MIN_S INT64_C(946684800)
#define NUMBER_END_S INT64_C(4133980800)

int64_t rec_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

bool rec_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned rec_days_in_month(int64_t year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && rec_is_leap(year) ? 29 : days[month - 1];
}

typedef struct civil {
    unsigned year;
    unsigned month;
    unsigned day;
} civil;

static civil civil_of_day(int32_t day)
{
    int64_t z = (int64_t)day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned day_of_era = (unsigned)(z - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted = (5 * day_of_year + 2) / 153;
    unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
    int64_t year = (int64_t)year_of_era + era * 400 + (month <= 2);
    return (civil){(unsigned)year, month, day_of_year - (153 * shifted + 2) / 5 + 1};
}

/* ---- Reading */

/* Reads n digits at p into *ret; false when one is none. */
static bool take_digits(const uint8_t *p, unsigned n, unsigned *ret)
{
    unsigned v = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned digit = (unsigned)p[i] - '0';
        if (digit > 9)
            return false;
        v = v * 10 + digit;
    }
    *ret = v;
    return true;
}

/* Seconds and nanoseconds -> ns, when in 1970..2262. */
static bool join_ns(int64_t seconds, unsigned ns, int64_t *ret)
{
    int64_t v = 0;
    if (seconds < 0 || !al_mul(seconds, AL_NS_PER_S, &v) || !al_add(v, (int64_t)ns, &v))
        return false;
    *ret = v;
    return true;
}

/* "YYYY-MM-DD" at p, in days. */
static bool take_date(const uint8_t *p, int64_t *ret_days)
{
    unsigned year = 0;
    unsigned month = 0;
    unsigned day = 0;
    if (!take_digits(p, 4, &year) || p[4] != '-' || !take_digits(p + 5, 2, &month) || p[7] != '-' ||
        !take_digits(p + 8, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > rec_days_in_month(year, month))
        return false;
    *ret_days = rec_days_from_civil(year, month, day);
    return true;
}

/* "HH:MM:SS" at p, in seconds; :60 is a leap second and the next second. */
static bool take_clock(const uint8_t *p, int64_t *ret_s)
{
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    if (!take_digits(p, 2, &hour) || p[2] != ':' || !take_digits(p + 3, 2, &minute) ||
        p[5] != ':' || !take_digits(p + 6, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    *ret_s = (int64_t)hour * S_PER_HOUR + (int64_t)minute * 60 + second;
    return true;
}

/* ".123" or ",123" in front of *s, if there, in ns; digits behind the ninth are cut off. */
static bool take_fraction(al_slice *s, unsigned *ret_ns)
{
    static const unsigned scale[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                     10000,      1000,      100,      10,      1};
    *ret_ns = 0;
    if (s->len == 0 || (s->ptr[0] != '.' && s->ptr[0] != ','))
        return true;
    unsigned n = 0;
    unsigned v = 0;
    while (n + 1 < s->len && (unsigned)s->ptr[n + 1] - '0' <= 9)
        n++;
    unsigned n_kept = AL_MIN(n, (unsigned)FRACTION_DIGITS_MAX);
    if (n < 1 || !take_digits(s->ptr + 1, n_kept, &v))
        return false;
    *ret_ns = v * scale[n_kept];
    s->ptr += n + 1;
    s->len -= n + 1;
    return true;
}

/* "+03:00", "+0300": the whole slice, in seconds. */
static bool take_offset(al_slice s, int64_t *ret_s)
{
    unsigned hours = 0;
    unsigned minutes = 0;
    size_t minutes_at = s.len == 6 ? 4 : 3;
    if ((s.len != 5 && s.len != 6) || (s.ptr[0] != '+' && s.ptr[0] != '-'))
        return false;
    if ((s.len == 6 && s.ptr[3] != ':') || !take_digits(s.ptr + 1, 2, &hours) ||
        !take_digits(s.ptr + minutes_at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    int64_t offset = (int64_t)hours * S_PER_HOUR + (int64_t)minutes * 60;
    *ret_s = s.ptr[0] == '-' ? -offset : offset;
    return true;
}

static bool parse_date_time(al_slice s, const rec_zone *zone, int64_t *ret_ns)
{
    int64_t days = 0;
    int64_t clock_s = 0;
    unsigned ns = 0;
    if (!take_date(s.ptr, &days))
        return false;
    if (s.len > 10) {
        uint8_t between = s.ptr[10];
        if (s.len < 19 || (between != 'T' && between != 't' && between != ' ') ||
            !take_clock(s.ptr + 11, &clock_s))
            return false;
    }
    int64_t seconds = days * S_PER_DAY + clock_s;
    al_slice rest = al_slice_sub(s, 19, s.len);
    if (!take_fraction(&rest, &ns))
        return false;
    if (rest.len == 0 || (rest.len == 1 && (rest.ptr[0] | 0x20) == 'z')) {
        if (zone)
            seconds = rec_zone_to_utc(zone, seconds);
        return join_ns(seconds, ns, ret_ns);
    }
    int64_t offset = 0;
    return take_offset(rest, &offset) && join_ns(seconds - offset, ns, ret_ns);
}

/* A JSON number as digits * 10^exponent, rounded towards zero to 19 digits. False for what is no
 * number, is negative, or has an exponent that puts it out of all bounds here. */
static bool take_decimal(al_slice s, uint64_t *ret_digits, int *ret_exponent)
{
    const uint8_t *end = s.ptr + s.len;
    const uint8_t *p = s.ptr;
    uint64_t digits = 0;
    int exponent = 0;
    bool is_fraction = false;
    if (p == end || *p == '-' || json_number_end(p, end) != end || s.len > 400)
        return false;
    for (; p < end && (*p | 0x20) != 'e'; p++) {
        if (*p == '.') {
            is_fraction = true;
            continue;
        }
        if (digits < UINT64_C(1000000000000000000)) {
            digits = digits * 10 + (uint64_t)(*p - '0');
            exponent -= is_fraction;
        } else {
            exponent += !is_fraction;
        }
    }
    if (p < end) {
        int64_t e = 0;
        al_slice text = al_slice_sub(s, (size_t)(p - s.ptr) + 1, s.len);
        if (text.ptr[0] == '+')
            text = al_slice_sub(text, 1, text.len);
        if (!al_parse_i64(text, &e) || e < -1000 || e > 1000)
            return false;
        exponent += (int)e;
    }
    *ret_digits = digits;
    *ret_exponent = exponent;
    return true;
}

/* digits * 10^exponent, rounded down; false when it is 10^19 or more. */
static bool scale_decimal(uint64_t digits, int exponent, uint64_t *ret)
{
    for (; exponent < 0 && digits; exponent++)
        digits /= 10;
    for (; exponent > 0 && digits; exponent--)
        if (!al_mul(digits, UINT64_C(10), &digits))
            return false;
    *ret = digits;
    return true;
}

static bool parse_number(al_slice s, int64_t *ret_ns)
{
    uint64_t digits = 0;
    int exponent = 0;
    if (!take_decimal(s, &digits, &exponent))
        return false;
    /* The windows of the four units do not overlap: each is a hundred years at a factor of 1000. */
    for (int unit = 9; unit >= 0; unit -= 3) {
        uint64_t ns = 0;
        if (scale_decimal(digits, exponent + unit, &ns) &&
            ns >= (uint64_t)(NUMBER_MIN_S * AL_NS_PER_S) &&
            ns < (uint64_t)(NUMBER_END_S * AL_NS_PER_S)) {
            *ret_ns = (int64_t)ns;
            return true;
        }
    }
    return false;
}

bool rec_time_parse(al_slice text, const rec_zone *zone, int64_t *ret_ns)
{
    if (text.len == 0)
        return false;
    if (text.len < 10)
        return parse_number(text, ret_ns); /* such as 1.7e9 */
    if (text.ptr[4] == '-')
        return parse_date_time(text, zone, ret_ns);
    return parse_number(text, ret_ns);
}

/* "-15m": the whole slice, in ns; saturates. */
static bool parse_ago(al_slice s, int64_t *ret_ns)
{
    static const char units[] = "smhdw";
    static const int64_t seconds[] = {1, 60, S_PER_HOUR, S_PER_DAY, INT64_C(7) * S_PER_DAY};
    uint64_t count = 0;
    if (s.len < 3 || s.ptr[0] != '-')
        return false;
    const char *unit = memchr(units, s.ptr[s.len - 1], sizeof units - 1);
    if (!unit || !al_parse_u64(al_slice_sub(s, 1, s.len - 1), &count))
        return false;
    uint64_t ns = 0;
    if (!al_mul(count, (uint64_t)(seconds[unit - units] * AL_NS_PER_S), &ns) ||
        ns > (uint64_t)INT64_MAX)
        ns = (uint64_t)INT64_MAX;
    *ret_ns = (int64_t)ns;
    return true;
}

al_code rec_time_parse_range(al_slice text, int64_t now_ns, int64_t *ret_ns, al_err *err)
{
    int64_t ago = 0;
    if (al_slice_eq(text, AL_LIT("now"))) {
        *ret_ns = now_ns;
        return AL_OK;
    }
    if (parse_ago(text, &ago)) {
        *ret_ns = ago < now_ns ? now_ns - ago : 0;
        return AL_OK;
    }
    if (rec_time_parse(text, NULL, ret_ns))
        return AL_OK;
    uint64_t s = 0; /* the years before 2000 can only be meant in seconds */
    if (al_parse_u64(text, &s) && s < (uint64_t)NUMBER_MIN_S) {
        *ret_ns = (int64_t)s * AL_NS_PER_S;
        return AL_OK;
    }
    return al_fail(err, AL_INVALID,
                   "time '%.*s': expected a date as 2026-11-22T12:11:46Z, seconds, ms, us or ns "
                   "since 1970, now, or -15m (units s m h d w)",
                   AL_ARG(al_slice_sub(text, 0, 60)));
}

/* ---- Writing */

static uint8_t *put_digits(uint8_t *to, unsigned v, unsigned n)
{
    for (unsigned i = n; i > 0; i--) {
        to[i - 1] = (uint8_t)('0' + v % 10);
        v /= 10;
    }
    return to + n;
}

static uint8_t *put_separated(uint8_t *to, unsigned v, unsigned n, char behind)
{
    to = put_digits(to, v, n);
    *to = (uint8_t)behind;
    return to + 1;
}

void rec_time_format(al_buf *out, int64_t time_ns)
{
    int32_t day = rec_day_of(time_ns);
    int64_t in_day_ns = time_ns - (int64_t)day * AL_NS_PER_DAY;
    unsigned second = (unsigned)(in_day_ns / AL_NS_PER_S);
    civil c = civil_of_day(day);
    uint8_t *to = al_buf_extend(out, TIME_BYTES);
    if (!to)
        return;
    to = put_separated(to, c.year, 4, '-');
    to = put_separated(to, c.month, 2, '-');
    to = put_separated(to, c.day, 2, 'T');
    to = put_separated(to, second / S_PER_HOUR, 2, ':');
    to = put_separated(to, second / 60 % 60, 2, ':');
    to = put_separated(to, second % 60, 2, '.');
    (void)put_separated(to, (unsigned)(in_day_ns % AL_NS_PER_S), 9, 'Z');
}

int32_t rec_day_of(int64_t time_ns)
{
    int64_t day = time_ns / AL_NS_PER_DAY;
    return (int32_t)(day - (time_ns % AL_NS_PER_DAY < 0));
}

void rec_day_format(al_buf *out, int32_t day)
{
    civil c = civil_of_day(day);
    uint8_t *to = al_buf_extend(out, 8);
    if (!to)
        return;
    to = put_digits(to, c.year, 4);
    to = put_digits(to, c.month, 2);
    (void)put_digits(to, c.day, 2);
}
