/* Times of log lines. See line_time.h.
 * A time that is read wrongly is worse than none: a shape must match in full, must end at a border,
 * and where its digits alone might be something else (17/06/09) what follows must look like the
 * program that writes it. Nothing here depends on the order of day and month in numbers.
 * Shape: tables; `match` walks a pattern and collects digits, `resolve` puts them together as
 * RFC 3339 and leaves ranges and zones to rec_time_parse. Most patterns are not tried: the first
 * bytes of a line have the fixed byte of few of them at its place. */
#include "inputs/line_time.h"

#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "record/timestamp.h"

enum {
    WORDS_BEFORE_MAX = 2, /* "Log started: " is two words */
    WORD_BYTES_MAX = 64,
    BRACKETS_MAX = 4,        /* looked into for the time of an access log */
    ACCESS_HEAD_BYTES = 256, /* within which that bracket begins */
    LEAP_YEARS_MAX = 8,      /* between two days 29 February */
    TEXT_BYTES = 64,         /* a time put together for rec_time_parse */
    SPELLED_WORD_BYTES = 3,  /* Nov, Sun */
    EPOCH_DIGITS = 10,       /* 2001 to 2286 */
    FRACTION_DIGITS_MAX = 9,
};

/* Where a shape may stand; at the beginning always. */
enum {
    BEHIND_WORDS = 1, /* at most two */
    IN_BRACKET = 2,   /* behind one of the first '[' and nowhere else */
    SYSLOG = 4,       /* host and program may follow */
    GLOG = 8,         /* the byte before it is the level */
    WHOLE = 16,       /* the pattern has the brackets itself */
};

/* %Y year  %y of 2000..2099  %m %d %H %M %S two digits  %e day, may be ` 2`  %k hour, may be ` 9`
 * or `9`, %q %r minute, second, too %b Nov  %a Sun  %T `T`, one space or two  %f .123 or ,123 or
 * nothing  %F .123  %L 1 to 3 digits of milliseconds  %z Z, +0100, +01:00, +01, ` +0100`, ` UTC`
 * and some other names, or nothing %p AM or PM  %E seconds since 1970  %! the time ends here, the
 * rest must follow %s spaces  %P digits  %w a word  %l a level in capitals  %c a word with a colon
 * at its end %x a word that ends with .exe  %n a word that ends with a digit. Else the byte itself.
 */
struct shape {
    const char *pattern;
    unsigned flags;
    unsigned fixed_at; /* behind pieces of a fixed width */
    uint8_t fixed;     /* the byte there; 0: none */
};

static const struct shape begin_with_digit[] = {
    {"%Y-%m-%dT%H:%M:%S%f%z", BEHIND_WORDS | SYSLOG, 4, '-'},
    {"%Y-%m-%d%T%H:%M:%S%f%z", BEHIND_WORDS, 4, '-'},
    {"%Y-%m-%d  %k:%M:%S", 0, 4, '-'},   /* MariaDB before ten o'clock */
    {"%Y-%m-%d %H:%M:%S:%L", 0, 4, '-'}, /* log4j patterns */
    {"%Y/%m/%d %H:%M:%S%f", 0, 4, '/'},  /* nginx's errors, Go */
    {"%Y.%m.%d %H:%M:%S%f", 0, 4, '.'},
    {"%d/%b/%Y:%H:%M:%S%f%z", 0, 2, '/'},          /* Apache's request log */
    {"%d/%b/%Y %H:%M:%S", 0, 2, '/'},              /* Django's development server */
    {"%d-%b-%Y %H:%M:%S%f%z", 0, 2, '-'},          /* Tomcat, BIND, PHP */
    {"%d %b %Y %H:%M:%S%f", BEHIND_WORDS, 2, ' '}, /* Redis */
    {"%m%d %H:%M:%S%F%!%s%P ", GLOG, 4, ' '},
    {"%m-%d %H:%M:%S%F", 0, 2, '-'},          /* Android */
    {"%Y%m%d-%k:%q:%r:%L%!|", WHOLE, 8, '-'}, /* HealthApp */
    {"%Y%m%d %H:%M:%S%f", 0, 8, ' '},
    {"%y%m%d %H%M%S%! %P %l ", 0, 6, ' '},               /* HDFS */
    {"%y%m%d %k:%M:%S%! [", 0, 6, ' '},                  /* MySQL before 5.7 */
    {"%y/%m/%d %H:%M:%S%! %l %c", 0, 2, '/'},            /* Spark */
    {"%d/%b/%Y:%H:%M:%S%f%z%!] \"", IN_BRACKET, 2, '/'}, /* access logs */
};

