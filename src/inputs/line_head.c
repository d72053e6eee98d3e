/* The beginning of a log line. See line_head.h.
 * Why so few forms: these are what the programs of a Debian machine and Python's logging write. A
 * time that is read wrongly is worse than none, so a form must match in full, and a number that
 * might be a time is not taken for one.
 * Shape: find_iso looks for a date at the few places where a time may stand; it and bsd_time put
 * the pieces together as RFC 3339 and leave range checks and zones to rec_time_parse. */
#include "inputs/line_head.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "record/timestamp.h"

enum {
    DATE_BYTES = 10,      /* 2026-11-22 */
    CLOCK_BYTES = 8,      /* 13:40:01 */
    OFFSET_BYTES = 6,     /* +01:00, or +0100 as journalctl writes */
    BSD_TIME_BYTES = 15,  /* Nov 22 13:40:01 */
    WORDS_BEFORE_MAX = 2, /* "Log started: " is two words */
    WORD_BYTES_MAX = 32,
    TEXT_BYTES = 64, /* a time put together for rec_time_parse */
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Do the bytes at `at` look like `shape`, in which 0 stands for a digit? */
static bool fits(al_slice s, size_t at, const char *shape)
{
    size_t n = strlen(shape);
    if (at > s.len || s.len - at < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (shape[i] == '0' ? !is_digit(s.ptr[at + i]) : s.ptr[at + i] != (uint8_t)shape[i])
            return false;
    return true;
}

/* ---- 2026-11-22 13:40:01 */

/* Length of ",123456" or ".123456" at `at`; 0 when there is none. Digits beyond nine are counted,
 * but *ret_digits is at most nine. */
static size_t fraction_bytes(al_slice s, size_t at, size_t *ret_digits)
{
    *ret_digits = 0;
    if (at >= s.len || (s.ptr[at] != '.' && s.ptr[at] != ','))
        return 0;
    size_t n = 0;
    while (at + 1 + n < s.len && is_digit(s.ptr[at + 1 + n]))
        n++;
    *ret_digits = n < 9 ? n : 9;
    return n ? n + 1 : 0;
}

/* A time whose date stands at `at`. *ret_end is behind it. */
static bool iso_time(al_slice s, size_t at, const rec_zone *zone, int64_t *ret_ns, size_t *ret_end)
{
    size_t clock = at + DATE_BYTES;
    while (clock < s.len && clock < at + DATE_BYTES + 2 && s.ptr[clock] == ' ')
        clock++;
    if (clock == at + DATE_BYTES && clock < s.len && s.ptr[clock] == 'T')
        clock++;
    if (clock == at + DATE_BYTES || !fits(s, clock, "00:00:00"))
        return false;

    size_t digits = 0;
    size_t end = clock + CLOCK_BYTES;
    size_t fraction = end + 1;
    end += fraction_bytes(s, end, &digits);
    size_t offset = end;
    if (fits(s, end, "+00:00") || fits(s, end, "-00:00"))
        end += OFFSET_BYTES;
    else if (fits(s, end, "+0000") || fits(s, end, "-0000"))
        end += OFFSET_BYTES - 1;
    else if (end < s.len && s.ptr[end] == 'Z')
        end++;
    size_t offset_bytes = end - offset;
    if (end < s.len && is_digit(s.ptr[end]))
        return false;

    char text[TEXT_BYTES];
    int n = snprintf(text, sizeof text, "%.*sT%.*s%s%.*s%.*s", DATE_BYTES, (const char *)s.ptr + at,
                     CLOCK_BYTES, (const char *)s.ptr + clock, digits ? "." : "", (int)digits,
                     digits ? (const char *)s.ptr + fraction : "", (int)offset_bytes,
                     offset_bytes ? (const char *)s.ptr + offset : "");
    const rec_zone *read_in = offset_bytes == 1 ? NULL : zone; /* Z says UTC */
    *ret_end = end;
    return rec_time_parse((al_slice){(const uint8_t *)text, (size_t)n}, read_in, ret_ns);
}

/* The place behind one word and its spaces; s.len when what stands there is no short word. */
static size_t skip_word(al_slice s, size_t at)
{
    size_t i = at;
    while (i < s.len && s.ptr[i] > ' ' && i - at < WORD_BYTES_MAX)
        i++;
    if (i == at || i >= s.len || s.ptr[i] != ' ')
        return s.len;
    return i + 1;
}

static bool find_iso(al_slice s, const rec_zone *zone, int64_t *ret_ns, size_t *ret_end)
{
    size_t at = 0;
    for (unsigned words = 0; words <= WORDS_BEFORE_MAX && at < s.len; words++) {
        if (s.ptr[at] == '[' || s.ptr[at] == '(')
            at++;
        if (fits(s, at, "0000-00-00"))
            return iso_time(s, at, zone, ret_ns, ret_end);
        at = skip_word(s, at);
    }
    return false;
}

/* ---- Nov 22 13:40:01 */

/* 1..12, or 0. */
static unsigned month_at(al_slice s)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned m = 0; m < 12 && s.len >= 3; m++)
        if (memcmp(s.ptr, names + (size_t)m * 3, 3) == 0)
            return m + 1;
    return 0;
}

