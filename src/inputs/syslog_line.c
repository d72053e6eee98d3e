/* Syslog's lines. RFC 3164 describes what was found in the wild, so that all of it may be missing
 * behind <PRI>: what stands in front of the message is taken only where it has the usual form.
 * RFC 5424 is strict, and so is its reader: a line that breaks its rules is none. */
#include "inputs/syslog_line.h"

#include <string.h>

#include "inputs/line_head.h"
#include "record/json_out.h"
#include "record/timestamp.h"

enum { PRI_MAX = 191, SEVERITIES = 8, FACILITIES = 24 };

const char *syslog_facility_name(int facility)
{
    static const char *const names[FACILITIES] = {
        "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
        "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
        "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
    return facility >= 0 && facility < FACILITIES ? names[facility] : NULL;
}

const char *syslog_severity_name(int severity)
{
    static const char *const names[SEVERITIES] = {"emerg",   "alert",  "crit", "err",
                                                  "warning", "notice", "info", "debug"};
    return severity >= 0 && severity < SEVERITIES ? names[severity] : NULL;
}

/* The word up to the next space; *rest is behind that. "-" is nothing. */
static al_slice take_word(al_slice *rest)
{
    size_t end = al_slice_find(*rest, ' ', 0);
    al_slice word = al_slice_sub(*rest, 0, end);
    *rest = al_slice_sub(*rest, end + 1, rest->len);
    return word;
}

static al_slice unless_nil(al_slice word)
{
    return al_slice_eq(word, AL_LIT("-")) ? (al_slice){0} : word;
}

/* <PRI> in front of *s, if it is there. */
static bool take_pri(al_slice *s, syslog_line *ret)
{
    uint64_t pri = 0;
    size_t end = al_slice_find(al_slice_sub(*s, 0, 5), '>', 0); /* <191> */
    if (s->len == 0 || s->ptr[0] != '<' || end >= s->len || s->ptr[end] != '>' ||
        !al_parse_u64(al_slice_sub(*s, 1, end), &pri) || pri > PRI_MAX)
        return false;
    ret->facility = (int)pri / SEVERITIES;
    ret->severity = (int)pri % SEVERITIES;
    *s = al_slice_sub(*s, end + 1, s->len);
    return true;
}

/* ---- Structured data */

/* Behind the data at the beginning of s; 0: it is damaged. */
static size_t skip_data(al_slice s)
{
    size_t at = 0;
    if (s.len && s.ptr[0] == '-')
        return 1;
    while (at < s.len && s.ptr[at] == '[') {
        bool is_quoted = false;
        for (at++; at < s.len && (is_quoted || s.ptr[at] != ']'); at++) {
            if (s.ptr[at] == '"')
                is_quoted = !is_quoted;
            else if (s.ptr[at] == '\\' && is_quoted)
                at++;
        }
        if (at >= s.len)
            return 0;
        at++;
    }
    return at;
}

/* name="value" at *at; true when one was put. */
static bool put_pair(al_buf *out, al_slice s, size_t *at, bool is_first)
{
    size_t equals = al_slice_find(s, '=', *at);
    if (equals == *at || equals + 1 >= s.len || s.ptr[equals + 1] != '"')
        return false;
    if (!is_first)
        al_buf_u8(out, ',');
    json_put_string(out, al_slice_sub(s, *at, equals));
    al_buf_u8(out, ':');
    al_buf value;
    al_buf_init(&value, s.len);
    size_t i = equals + 2;
    for (; i < s.len && s.ptr[i] != '"'; i++) {
        bool is_escape =
            s.ptr[i] == '\\' && i + 1 < s.len && s.ptr[i + 1] && strchr("\"\\]", s.ptr[i + 1]);
        al_buf_u8(&value, s.ptr[i + is_escape]);
        i += is_escape;
    }
    json_put_string(out, al_buf_slice(&value));
    al_buf_done(&value);
    *at = i + 1;
    return i < s.len;
}

static bool put_element(al_buf *out, al_slice s, size_t *at, bool is_first)
{
    size_t id = ++*at;
    while (*at < s.len && s.ptr[*at] != ' ' && s.ptr[*at] != ']')
        ++*at;
    if (!is_first)
        al_buf_u8(out, ',');
    json_put_string(out, al_slice_sub(s, id, *at));
    al_buf_str(out, ":{");
    for (bool is_first_pair = true; *at < s.len && s.ptr[*at] == ' '; is_first_pair = false) {
        ++*at;
        if (!put_pair(out, s, at, is_first_pair))
            return false;
    }
    al_buf_u8(out, '}');
    return *at < s.len && s.ptr[(*at)++] == ']';
}

bool syslog_data_put(al_buf *out, al_slice data)
{
    size_t before = out->len;
    size_t at = 0;
    bool is_good = data.len > 0;
    al_buf_u8(out, '{');
    while (is_good && at < data.len) {
        is_good = data.ptr[at] == '[' && put_element(out, data, &at, out->len == before + 1);
    }
    al_buf_u8(out, '}');
    if (!is_good)
        out->len = before;
    return is_good;
}

/* ---- Lines */

static bool read_5424(al_slice s, syslog_line *ret)
{
    if (!al_slice_starts(s, AL_LIT("1 ")))
        return false;
    s = al_slice_sub(s, 2, s.len);
    al_slice time = take_word(&s);
    if (!al_slice_eq(time, AL_LIT("-")) && !rec_time_parse(time, NULL, &ret->time_ns))
        return false;
    ret->host = unless_nil(take_word(&s));
    ret->app = unless_nil(take_word(&s));
    ret->pid = unless_nil(take_word(&s));
    ret->msgid = unless_nil(take_word(&s));
    size_t end = skip_data(s);
    if (end == 0 || (end < s.len && s.ptr[end] != ' '))
        return false;
    ret->data = unless_nil(al_slice_sub(s, 0, end));
    ret->message = al_slice_sub(s, end + 1, s.len);
    if (al_slice_starts(ret->message, AL_LIT("\xef\xbb\xbf"))) /* says that UTF-8 follows */
        ret->message = al_slice_sub(ret->message, 3, ret->message.len);
    return true;
}

static bool read_3164(al_slice s, const rec_zone *zone, int64_t near_ns, bool has_pri,
                      syslog_line *ret)
{
    line_head h = line_head_read(s, zone, near_ns);
    size_t at = h.time_end && h.time_end < s.len && s.ptr[h.time_end] == ' ' ? h.time_end + 1 : 0;
    if (!has_pri && (at == 0 || h.app.len == 0))
        return false;
    ret->message = s;
    if (at == 0)
        return true; /* <PRI> and words */
    ret->time_ns = h.time_ns;
    ret->host = h.host;
    ret->app = h.app;
    ret->pid = h.pid;
    if (h.app.len) { /* the message is behind `APP[PID]: ` */
        al_slice last = h.pid.len ? h.pid : h.app;
        at = al_slice_find(s, ':', (size_t)(last.ptr - s.ptr) + last.len) + 1;
        if (at < s.len && s.ptr[at] == ' ')
            at++;
    }
    ret->message = al_slice_sub(s, at, s.len);
    return true;
}

bool syslog_line_read(al_slice line, const rec_zone *zone, int64_t near_ns, syslog_line *ret)
{
    syslog_line l = {.time_ns = -1, .facility = -1, .severity = -1};
    bool has_pri = take_pri(&line, &l);
    *ret = l;
    if (has_pri && read_5424(line, ret))
        return true;
    *ret = l;
    return read_3164(line, zone, near_ns, has_pri, ret);
}