static const struct shape begin_with_letter[] = {
    {"%b %e %H:%M:%S%f", SYSLOG, 3, ' '},   /* RFC 3164; journalctl -o short-precise */
    {"%b %e %Y %H:%M:%S%f", 0, 3, ' '},     /* Cisco */
    {"%b %d, %Y %k:%M:%S %p", 0, 3, ' '},   /* java.util.logging */
    {"%a %b %e %H:%M:%S%f %Y", 0, 3, ' '},  /* ctime(3), Apache's errors */
    {"%a, %d %b %Y %H:%M:%S%z", 0, 3, ','}, /* RFC 1123 */
};

static const struct shape begin_otherwise[] = {
    {"[%m.%d %H:%M:%S%!] %x", WHOLE, 3, '.'}, /* Proxifier */
    {"%w %E%! %Y.%m.%d %w ", WHOLE, 0, 0},    /* BGL, Thunderbird */
    {"%P %n %w %w %E%! %P ", WHOLE, 0, 0},    /* HPC */
    {"type=%w msg=audit(%E%F:%P)", WHOLE, 4, '='},
};

typedef struct parts { /* what a pattern has collected */
    unsigned year;     /* 0: not said */
    unsigned month, day, hour, minute, second;
    uint8_t fraction[FRACTION_DIGITS_MAX];
    size_t n_fraction;
    char offset[7]; /* as RFC 3339 has it; empty: not said */
    bool has_epoch;
    uint64_t epoch_s;
    size_t end; /* behind the time; 0: not reached */
} parts;

typedef struct reader {
    al_slice s;
    size_t at;
    parts p;
} reader;

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static uint8_t byte_at(const reader *r, size_t ahead)
{
    return r->at + ahead < r->s.len ? r->s.ptr[r->at + ahead] : 0;
}

static size_t digits_at(const reader *r, size_t ahead)
{
    size_t n = 0;
    while (is_digit(byte_at(r, ahead + n)))
        n++;
    return n;
}

/* ---- Pieces of a pattern: each takes its bytes, or says false */

static bool take_number(reader *r, size_t n_digits, unsigned *ret)
{
    unsigned v = 0;
    for (size_t i = 0; i < n_digits; i++) {
        if (!is_digit(byte_at(r, i)))
            return false;
        v = v * 10 + (byte_at(r, i) - (unsigned)'0');
    }
    r->at += n_digits;
    *ret = v;
    return true;
}

/* Two digits, or with a space for the first, or, if that is allowed, only one. */
static bool take_padded(reader *r, bool may_be_one, unsigned *ret)
{
    if (byte_at(r, 0) == ' ') {
        r->at++;
        return take_number(r, 1, ret);
    }
    return take_number(r, may_be_one && !is_digit(byte_at(r, 1)) ? 1 : 2, ret);
}

/* One of `n` words of three letters; *ret counts from 1. */
static bool take_spelled(reader *r, const char *words, unsigned n, unsigned *ret)
{
    if (r->s.len - r->at < SPELLED_WORD_BYTES)
        return false;
    const char *s = (const char *)r->s.ptr + r->at;
    for (unsigned i = 0; i < n; i++, words += SPELLED_WORD_BYTES) {
        if (s[0] != words[0] || s[1] != words[1] || s[2] != words[2])
            continue;
        r->at += SPELLED_WORD_BYTES;
        *ret = i + 1;
        return true;
    }
    return false;
}

static bool take_fraction(reader *r, bool must_be)
{
    size_t n = byte_at(r, 0) == '.' || (byte_at(r, 0) == ',' && !must_be) ? digits_at(r, 1) : 0;
    if (n == 0)
        return !must_be;
    r->p.n_fraction = AL_MIN(n, (size_t)FRACTION_DIGITS_MAX);
    memcpy(r->p.fraction, r->s.ptr + r->at + 1, r->p.n_fraction);
    r->at += 1 + n;
    return true;
}

