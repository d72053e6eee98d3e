/* GET tail: server-sent events.
 *
 * Shape: one thread serves all followers. When something was committed (or a follower has sent what
 * it had) it asks the engine, follower by follower, for what came behind the follower's position,
 * writes it into the follower's buffer and resumes its connection. A follower costs its connection
 * and an entry here; an idle one costs nothing until its heartbeat.
 * Rounds are at least ROUND_MS apart, so that a thousand followers under a thousand commits a
 * second are asked for ten times a second, not a million. Bounds: a follower whose buffer holds
 * BUFFER_BYTES is passed over until its client has read; it falls behind, and catches up from the
 * log; when the log has forgotten its place it gets `reset`. Ids: every event's id is its arrival
 * position "frame.row". A heartbeat carries the position too, so that a filtered tail that saw
 * nothing can still resume from near the end. Threads: followers are listed under tails->lock; a
 * follower's buffer is its request's `out`, under the request's lock; the rest of it belongs to the
 * tail thread. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "server/api.h"

enum {
    ROUND_MS = 50,
    HEARTBEAT_S = 15,
    TICK_S = 1,
    BUFFER_BYTES = 64 * 1024,
    BUFFER_BYTES_FEW = 4096,
    TURN_MS = 250, /* one follower's part of a round */
};

typedef struct follower {
    req *r;
    tails *in;
    struct follower *prev; /* guarded by tails->lock, as next and is_listed */
    struct follower *next;
    bool is_listed;
    api_scope *scope;
    hit_style style;
    eng_budget marking; /* of style's matcher */
    al_buf piece;       /* what a turn writes, before it goes to the request */
    eng_arrival at;
    eng_partial told; /* what its client knows to be missing */
    bool is_behind;   /* the last turn ended before the end of the log */
    bool is_full;     /* this turn has written enough */
    bool is_waiting;  /* for its client to read; guarded by the request's lock */
    int64_t beat_ns;  /* when the next heartbeat is due */
} follower;

struct tails {
    server *srv;
    pthread_t thread;
    bool has_thread;
    _Atomic size_t n;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* guarded by lock */
    follower *first;
    bool has_news;
    bool has_readers; /* a follower that was passed over has room again */
    bool is_ending;
};

/* Less when much is held; never nothing, so that each goes on. */
static size_t buffer_bytes(const follower *f)
{
    const held *h = &f->in->srv->answers;
    return held_is_full(h) ? BUFFER_BYTES_FEW : AL_MIN(held_slice_bytes(h), (size_t)BUFFER_BYTES);
}

static void put_id(al_buf *out, eng_arrival at)
{
    al_buf_printf(out, "id: %" PRIu64 ".%" PRIu32 "\n", at.frame, at.row);
}

static eng_flow take_row(void *ctx, const eng_row *row, eng_arrival at)
{
    follower *f = ctx;
    put_id(&f->piece, at);
    al_buf_str(&f->piece, "data: ");
    hit_put_json(&f->piece, &f->style, row); /* one line: JSON escapes line ends */
    al_buf_str(&f->piece, "\n\n");
    f->is_full = f->piece.len >= buffer_bytes(f);
    f->at = at; /* if the turn ends here, this row is done */
    return f->is_full ? ENG_STOP : ENG_MORE;
}

/* The place is forgotten, or an index is gone. False: the tail is over, also when memory is: its
 * client comes again with the place it has. */
static bool start_anew(follower *f)
{
    al_err err = {0};
    cat_index idx;
    al_arena_reset(f->style.scratch);
    for (size_t i = 0; i < f->scope->n; i++)
        if (catalog_index_get(f->in->srv->cat, f->scope->names[i], f->style.scratch, &idx, &err))
            return false;
    if (engine_tail_end(f->in->srv->eng, &f->at, &err))
        return false;
    al_buf_str(&f->piece, "event: reset\n");
    put_id(&f->piece, f->at);
    al_buf_str(&f->piece, "data: {}\n\n");
    return true;
}

/* "event: partial" once for each new state of what is missing. */
static void tell_partial(follower *f, const eng_partial *p)
{
    if (p->n == 0 || memcmp(p, &f->told, sizeof *p) == 0)
        return;
    f->told = *p;
    al_buf_str(&f->piece, "event: partial\ndata: {");
    api_put_partial(&f->piece, p);
    al_buf_str(&f->piece, "}\n\n");
}

