#pragma once
/* sse.h: server-sent events (HTML's text/event-stream) out of the bytes of an answer. Pure. */
#include "base/buf.h"

enum { SSE_ID_BYTES_MAX = 128, SSE_LINE_BYTES_MAX = 64 << 20 };

typedef struct sse_event {
    const char *type; /* "message" unless it was named */
    const char *id;   /* its own, or the one before it; until the callback returns, as the data */
    al_slice data;
} sse_event;

typedef struct sse {
    al_buf line; /* the beginning of one whose end has not come */
    al_buf data;
    char type[32];
    char id[SSE_ID_BYTES_MAX]; /* of the event seen last; what goes on behind it */
    char next_id[SSE_ID_BYTES_MAX];
} sse;

void sse_init(sse *s);
void sse_done(sse *s);
/* A new stream begins; the id stays. */
void sse_begin(sse *s);
/* The next bytes; calls back for each event that is whole. False: the callback said so, or a line
 * is too long. */
bool sse_feed(sse *s, al_slice bytes, bool (*take)(void *ctx, const sse_event *e), void *ctx);