static bool take_milliseconds(reader *r)
{
    size_t n = digits_at(r, 0);
    if (n < 1 || n > 3)
        return false;
    memset(r->p.fraction, '0', 3 - n);
    memcpy(r->p.fraction + 3 - n, r->s.ptr + r->at, n);
    r->p.n_fraction = 3;
    r->at += n;
    return true;
}

static void set_offset(parts *p, uint8_t sign, const uint8_t *hours, const uint8_t *minutes)
{
    const char text[] = {
        (char)sign, (char)hours[0], (char)hours[1], ':', (char)minutes[0], (char)minutes[1], 0};
    memcpy(p->offset, text, sizeof text);
}

/* A number behind a space may be anything; the minutes of all offsets are these. */
static bool is_usual_minute(const uint8_t *two)
{
    return memcmp(two, "00", 2) == 0 || memcmp(two, "30", 2) == 0 || memcmp(two, "45", 2) == 0;
}

/* Names that mean one offset. Others, such as EST or IST, mean several, or are no zones. */
static void take_zone_name(reader *r, al_slice s)
{
    static const struct {
        const char *name;
        const char *offset;
        unsigned since; /* year */
    } zones[] = {{"UTC", "+00:00", 0},   {"GMT", "+00:00", 0}, {"CET", "+01:00", 0},
                 {"CEST", "+02:00", 0},  {"EET", "+02:00", 0}, {"EEST", "+03:00", 0},
                 {"MSK", "+03:00", 2015}};
    const al_slice ends = AL_LIT(" ]:\t\r\n");
    for (size_t i = 0; i < AL_COUNT(zones); i++) {
        size_t n = strlen(zones[i].name);
        uint8_t next = s.len > n ? s.ptr[n] : ' ';
        if (!al_slice_starts(s, al_cstr(zones[i].name)) || r->p.year < zones[i].since ||
            !memchr(ends.ptr, next, ends.len))
            continue;
        memcpy(r->p.offset, zones[i].offset, sizeof r->p.offset);
        r->at += 1 + n;
        return;
    }
}

static void take_offset(reader *r)
{
    static const uint8_t zero[] = "00";
    size_t space = byte_at(r, 0) == ' ';
    uint8_t sign = byte_at(r, space);
    const uint8_t *text = r->s.ptr + r->at + space;
    size_t left = r->s.len - AL_MIN(r->s.len, r->at + space);
    if (sign == '+' || sign == '-') {
        size_t n = digits_at(r, space + 1);
        if (n == 4 && (!space || is_usual_minute(text + 3))) {
            set_offset(&r->p, sign, text + 1, text + 3);
            r->at += space + 5;
        } else if (n == 2 && byte_at(r, space + 3) == ':' && digits_at(r, space + 4) == 2) {
            set_offset(&r->p, sign, text + 1, text + 4);
            r->at += space + 6;
        } else if (n == 2 && !space) {
            set_offset(&r->p, sign, text + 1, zero);
            r->at += 3;
        }
    } else if (!space && sign == 'Z') {
        set_offset(&r->p, '+', zero, zero);
        r->at++;
    } else if (space) {
        take_zone_name(r, (al_slice){text, left});
    }
}

static bool take_half_day(reader *r)
{
    if ((byte_at(r, 0) != 'A' && byte_at(r, 0) != 'P') || byte_at(r, 1) != 'M' || r->p.hour < 1 ||
        r->p.hour > 12)
        return false;
    r->p.hour = r->p.hour % 12 + (byte_at(r, 0) == 'P' ? 12 : 0);
    r->at += 2;
    return true;
}

static bool take_epoch(reader *r)
{
    r->p.has_epoch = digits_at(r, 0) == EPOCH_DIGITS &&
                     al_parse_u64(al_slice_sub(r->s, r->at, r->at + EPOCH_DIGITS), &r->p.epoch_s);
    r->at += EPOCH_DIGITS;
    return r->p.has_epoch;
}

/* A time ends where neither its number nor a word goes on. */
static bool take_border(reader *r)
{
    uint8_t c = byte_at(r, 0);
    r->p.end = r->at;
    if (c == ':' || c == '.' || c == '-' || c == '/' || c == ',' || c == '+')
        return !is_digit(byte_at(r, 1));
    return !is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && c != '_' && c < 0x80;
}

static al_slice word_at(const reader *r)
{
    size_t n = 0;
    while (n < WORD_BYTES_MAX && byte_at(r, n) > ' ')
        n++;
    return al_slice_sub(r->s, r->at, r->at + n);
}

