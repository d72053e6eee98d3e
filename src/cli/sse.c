/* Lines of `name: value`; an empty one ends an event. An id counts when its event is whole: a
 * connection that breaks inside an event gets it again. A comment with a position is not for us. */
#include "cli/sse.h"

#include <stdio.h>
#include <string.h>

void sse_init(sse *s)
{
    *s = (sse){0};
    al_buf_init(&s->line, SSE_LINE_BYTES_MAX);
    al_buf_init(&s->data, SSE_LINE_BYTES_MAX);
    sse_begin(s);
}

void sse_done(sse *s)
{
    al_buf_done(&s->line);
    al_buf_done(&s->data);
}

static void begin_event(sse *s)
{
    al_buf_clear(&s->data);
    (void)snprintf(s->type, sizeof s->type, "message");
    (void)snprintf(s->next_id, sizeof s->next_id, "%s", s->id);
}

void sse_begin(sse *s)
{
    al_buf_clear(&s->line);
    begin_event(s);
}

static bool end_event(sse *s, bool (*take)(void *ctx, const sse_event *e), void *ctx)
{
    sse_event e = {s->type, s->next_id, al_buf_slice(&s->data)};
    bool goes_on = e.data.len == 0 || take(ctx, &e); /* without data it is none */
    memcpy(s->id, s->next_id, sizeof s->id);
    begin_event(s);
    return goes_on;
}

static void take_field(sse *s, al_slice line)
{
    size_t colon = al_slice_find(line, ':', 0);
    al_slice name = al_slice_sub(line, 0, colon);
    al_slice value = al_slice_sub(line, colon + 1, line.len);
    if (value.len && value.ptr[0] == ' ')
        value = al_slice_sub(value, 1, value.len);
    if (al_slice_eq(name, AL_LIT("data"))) {
        if (s->data.len)
            al_buf_u8(&s->data, '\n');
        al_buf_slice_put(&s->data, value);
    } else if (al_slice_eq(name, AL_LIT("event"))) {
        (void)snprintf(s->type, sizeof s->type, "%.*s", AL_ARG(value));
    } else if (al_slice_eq(name, AL_LIT("id")) && value.len < SSE_ID_BYTES_MAX) {
        (void)snprintf(s->next_id, sizeof s->next_id, "%.*s", AL_ARG(value));
    }
}

bool sse_feed(sse *s, al_slice bytes, bool (*take)(void *ctx, const sse_event *e), void *ctx)
{
    for (size_t at = 0; at < bytes.len;) {
        size_t end = al_slice_find(bytes, '\n', at);
        al_buf_slice_put(&s->line, al_slice_sub(bytes, at, end));
        at = end + 1;
        if (end == bytes.len)
            break;
        al_slice line = al_buf_slice(&s->line);
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len)
            take_field(s, line);
        else if (!end_event(s, take, ctx))
            return false;
        al_buf_clear(&s->line);
    }
    return al_buf_code(&s->line) == AL_OK && al_buf_code(&s->data) == AL_OK;
}
