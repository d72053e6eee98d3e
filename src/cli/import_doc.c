/* A file of logs is of one kind throughout, and its first line shows which. JSON goes as it is; of
 * other lines the time is read, of syslog's also where and who. Only Docker's JSON is rewritten.
 * The message of a raw line is the whole line; of a syslog line what its writer said: the rest is
 * in fields. Messages keep their bytes, whatever their encoding: only JSON's own characters are
 * escaped. */
#include "cli/import_doc.h"

#include <string.h>

#include "inputs/line_head.h"
#include "inputs/syslog_line.h"
#include "record/json_out.h"
#include "record/timestamp.h"

bool import_format_of(const char *name, import_format *ret)
{
    static const struct {
        const char *name;
        import_format format;
    } names[] = {{"auto", IMPORT_AUTO},
                 {"logstash", IMPORT_JSON},
                 {"jsonl", IMPORT_JSON},
                 {"syslog", IMPORT_SYSLOG},
                 {"raw", IMPORT_RAW}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i].name) == 0) {
            *ret = names[i].format;
            return true;
        }
    }
    return false;
}

bool import_doc_joins(import_doc *d, al_slice first)
{
    syslog_line l;
    if (d->format == IMPORT_AUTO) {
        al_slice text = al_slice_trim(first);
        if (text.len && text.ptr[0] == '{')
            d->format = IMPORT_JSON;
        else if (syslog_line_read(first, d->zone, d->near_ns, &l))
            d->format = IMPORT_SYSLOG;
        else
            d->format = IMPORT_RAW;
    }
    return d->format != IMPORT_JSON;
}

static void put_bytes(al_buf *out, al_slice text)
{
    static const char hex[] = "0123456789abcdef";
    al_buf_u8(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == '\\')
            al_buf_u8(out, '\\');
        if (c < 0x20) {
            al_buf_str(out, "\\u00");
            al_buf_u8(out, (uint8_t)hex[c >> 4]);
            al_buf_u8(out, (uint8_t)hex[c & 15]);
        } else {
            al_buf_u8(out, c);
        }
    }
    al_buf_u8(out, '"');
}

/* The offset is written out: a Z would be read in the index' own zone. */
static void put_time(al_buf *out, int64_t time_ns)
{
    if (time_ns < 0)
        return;
    al_buf_str(out, "\"@timestamp\":\"");
    rec_time_format(out, time_ns);
    if (al_buf_code(out) == AL_OK)
        out->len--; /* the Z */
    al_buf_str(out, "+00:00\",");
}

static void put_field(al_buf *out, const char *name, al_slice value)
{
    if (value.len == 0)
        return;
    al_buf_printf(out, ",\"%s\":", name);
    put_bytes(out, value);
}

static void put_syslog_fields(al_buf *out, const syslog_line *l)
{
    put_field(out, "host", l->host);
    put_field(out, "app", l->app);
    put_field(out, "pid", l->pid);
    put_field(out, "msgid", l->msgid);
    if (l->facility >= 0) {
        put_field(out, "facility", al_cstr(syslog_facility_name(l->facility)));
        put_field(out, "severity", al_cstr(syslog_severity_name(l->severity)));
    }
    if (l->data.len == 0)
        return;
    al_buf_str(out, ",\"data\":");
    if (!syslog_data_put(out, l->data))
        put_bytes(out, l->data);
}

/* Without the line end that most writers put, as JSON spells it; a backslash in front of it may
 * itself be the text. */
static al_slice without_line_end(al_slice s)
{
    size_t n_backslashes = 0;
    if (!al_slice_ends(s, AL_LIT("\\n")))
        return s;
    while (n_backslashes + 1 < s.len && s.ptr[s.len - 2 - n_backslashes] == '\\')
        n_backslashes++;
    return n_backslashes % 2 ? al_slice_sub(s, 0, s.len - 2) : s;
}

/* {"log":"text\n","stream":"stdout", ... ,"time":"..."}: Docker's lines have another name for the
 * message, and a Z that is UTC. */
static bool put_docker(const import_doc *d, al_buf *out, al_slice text)
{
    static const char stream[] = "\",\"stream\":\"";
    static const char time[] = ",\"time\":\"";
    al_slice begin = AL_LIT("{\"log\":\"");
    if (!al_slice_starts(text, begin))
        return false;
    int64_t time_ns = line_head_read(text, d->zone, d->near_ns).time_ns;
    al_slice rest = al_slice_sub(text, begin.len, text.len);
    const uint8_t *log_end = memmem(rest.ptr, rest.len, stream, sizeof stream - 1);
    if (time_ns < 0 || !log_end)
        return false;
    al_slice log = al_slice_sub(rest, 0, (size_t)(log_end - rest.ptr));
    al_slice more = al_slice_sub(rest, log.len + 1, rest.len);
    const uint8_t *time_at = memmem(more.ptr, more.len, time, sizeof time - 1);
    if (!time_at || memchr(time_at + sizeof time - 1, ',', /* it is the last */
                           (size_t)(more.ptr + more.len - time_at) - (sizeof time - 1)))
        return false;
    al_buf_u8(out, '{');
    put_time(out, time_ns);
    al_buf_str(out, "\"message\":\"");
    al_buf_slice_put(out, without_line_end(log));
    al_buf_u8(out, '"');
    al_buf_slice_put(out, al_slice_sub(more, 0, (size_t)(time_at - more.ptr)));
    al_buf_str(out, "}\n");
    return true;
}

void import_doc_put(import_doc *d, al_buf *out, al_slice text)
{
    syslog_line l = {.time_ns = -1, .facility = -1, .message = text};
    if (d->format == IMPORT_JSON && put_docker(d, out, text))
        return;
    if (d->format == IMPORT_JSON) {
        al_buf_slice_put(out, text);
        al_buf_u8(out, '\n');
        return;
    }
    line_head h = {.time_ns = -1};
    bool is_syslog = d->format == IMPORT_SYSLOG && syslog_line_read(text, d->zone, d->near_ns, &l);
    if (!is_syslog) {
        h = line_head_read(text, d->zone, d->near_ns);
        l = (syslog_line){.time_ns = h.time_ns, .facility = -1, .message = text};
    }
    if (l.time_ns >= 0)
        d->last_ns = l.time_ns;
    al_buf_u8(out, '{');
    put_time(out, d->last_ns);
    al_buf_str(out, "\"message\":");
    put_bytes(out, l.message);
    put_field(out, "levelname", h.level);
    if (is_syslog)
        put_syslog_fields(out, &l);
    al_buf_str(out, "}\n");
}