static bool is_level(al_slice w)
{
    static const char *const levels[] = {"INFO", "WARN", "ERROR", "DEBUG", "TRACE", "FATAL"};
    for (size_t i = 0; i < AL_COUNT(levels); i++)
        if (al_slice_eq(w, al_cstr(levels[i])))
            return true;
    return false;
}

static bool take_word(reader *r, char kind)
{
    al_slice w = word_at(r);
    if (w.len == 0)
        return false;
    r->at += w.len;
    switch (kind) {
    case 'l':
        return is_level(w);
    case 'c':
        return w.len > 1 && w.ptr[w.len - 1] == ':';
    case 'n':
        return w.len > 1 && is_digit(w.ptr[w.len - 1]);
    case 'x':
        return w.len > 4 && al_slice_ends(w, AL_LIT(".exe"));
    default:
        return true;
    }
}

static bool take_gap(reader *r)
{
    size_t before = r->at;
    while (byte_at(r, 0) == ' ')
        r->at++;
    if (byte_at(r, 0) == 'T' && r->at == before)
        r->at++;
    return r->at > before;
}

/* ---- Patterns */

static bool take_date_piece(reader *r, char what)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char days[] = "MonTueWedThuFriSatSun";
    unsigned ignored = 0;
    switch (what) {
    case 'Y':
        return take_number(r, 4, &r->p.year);
    case 'y':
        if (!take_number(r, 2, &r->p.year))
            return false;
        r->p.year += 2000;
        return true;
    case 'm':
        return take_number(r, 2, &r->p.month);
    case 'b':
        return take_spelled(r, months, 12, &r->p.month);
    case 'd':
        return take_number(r, 2, &r->p.day);
    case 'e':
        return take_padded(r, false, &r->p.day);
    default:
        return take_spelled(r, days, 7, &ignored);
    }
}

static bool take_clock_piece(reader *r, char what)
{
    switch (what) {
    case 'H':
        return take_number(r, 2, &r->p.hour);
    case 'k':
        return take_padded(r, true, &r->p.hour);
    case 'M':
        return take_number(r, 2, &r->p.minute);
    case 'q':
        return take_padded(r, true, &r->p.minute);
    case 'r':
        return take_padded(r, true, &r->p.second);
    case 'S':
        return take_number(r, 2, &r->p.second);
    case 'f':
    case 'F':
        return take_fraction(r, what == 'F');
    case 'L':
        return take_milliseconds(r);
    case 'z':
        take_offset(r);
        return true;
    default:
        return take_half_day(r);
    }
}

static bool take_other(reader *r, char what)
{
    size_t n = 0;
    switch (what) {
    case 'E':
        return take_epoch(r);
    case 'T':
        n = r->at;
        return take_gap(r) && r->at - n <= 2;
    case 's':
        return byte_at(r, 0) == ' ' && take_gap(r);
    case 'P':
        n = digits_at(r, 0);
        r->at += n;
        return n > 0;
    case '!':
        return take_border(r);
    default:
        return take_word(r, what);
    }
}

static bool take_piece(reader *r, char what)
{
    switch (what) {
    case 'Y':
    case 'y':
    case 'm':
    case 'b':
    case 'd':
    case 'e':
    case 'a':
        return take_date_piece(r, what);
    case 'E':
    case 'T':
    case 's':
    case 'P':
    case '!':
    case 'w':
    case 'l':
    case 'c':
    case 'x':
    case 'n':
        return take_other(r, what);
    default:
        return take_clock_piece(r, what);
    }
}

static bool match(const char *pattern, reader *r)
{
    for (const char *p = pattern; *p; p++) {
        if (*p == '%') {
            if (!take_piece(r, *++p))
                return false;
        } else if (byte_at(r, 0) == (uint8_t)*p) {
            r->at++;
        } else {
            return false;
        }
    }
    return r->p.end || take_border(r);
}

/* ---- Digits -> time */

