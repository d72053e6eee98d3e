/* POSIX TZ rules: "CET-1CEST,M3.5.0,M10.5.0/3", with the extensions of RFC 8536 section 3.3.1
 * (hours from -167 to 167). Not evaluated when a time is read but written out once as changes, two
 * a year, up to the last year that a record can have. */

#include "record/timezone_priv.h"

enum { S_PER_DAY = 86400, S_PER_HOUR = 3600, NAME_BYTES_MIN = 3 };

typedef enum day_kind { DAY_MONTH, DAY_JULIAN, DAY_ZERO } day_kind;

/* When in a year local time changes. */
typedef struct rule_day {
    day_kind kind;
    unsigned month; /* M month.week.weekday; 0 = Sunday */
    unsigned week;
    unsigned day; /* weekday, or the day of the year: J 1..365 without 29 February, else 0..365 */
    int32_t time_s;
} rule_day;

typedef struct tz_rule {
    int32_t std_s; /* offsets east of UTC */
    int32_t dst_s;
    bool has_dst;
    rule_day start;
    rule_day end;
} tz_rule;

/* What is left of the text. */
typedef struct text {
    const uint8_t *p;
    const uint8_t *end;
} text;

static bool take_char(text *t, uint8_t c)
{
    if (t->p == t->end || *t->p != c)
        return false;
    t->p++;
    return true;
}

static bool take_count(text *t, unsigned min, unsigned max, unsigned *ret)
{
    unsigned v = 0;
    const uint8_t *from = t->p;
    while (t->p < t->end && *t->p >= '0' && *t->p <= '9' && t->p - from < 4)
        v = v * 10 + (unsigned)(*t->p++ - '0');
    *ret = v;
    return t->p > from && v >= min && v <= max;
}

static bool is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool take_name(text *t)
{
    bool is_quoted = take_char(t, '<');
    const uint8_t *from = t->p;
    while (t->p < t->end && (is_quoted ? *t->p != '>' : is_letter(*t->p)))
        t->p++;
    return t->p - from >= NAME_BYTES_MIN && (!is_quoted || take_char(t, '>'));
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_hms(text *t, unsigned hours_max, int32_t *ret)
{
    unsigned part[3] = {0};
    bool is_negative = take_char(t, '-');
    if (!is_negative)
        (void)take_char(t, '+'); /* optional */
    if (!take_count(t, 0, hours_max, &part[0]))
        return false;
    for (int i = 1; i < 3 && take_char(t, ':'); i++)
        if (!take_count(t, 0, 59, &part[i]))
            return false;
    int32_t v = (int32_t)(part[0] * S_PER_HOUR + part[1] * 60 + part[2]);
    *ret = is_negative ? -v : v;
    return true;
}

static bool take_day(text *t, rule_day *ret)
{
    rule_day d = {.kind = DAY_ZERO, .time_s = 2 * S_PER_HOUR};
    bool is_ok = false;
    if (take_char(t, 'M')) {
        d.kind = DAY_MONTH;
        is_ok = take_count(t, 1, 12, &d.month) && take_char(t, '.') &&
                take_count(t, 1, 5, &d.week) && take_char(t, '.') && take_count(t, 0, 6, &d.day);
    } else if (take_char(t, 'J')) {
        d.kind = DAY_JULIAN;
        is_ok = take_count(t, 1, 365, &d.day);
    } else {
        is_ok = take_count(t, 0, 365, &d.day);
    }
    if (is_ok && take_char(t, '/'))
        is_ok = take_hms(t, 167, &d.time_s);
    *ret = d;
    return is_ok;
}

static bool parse_rule(al_slice s, tz_rule *ret)
{
    static const rule_day usual_start = {DAY_MONTH, 3, 2, 0, 2 * S_PER_HOUR};
    static const rule_day usual_end = {DAY_MONTH, 11, 1, 0, 2 * S_PER_HOUR};
    tz_rule r = {.start = usual_start, .end = usual_end};
    text t = {s.ptr, s.ptr + s.len};
    if (!take_name(&t) || !take_hms(&t, 24, &r.std_s))
        return false;
    r.std_s = -r.std_s; /* POSIX counts westwards */
    r.dst_s = r.std_s + S_PER_HOUR;
    if (t.p < t.end) {
        r.has_dst = true;
        if (!take_name(&t))
            return false;
        if (t.p < t.end && *t.p != ',') {
            if (!take_hms(&t, 24, &r.dst_s))
                return false;
            r.dst_s = -r.dst_s;
        }
        if (t.p < t.end && !(take_char(&t, ',') && take_day(&t, &r.start) && take_char(&t, ',') &&
                             take_day(&t, &r.end)))
            return false;
    }
    *ret = r;
    return t.p == t.end;
}

/* Local seconds since 1970 of a rule's day and time in a year. */
static int64_t local_of(const rule_day *d, int64_t year)
{
    int64_t day = rec_days_from_civil(year, 1, 1);
    if (d->kind == DAY_ZERO) {
        day += d->day;
    } else if (d->kind == DAY_JULIAN) {
        day += (int64_t)d->day - 1 + (rec_is_leap(year) && d->day >= 60);
    } else {
        int64_t first = rec_days_from_civil(year, d->month, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
        int64_t in_month = ((int64_t)d->day - weekday + 7) % 7 + 7 * ((int64_t)d->week - 1);
        if (in_month >= rec_days_in_month(year, d->month))
            in_month -= 7; /* week 5 is the last one */
        day = first + in_month;
    }
    return day * S_PER_DAY + d->time_s;
}

static al_code add_change(rec_zone *z, zone_change c, al_err *err)
{
    if (z->n_changes && c.at_s < z->changes[z->n_changes - 1].at_s)
        return AL_OK;
    al_code code = rec_zone_add(z, c.at_s, c.offset_s);
    return code ? al_fail(err, code, "no room for the changes of a time zone") : AL_OK;
}

static int64_t first_year(const rec_zone *z)
{
    if (z->n_changes == 0)
        return 1969;
    int64_t year = 1970 + z->changes[z->n_changes - 1].at_s / (S_PER_DAY * INT64_C(366));
    return year < 1969 ? 1969 : year;
}

al_code rec_zone_add_rule(rec_zone *z, al_slice rule, al_err *err)
{
    tz_rule r;
    if (!parse_rule(rule, &r))
        return al_fail(err, AL_INVALID, "'%.*s' is no time zone rule", AL_ARG(rule));
    bool is_whole = z->n_changes == 0;
    if (!r.has_dst) {
        /* What the last change says already, or the zone of a file without changes. */
        if (is_whole)
            z->first_offset_s = r.std_s;
        return AL_OK;
    }
    if (is_whole)
        z->first_offset_s = r.std_s;
    al_code c = AL_OK;
    int64_t after = is_whole ? INT64_MIN : z->changes[z->n_changes - 1].at_s;
    for (int64_t year = first_year(z); year <= ZONE_YEAR_MAX && c == AL_OK; year++) {
        zone_change a = {local_of(&r.start, year) - r.std_s, r.dst_s};
        zone_change b = {local_of(&r.end, year) - r.dst_s, r.std_s};
        if (b.at_s < a.at_s) {
            zone_change swap = a;
            a = b;
            b = swap;
        }
        if (a.at_s > after)
            c = add_change(z, a, err);
        if (c == AL_OK && b.at_s > after)
            c = add_change(z, b, err);
    }
    return c;
}