/* What came behind the follower's place, up to a buffer full. False: the tail is over. */
static bool ask(follower *f)
{
    al_err err = {0};
    eng_arrival reached = {0};
    eng_partial partial = {0};
    eng_budget budget = {.deadline_ns = al_mono_ns() + TURN_MS * AL_NS_PER_MS,
                         .cancel = &f->r->cancel};
    al_code c = AL_NOT_FOUND;
    al_buf_clear(&f->piece);
    f->is_full = false;
    /* Not found from its new place either: an index is being dropped, the catalogue's turn comes.
     */
    for (int n = 0; n < 2 && c == AL_NOT_FOUND; n++) {
        if (n > 0 && !start_anew(f))
            return false;
        reached = f->at;
        c = engine_tail(f->in->srv->eng, &f->scope->eng, f->at, &budget, take_row, f, &reached,
                        &partial, &err);
    }
    if (c)
        return false;
    tell_partial(f, &partial);
    f->is_behind = f->is_full || al_mono_ns() >= budget.deadline_ns;
    if (!f->is_full)
        f->at = reached;
    return al_buf_code(&f->piece) == AL_OK;
}

static void end_stream(follower *f)
{
    AL_LOCKED(&f->r->lock);
    f->r->is_end = true;
    req_resume_locked(f->r);
}

/* Has the answer begun, and is there room in the buffer of this follower's connection? */
static bool is_reading(follower *f)
{
    AL_LOCKED(&f->r->lock);
    if (f->r->is_gone || f->r->is_end)
        return false;
    f->is_waiting = !f->r->is_answered || f->r->out.len - f->r->out_off >= buffer_bytes(f) / 2;
    return !f->is_waiting;
}

static void hand_over(follower *f)
{
    AL_LOCKED(&f->r->lock);
    al_buf *out = &f->r->out;
    if (f->r->out_off == out->len) {
        al_buf_clear(out);
        f->r->out_off = 0;
    }
    al_buf_slice_put(out, al_buf_slice(&f->piece));
    if (al_buf_code(out))
        f->r->is_broken = true;
    if (f->piece.cap > BUFFER_BYTES_FEW) { /* thousands of followers keep no buffer twice */
        size_t max = f->piece.max;
        al_buf_done(&f->piece);
        al_buf_init(&f->piece, max);
    }
    req_count_held(f->r);
    req_resume_locked(f->r);
}

/* One follower's part of a round; true when it wants another at once. */
static bool serve(follower *f, bool has_news)
{
    int64_t now_ns = al_mono_ns();
    bool is_due = now_ns >= f->beat_ns;
    f->is_behind = f->is_behind || has_news;
    if ((!f->is_behind && !is_due) || !is_reading(f))
        return false;
    /* A token dropped, a session that ended: it follows no further. */
    if (!access_still(f->in->srv->users, &f->r->who, f->r->route) || !ask(f)) {
        end_stream(f);
        return false;
    }
    if (f->piece.len == 0 && is_due) {
        al_buf_str(&f->piece, ": alive\n");
        put_id(&f->piece, f->at);
        al_buf_str(&f->piece, "\n");
    }
    if (f->piece.len) {
        f->beat_ns = now_ns + HEARTBEAT_S * AL_NS_PER_S;
        hand_over(f);
    }
    return f->is_behind;
}

/* The follower after f, referenced; f's own reference is given back. */
static follower *step(tails *t, follower *f)
{
    follower *next = NULL;
    {
        AL_LOCKED(&t->lock);
        /* f may have left the list; then the round ends here and a new one begins. */
        if (!f)
            next = t->first;
        else if (f->is_listed)
            next = f->next;
        else
            t->has_news = true;
        while (next && !req_try_ref(next->r))
            next = next->next;
    }
    if (f)
        (void)req_unref(f->r);
    return next;
}

static void *run(void *arg)
{
    tails *t = arg;
    bool has_more = false;
    for (;;) {
        bool has_news = false;
        {
            AL_LOCKED(&t->lock);
            int64_t until = al_mono_ns() + (has_more ? 0 : TICK_S * AL_NS_PER_S);
            while (!t->has_news && !t->has_readers && !t->is_ending &&
                   al_cond_wait_until(&t->wake, &t->lock, until))
                continue;
            int64_t pause = al_mono_ns() + ROUND_MS * AL_NS_PER_MS;
            while (!has_more && !t->has_readers && !t->is_ending &&
                   al_cond_wait_until(&t->wake, &t->lock, pause))
                continue;
            if (t->is_ending)
                return NULL;
            has_news = t->has_news;
            t->has_news = false;
            t->has_readers = false;
        }
        has_more = false;
        for (follower *f = step(t, NULL); f; f = step(t, f))
            has_more = serve(f, has_news) || has_more;
        uploads_room(t->srv); /* a net under lost wake-ups: once a tick, cheap when none waits */
    }
}

static void on_news(void *ctx)
{
    tails *t = ctx;
    AL_LOCKED(&t->lock);
    if (t->first && !t->has_news) {
        t->has_news = true;
        (void)pthread_cond_signal(&t->wake);
    }
}