static char *put_number(char *out, unsigned value, size_t n_digits)
{
    for (size_t i = n_digits; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    return out + n_digits;
}

static bool parse_parts(const parts *p, unsigned year, const rec_zone *zone, int64_t *ret_ns)
{
    char text[TEXT_BYTES];
    char *out = put_number(text, year, 4);
    *out++ = '-';
    out = put_number(out, p->month, 2);
    *out++ = '-';
    out = put_number(out, p->day, 2);
    *out++ = 'T';
    out = put_number(out, p->hour, 2);
    *out++ = ':';
    out = put_number(out, p->minute, 2);
    *out++ = ':';
    out = put_number(out, p->second, 2);
    if (p->n_fraction) {
        *out++ = '.';
        memcpy(out, p->fraction, p->n_fraction);
        out += p->n_fraction;
    }
    for (const char *o = p->offset; *o; o++)
        *out++ = *o;
    return rec_time_parse((al_slice){(const uint8_t *)text, (size_t)(out - text)}, zone, ret_ns);
}

/* The last year whose time is not more than a day ahead; 29 February is in some of them only. */
static bool last_year(const parts *p, const rec_zone *zone, int64_t now_ns, int64_t *ret_ns)
{
    al_buf b;
    uint64_t year = 0;
    al_buf_init(&b, TEXT_BYTES);
    rec_day_format(&b, rec_day_of(now_ns));
    bool is_known =
        al_buf_code(&b) == AL_OK && al_parse_u64(al_slice_sub(al_buf_slice(&b), 0, 4), &year);
    al_buf_done(&b);
    if (!is_known)
        return false;
    bool is_leap_day = p->month == 2 && p->day == 29;
    unsigned n_years = is_leap_day ? LEAP_YEARS_MAX + 1 : 2;
    for (unsigned back = 0; back <= n_years; back++) { /* from the next year on */
        int64_t ns = 0;
        if (!parse_parts(p, (unsigned)year + 1 - back, zone, &ns))
            continue;
        if (ns > now_ns && ns - now_ns > AL_NS_PER_DAY)
            continue;
        *ret_ns = ns;
        return true;
    }
    return false;
}

static bool resolve_epoch(const parts *p, int64_t *ret_ns)
{
    parts at = *p;
    int64_t day_ns = 0;
    int64_t ns = 0;
    unsigned scale = 1;
    for (size_t i = p->n_fraction; i < FRACTION_DIGITS_MAX; i++)
        scale *= 10;
    unsigned fraction = 0;
    for (size_t i = 0; i < p->n_fraction; i++)
        fraction = fraction * 10 + (p->fraction[i] - (unsigned)'0');
    if (p->epoch_s > INT64_MAX / AL_NS_PER_S - 1)
        return false;
    ns = (int64_t)p->epoch_s * AL_NS_PER_S + (p->n_fraction ? (int64_t)fraction * scale : 0);
    at.n_fraction = 0;
    /* A date beside it is that of the same day, in any zone. */
    if (p->year && (!parse_parts(&at, p->year, NULL, &day_ns) || ns < day_ns - AL_NS_PER_DAY ||
                    ns > day_ns + 2 * AL_NS_PER_DAY))
        return false;
    *ret_ns = ns;
    return true;
}

static bool resolve(const parts *p, const rec_zone *zone, int64_t now_ns, int64_t *ret_ns)
{
    if (p->has_epoch)
        return resolve_epoch(p, ret_ns);
    if (p->year)
        return parse_parts(p, p->year, zone, ret_ns);
    return last_year(p, zone, now_ns, ret_ns);
}

static bool try_shape(const struct shape *shape, al_slice s, size_t at, const rec_zone *zone,
                      int64_t now_ns, line_time *ret)
{
    reader r = {.s = s, .at = at};
    int64_t ns = 0;
    if (!match(shape->pattern, &r) || !resolve(&r.p, zone, now_ns, &ns))
        return false;
    *ret = (line_time){.ns = ns,
                       .end = r.p.end,
                       .is_syslog = (shape->flags & SYSLOG) && at == 0,
                       .has_level_letter = shape->flags & GLOG};
    return true;
}

typedef struct place {
    al_slice s;
    size_t at;
    unsigned with; /* a shape needs one of these; 0: any will do */
    unsigned without;
    const rec_zone *zone;
    int64_t now_ns;
} place;

/* Most shapes are passed over here. */
static bool try_shapes(const struct shape *shapes, size_t n, const place *p, line_time *ret)
{
    size_t left = p->s.len - p->at;
    const uint8_t *head = p->s.ptr + p->at;
    for (const struct shape *shape = shapes; shape < shapes + n; shape++) {
        if (shape->fixed_at >= left || (shape->fixed && head[shape->fixed_at] != shape->fixed))
            continue;
        if ((p->with && !(shape->flags & p->with)) || shape->flags & p->without)
            continue;
        if (try_shape(shape, p->s, p->at, p->zone, p->now_ns, ret))
            return true;
    }
    return false;
}

/* Tries the shapes that have one of `with` and none of `without`; 0 for `with` is any. */
static bool read_at(al_slice s, size_t at, unsigned with, unsigned without, const rec_zone *zone,
                    int64_t now_ns, line_time *ret)
{
    if (at >= s.len)
        return false;
    const place p = {s, at, with, without, zone, now_ns};
    uint8_t c = s.ptr[at];
    if (is_digit(c) && try_shapes(begin_with_digit, AL_COUNT(begin_with_digit), &p, ret))
        return true;
    if (c >= 'A' && c <= 'Z' && try_shapes(begin_with_letter, AL_COUNT(begin_with_letter), &p, ret))
        return true;
    return try_shapes(begin_otherwise, AL_COUNT(begin_otherwise), &p, ret);
}

/* The place behind one word and a space; s.len when what stands there is no short word. */
static size_t skip_word(al_slice s, size_t at)
{
    size_t i = at;
    while (i < s.len && s.ptr[i] > ' ' && i - at < WORD_BYTES_MAX)
        i++;
    if (i == at || i >= s.len || s.ptr[i] != ' ')
        return s.len;
    return i + 1;
}

static bool is_opening(al_slice s, size_t at)
{
    return at < s.len && (s.ptr[at] == '[' || s.ptr[at] == '(');
}

static bool behind_words(al_slice s, const rec_zone *zone, int64_t now_ns, line_time *ret)
{
    size_t at = 0;
    for (unsigned words = 0; words < WORDS_BEFORE_MAX; words++) {
        at = skip_word(s, at);
        if (read_at(s, at + is_opening(s, at), BEHIND_WORDS, 0, zone, now_ns, ret))
            return true;
    }
    return false;
}

/* 127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326 */
static bool in_bracket(al_slice s, const rec_zone *zone, int64_t now_ns, line_time *ret)
{
    al_slice head = al_slice_sub(s, 0, ACCESS_HEAD_BYTES);
    size_t at = 0;
    for (unsigned n = 0; n < BRACKETS_MAX; n++) {
        at = al_slice_find(head, '[', at) + 1;
        if (at >= head.len)
            return false;
        if (read_at(s, at, IN_BRACKET, 0, zone, now_ns, ret))
            return true;
    }
    return false;
}

/* {"log":"text\n","stream":"stdout","time":"2026-11-22T10:00:00.123456789Z"} */
static bool in_docker_json(al_slice s, const rec_zone *zone, int64_t now_ns, line_time *ret)
{
    static const char key[] = ",\"time\":\"";
    enum { TIME_BYTES_MAX = 40 };
    if (!al_slice_starts(s, AL_LIT("{\"log\":\"")) || !al_slice_ends(s, AL_LIT("\"}")))
        return false;
    size_t from = s.len - AL_MIN(s.len, (size_t)TIME_BYTES_MAX + sizeof key);
    const uint8_t *found = memmem(s.ptr + from, s.len - from, key, sizeof key - 1);
    if (!found)
        return false;
    size_t at = (size_t)(found - s.ptr) + sizeof key - 1;
    return read_at(s, at, SYSLOG, 0, zone, now_ns, ret) && ret->end + 2 == s.len;
}

static bool is_glog_letter(uint8_t c)
{
    return c == 'I' || c == 'W' || c == 'E' || c == 'F';
}

bool line_time_read(al_slice s, const rec_zone *zone, int64_t now_ns, line_time *ret)
{
    if (s.len == 0)
        return false;
    if (s.ptr[0] == '{')
        return in_docker_json(s, zone, now_ns, ret);
    if (is_glog_letter(s.ptr[0]) && s.len > 1 && is_digit(s.ptr[1]))
        return read_at(s, 1, GLOG, 0, zone, now_ns, ret);
    if (read_at(s, 0, 0, GLOG | IN_BRACKET, zone, now_ns, ret))
        return true;
    if (is_opening(s, 0) && read_at(s, 1, 0, GLOG | IN_BRACKET | WHOLE, zone, now_ns, ret))
        return true;
    return behind_words(s, zone, now_ns, ret) || in_bracket(s, zone, now_ns, ret);
}