/* Of the years around now the one whose time is nearest to now; a day like 29 February exists in
 * some of them only. */
static bool nearest_year(unsigned month, al_slice day, al_slice clock, const rec_zone *zone,
                         int64_t now_ns, int64_t *ret_ns)
{
    char today[TEXT_BYTES] = "";
    al_buf b;
    al_buf_init(&b, TEXT_BYTES);
    rec_day_format(&b, rec_day_of(now_ns));
    bool is_found = al_buf_code(&b) == AL_OK && b.len >= 4;
    if (is_found)
        memcpy(today, b.ptr, 4);
    al_buf_done(&b);
    uint64_t year = 0;
    if (!is_found || !al_parse_u64(al_cstr(today), &year))
        return false;

    is_found = false;
    uint64_t best = 0;
    for (int step = -1; step <= 1; step++) {
        char text[TEXT_BYTES];
        int64_t ns = 0;
        int n = snprintf(text, sizeof text, "%04d-%02u-%c%cT%.*s", (int)year + step, month,
                         day.ptr[0] == ' ' ? '0' : day.ptr[0], day.ptr[1], (int)clock.len,
                         (const char *)clock.ptr);
        if (!rec_time_parse((al_slice){(const uint8_t *)text, (size_t)n}, zone, &ns))
            continue;
        uint64_t away = ns < now_ns ? (uint64_t)(now_ns - ns) : (uint64_t)(ns - now_ns);
        if (is_found && away >= best)
            continue;
        is_found = true;
        best = away;
        *ret_ns = ns;
    }
    return is_found;
}

static bool bsd_time(al_slice s, const rec_zone *zone, int64_t now_ns, int64_t *ret_ns)
{
    unsigned month = month_at(s);
    if (!month || !(fits(s, 3, " 00 00:00:00") || fits(s, 3, "  0 00:00:00")))
        return false;
    if (s.len > BSD_TIME_BYTES && s.ptr[BSD_TIME_BYTES] != ' ')
        return false;
    return nearest_year(month, al_slice_sub(s, 4, 6), al_slice_sub(s, 7, BSD_TIME_BYTES), zone,
                        now_ns, ret_ns);
}

/* ---- host program[pid]: */

static bool is_name_byte(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != '[' && c != ']' && c != ':' && c != '"' && c != '\'';
}

/* Reads ` host program[pid]: ` or ` host program: `; leaves the head alone when it is neither. */
static void read_origin(al_slice s, size_t at, line_head *h)
{
    if (at >= s.len || s.ptr[at] != ' ')
        return;
    size_t host = ++at;
    while (at < s.len && (is_name_byte(s.ptr[at]) || s.ptr[at] == ':')) /* may be an IPv6 address */
        at++;
    size_t host_end = at;
    if (host == host_end || at >= s.len || s.ptr[at] != ' ')
        return;
    size_t program = ++at;
    while (at < s.len && is_name_byte(s.ptr[at]))
        at++;
    size_t program_end = at;
    size_t pid = at;
    size_t pid_end = at;
    if (at < s.len && s.ptr[at] == '[') {
        pid = ++at;
        while (at < s.len && is_digit(s.ptr[at]))
            at++;
        pid_end = at;
        if (pid == pid_end || at >= s.len || s.ptr[at] != ']')
            return;
        at++;
    }
    if (program == program_end || at >= s.len || s.ptr[at] != ':' ||
        (at + 1 < s.len && s.ptr[at + 1] != ' '))
        return;
    h->host = al_slice_sub(s, host, host_end);
    h->program = al_slice_sub(s, program, program_end);
    h->pid = al_slice_sub(s, pid, pid_end);
}

line_head line_head_read(al_slice line, const rec_zone *zone, int64_t now_ns)
{
    line_head h = {.time_ns = -1};
    int64_t ns = 0;
    size_t end = BSD_TIME_BYTES;
    if (bsd_time(line, zone, now_ns, &ns)) {
        h.time_ns = ns;
        read_origin(line, end, &h);
    } else if (find_iso(line, zone, &ns, &end)) {
        h.time_ns = ns;
        if (fits(line, 0, "0000-00-00T")) /* the form of rsyslog's files */
            read_origin(line, end, &h);
    }
    return h;
}