al_code tails_new(server *s, tails **ret, al_err *err)
{
    tails *t = al_zalloc(1, sizeof *t);
    if (!t)
        return al_fail(err, AL_NOMEM, "tails");
    t->srv = s;
    (void)pthread_mutex_init(&t->lock, NULL);
    al_cond_init(&t->wake);
    al_code c = al_thread_start(&t->thread, "tail", run, t, err);
    if (c) {
        (void)tails_free(t);
        return c;
    }
    t->has_thread = true;
    ingest_on_commit(s->in, on_news, t);
    *ret = t;
    return AL_OK;
}

void tails_stop(tails *t)
{
    if (!t || !t->has_thread)
        return;
    {
        AL_LOCKED(&t->lock);
        t->is_ending = true;
        (void)pthread_cond_signal(&t->wake);
    }
    (void)pthread_join(t->thread, NULL);
    t->has_thread = false;
}

tails *tails_free(tails *t)
{
    if (!t)
        return NULL;
    tails_stop(t);
    (void)pthread_cond_destroy(&t->wake);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
    return NULL;
}

size_t tails_count(tails *t)
{
    return t ? atomic_load(&t->n) : 0;
}

/* ---- One follower's life */

static void leave(void *ctx)
{
    follower *f = ctx;
    {
        AL_LOCKED(&f->in->lock);
        if (f->is_listed) {
            if (f->prev)
                f->prev->next = f->next;
            else
                f->in->first = f->next;
            if (f->next)
                f->next->prev = f->prev;
            f->is_listed = false;
            atomic_fetch_sub(&f->in->n, 1);
        }
    }
    f->style.m = matcher_free(f->style.m);
    f->style.scratch = al_arena_free(f->style.scratch);
    al_buf_done(&f->piece);
    api_scope_done(f->scope);
}

static void drained(void *ctx)
{
    follower *f = ctx;
    if (!f->is_waiting)
        return;
    f->is_waiting = false;
    AL_LOCKED(&f->in->lock);
    f->in->has_readers = true;
    (void)pthread_cond_signal(&f->in->wake);
}

static const req_stream_ops tail_ops = {.free = leave, .drained = drained};

static bool read_place(req *r, follower *f)
{
    al_err err = {0};
    al_slice id = r->last_event_id;
    if (id.len == 0) {
        al_code c = engine_tail_end(r->srv->eng, &f->at, &err);
        if (c) {
            req_fail(r, c, &err);
        }
        return c == AL_OK;
    }
    uint64_t row = 0;
    size_t dot = al_slice_find(id, '.', 0);
    if (!al_parse_u64(al_slice_sub(id, 0, dot), &f->at.frame) ||
        !al_parse_u64(al_slice_sub(id, dot + 1, id.len), &row) || row > UINT32_MAX) {
        req_problem(r, 400, "Last-Event-ID '%.*s': expected the id of an event of this tail",
                    AL_ARG(id));
        return false;
    }
    f->at.row = (uint32_t)row;
    return true;
}

static void join(follower *f)
{
    tails *t = f->in;
    AL_LOCKED(&t->lock);
    f->next = t->first;
    if (t->first)
        t->first->prev = f;
    t->first = f;
    f->is_listed = true;
    atomic_fetch_add(&t->n, 1);
    t->has_news = true; /* looks at once: it may be behind */
    (void)pthread_cond_signal(&t->wake);
}

void api_tail(req *r)
{
    al_err err = {0};
    follower *f = al_arena_alloc(r->arena, 1, sizeof *f);
    if (!f) {
        req_problem(r, 503, "no memory");
        return;
    }
    *f = (follower){.r = r, .in = r->srv->tails};
    al_buf_init(&f->piece, REQ_ANSWER_BYTES_MAX);
    req_stream(r, &tail_ops, f); /* from here on the request frees it */
    if (!hit_read_fields(r, &f->style))
        return;
    f->scope = api_scope_read(r);
    if (!f->scope || !read_place(r, f))
        return;
    f->style.is_many = f->scope->is_many;
    f->style.scratch = al_arena_new(4096);
    if (!f->style.scratch || matcher_new(f->scope->q, f->scope->text_fields,
                                         f->scope->n_text_fields, &f->style.m, &err)) {
        req_problem(r, 503, "no memory");
        return;
    }
    f->marking = (eng_budget){.cancel = &r->cancel};
    matcher_stop_if(f->style.m, eng_budget_is_over, &f->marking);
    f->beat_ns = al_mono_ns() + HEARTBEAT_S * AL_NS_PER_S;
    f->is_behind = true;
    req_answer(r, 200, "text/event-stream");
    req_header(r, "X-Accel-Buffering", AL_LIT("no")); /* nginx passes events on at once */
    al_buf_str(&r->out, "retry: 1000\nevent: ready\n");
    put_id(&r->out, f->at);
    al_buf_str(&r->out, "data: {}\n\n");
    join(f);
}
