/* The beginning of a log line. See line_head.h. The time is line_time's, the level line_level's;
 * here the two are joined, and host, app and pid of syslog's shape are read. */
#include "inputs/line_head.h"

#include "inputs/line_level.h"
#include "inputs/line_time.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_byte(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != '[' && c != ']' && c != ':' && c != '"' && c != '\'';
}

/* Reads ` host app[pid]: ` or ` host app: `; leaves the head alone when it is neither. */
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
    size_t app = ++at;
    while (at < s.len && is_name_byte(s.ptr[at]))
        at++;
    size_t app_end = at;
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
    if (app == app_end || at >= s.len || s.ptr[at] != ':' ||
        (at + 1 < s.len && s.ptr[at + 1] != ' '))
        return;
    h->host = al_slice_sub(s, host, host_end);
    h->app = al_slice_sub(s, app, app_end);
    h->pid = al_slice_sub(s, pid, pid_end);
}

line_head line_head_read(al_slice line, const rec_zone *zone, int64_t now_ns)
{
    line_head h = {.time_ns = -1};
    line_time time;
    if (!line_time_read(line, zone, now_ns, &time))
        return h;
    h.time_ns = time.ns;
    if (time.is_syslog) {
        h.time_end = time.end;
        read_origin(line, time.end, &h);
    }
    if (time.has_level_letter)
        h.level = line_level_of_letter((char)line.ptr[0]);
    else if (h.app.len == 0)
        h.level = line_level_read(line, time.end);
    return h;
}
