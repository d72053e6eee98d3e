/* POST logs: a body of lines, streamed into batches, answered when all of it is durable.
 *
 * Shape: the HTTP thread puts bytes into `filling`; a worker of the ingest pool takes them as a
 * chunk, undoes compression, splits lines, decodes them into a batch and submits it; the engine
 * reports it durable. One upload is worked on by one worker at a time, chunk by chunk in turn with
 * the others, with up to FLIGHT_MAX batches under way. A batch goes off when it is full, at the end
 * of the body, or when no bytes came for PATIENCE_NS: a slow sender's lines become visible soon,
 * and a fast one's are not written in crumbs because they are decoded faster than they arrive
 * (measured: 1,265 records a frame instead of 5,000 cost a fifth more bytes).
 * Back-pressure: `filling` is full -> the connection is suspended and the sender waits. Memory of
 * all uploads together is bounded (held.h): beyond it each hands on what it has and reads no
 * further until batches are durable. An upload that finds no room (memory, queue full, disk low) is
 * parked; no thread waits.
 * Invariants, all under the request's lock:
 * (1) is_working: a task is queued, running or parked, and holds a reference to the request; or
 *     the answer was given, after which none begins.
 * (2) Each batch under way holds a reference, and its text, until it is durable: an engine that had
 *     to give it back (disk full) gets it again.
 * (3) The answer is given once, by the worker that finds nothing under way, and the end read or
 *     the upload failed. After a failure what still comes is thrown away. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "server/answer.h"
#include "server/api.h"
#include "server/lines.h"

enum {
    FILLING_BYTES_MAX = 64 * 1024,
    FILLING_BYTES_FEW = 4096,     /* while too much is held */
    HALF_LINE_BYTES = 512 * 1024, /* with what undoes compression */
    FLIGHT_MAX = 2,
    TEXT_BLOCK_BYTES = 64 * 1024,
    FIRST_LINES = 256,
    FEW_LINES = 1250, /* of a batch while much is held */
};

#define PATIENCE_NS (20 * AL_NS_PER_MS)

typedef struct piece { /* a batch and the lines it is made of */
    struct piece *next;
    upload *u;
    ingest_batch *batch;
    al_arena *text; /* the lines; the batch's records point into them */
    al_slice *lines;
    size_t lines_cap;
    size_t n;
    size_t held; /* of the account */
} piece;

typedef enum parked {
    RUNNING,
    PARKED_FOR_ROOM,
    PARKED_FOR_FLIGHT,
    PARKED_FOR_MORE, /* bytes, for a while: the task runs then in any case */
} parked;

struct upload {
    req *r;
    char index[CAT_INDEX_NAME_MAX + 1];
    task work;

    /* guarded by r->lock */
    al_buf filling;
    bool is_end;     /* the body is complete */
    bool is_aborted; /* it will never be */
    bool is_working;
    bool http_waits;
    parked parked;
    size_t n_flying;
    piece *failed_pieces; /* to be submitted again */
    uint64_t accepted;
    al_err err; /* code AL_OK: none */

    /* the worker's */
    lines *lines;
    al_buf chunk;
    bool is_last_read;
    bool has_unread; /* in the chunk */
    size_t held;     /* of the account, beside the pieces */
    bool is_bound;   /* the client must not take longer than a request may */
    piece *open;     /* being filled */
    piece *ready;    /* to be submitted */

    /* guarded by waiting.lock */
    upload *next_waiting;
    bool is_listed;
};

/* Uploads parked for room, of all servers in the process. `seq` counts the calls of uploads_room:
 * one that came between a refusal and the parking must not be missed. */
static struct {
    pthread_mutex_t lock;
    upload *first;
    uint64_t seq;
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER};

static piece *piece_free(piece *p)
{
    if (!p)
        return NULL;
    held_set(&p->u->r->srv->uploads, &p->held, 0);
    (void)ingest_batch_free(p->batch);
    (void)al_arena_free(p->text);
    free(p->lines);
    free(p);
    return NULL;
}

static void drop_pieces(upload *u)
{
    u->open = piece_free(u->open);
    u->ready = piece_free(u->ready);
    AL_LOCKED(&u->r->lock);
    while (u->failed_pieces) {
        piece *p = u->failed_pieces;
        u->failed_pieces = p->next;
        (void)piece_free(p);
    }
}

upload *upload_free(upload *u)
{
    if (!u)
        return NULL;
    drop_pieces(u);
    held_set(&u->r->srv->uploads, &u->held, 0);
    (void)lines_free(u->lines);
    al_buf_done(&u->filling);
    al_buf_done(&u->chunk);
    free(u);
    return NULL;
}

/* ---- Waking and parking */

static void schedule_locked(upload *u)
{
    if (u->is_working)
        return;
    u->is_working = true;
    workers_put(u->r->srv->ingesters, &req_ref(u->r)->upload->work);
}

static void unpark_locked(upload *u, parked why)
{
    if (u->parked != why)
        return;
    u->parked = RUNNING;
    if (why != PARKED_FOR_MORE || workers_drop(u->r->srv->ingesters, &u->work))
        workers_put(u->r->srv->ingesters, &u->work);
}

static upload *take_waiting(void)
{
    AL_LOCKED(&waiting.lock);
    upload *u = waiting.first;
    if (u) {
        waiting.first = u->next_waiting;
        u->is_listed = false;
    }
    return u;
}

void uploads_room(void *srv)
{
    (void)srv;
    (void)pthread_mutex_lock(&waiting.lock);
    waiting.seq++;
    (void)pthread_mutex_unlock(&waiting.lock);
    for (upload *u = NULL; (u = take_waiting());) {
        req *r = u->r;
        {
            AL_LOCKED(&r->lock);
            unpark_locked(u, PARKED_FOR_ROOM);
        }
        (void)req_unref(r);
    }
}

void uploads_tell_room(server *s)
{
    if (!held_is_full(&s->uploads))
        uploads_room(s);
}

static uint64_t room_seq(void)
{
    AL_LOCKED(&waiting.lock);
    return waiting.seq;
}

/* False: there was room since `seq`, or the client went away: try again. The list holds a reference
 * of its own; an upload that was woken otherwise may still be in it. */
static bool park_for_room(upload *u, uint64_t seq)
{
    AL_LOCKED(&u->r->lock);
    (void)pthread_mutex_lock(&waiting.lock);
    bool is_parked = waiting.seq == seq && !u->is_aborted;
    if (is_parked && !u->is_listed) {
        (void)req_ref(u->r);
        u->is_listed = true;
        u->next_waiting = waiting.first;
        waiting.first = u;
    }
    if (is_parked)
        u->parked = PARKED_FOR_ROOM;
    (void)pthread_mutex_unlock(&waiting.lock);
    return is_parked;
}

static bool park_for_flight(upload *u)
{
    AL_LOCKED(&u->r->lock);
    if (u->n_flying < FLIGHT_MAX)
        return false;
    u->parked = PARKED_FOR_FLIGHT;
    return true;
}

static void wake_sender_locked(upload *u)
{
    if (!u->http_waits)
        return;
    u->http_waits = false;
    req_resume_locked(u->r);
}

static void fail(upload *u, al_code code, const al_err *err)
{
    AL_LOCKED(&u->r->lock);
    if (u->err.code)
        return;
    if (err)
        u->err = *err;
    u->err.code = code;
    wake_sender_locked(u);
}

static bool has_failed(upload *u)
{
    AL_LOCKED(&u->r->lock);
    return u->err.code != AL_OK;
}

/* ---- Batches */

/* Engine thread. */
static void on_done(void *ctx, al_code code, const al_err *err)
{
    piece *p = ctx;
    upload *u = p->u;
    req *r = u->r;
    server *s = r->srv;
    p->batch = NULL; /* ingest's to free */
    {
        AL_LOCKED(&r->lock);
        u->n_flying--;
        if (code == AL_AGAIN && !u->is_aborted) {
            p->next = u->failed_pieces;
            u->failed_pieces = p;
            p = NULL;
        } else if (code == AL_OK) {
            u->accepted += p->n;
        } else if (!u->err.code) {
            u->err = err ? *err : (al_err){0};
            u->err.code = code;
        }
        unpark_locked(u, PARKED_FOR_FLIGHT);
        schedule_locked(u);
    }
    (void)piece_free(p);
    (void)req_unref(r);
    uploads_tell_room(s);
}

static al_code piece_new(upload *u, piece **ret, al_err *err)
{
    piece *p = al_zalloc(1, sizeof *p);
    if (!p)
        return al_fail(err, AL_NOMEM, "upload");
    p->u = u;
    p->text = al_arena_new(TEXT_BLOCK_BYTES);
    al_code c = p->text ? ingest_begin(u->r->srv->in, u->index, "http", &p->batch, err)
                        : al_fail(err, AL_NOMEM, "upload");
    if (c)
        (void)piece_free(p);
    else
        *ret = p;
    return c;
}

static bool keep_line(piece *p, al_slice line)
{
    al_slice *grown = al_grow(p->lines, &p->lines_cap, p->n, sizeof *grown, FIRST_LINES,
                              INGEST_BATCH_RECORDS_MAX);
    if (!grown)
        return false;
    p->lines = grown;
    p->lines[p->n] = al_arena_copy(p->text, line);
    return p->lines[p->n].ptr;
}

/* By many senders: then the engine makes large frames of their smaller batches. */
static bool is_much_held(const upload *u)
{
    const held *h = &u->r->srv->uploads;
    return held_bytes(h) > h->max / 4;
}

static al_code add_line(upload *u, al_slice line, bool is_cut, al_err *err)
{
    al_code c = u->open ? AL_OK : piece_new(u, &u->open, err);
    if (c)
        return c;
    piece *p = u->open;
    assert(p);
    if (!keep_line(p, line) || ingest_add_kept(p->batch, p->lines[p->n]))
        return al_fail(err, AL_NOMEM, "upload");
    p->n++;
    if (is_cut)
        ingest_note_long_line(p->batch);
    held_set(&u->r->srv->uploads, &p->held,
             al_arena_bytes(p->text) + p->lines_cap * sizeof *p->lines + ingest_bytes(p->batch));
    if (ingest_is_full(p->batch) || (p->n >= FEW_LINES && is_much_held(u)))
        u->ready = AL_TAKE(u->open);
    return AL_OK;
}

/* The batch of a piece that the engine gave back, made again. */
static al_code refill(upload *u, piece *p, al_err *err)
{
    al_code c = ingest_begin(u->r->srv->in, u->index, "http", &p->batch, err);
    for (size_t i = 0; !c && i < p->n; i++)
        c = ingest_add_kept(p->batch, p->lines[i]);
    return c;
}

typedef enum step {
    STEP_ON,
    STEP_PARKED, /* the task went on to a list, with its reference; it may already run elsewhere */
    STEP_OVER,
} step;

/* Submits `ready`, or parks. */
static step submit(upload *u)
{
    al_err err = {0};
    for (;;) {
        uint64_t seq = room_seq();
        piece *p = u->ready;
        if (park_for_flight(u))
            return STEP_PARKED;
        al_code c = p->batch ? AL_OK : refill(u, p, &err);
        {
            AL_LOCKED(&u->r->lock);
            u->n_flying++;
        }
        (void)req_ref(u->r);
        u->ready = NULL; /* after AL_OK the piece may be gone */
        if (!c)
            c = ingest_submit(p->batch, on_done, p, &err);
        if (!c)
            return STEP_ON;
        u->ready = p;
        bool is_aborted = false;
        {
            AL_LOCKED(&u->r->lock);
            u->n_flying--;
            is_aborted = u->is_aborted;
        }
        (void)req_unref(u->r); /* the task has one more */
        if (c != AL_AGAIN || is_aborted) {
            fail(u, c, &err);
            return STEP_ON;
        }
        if (park_for_room(u, seq))
            return STEP_PARKED;
    }
}

/* ---- Reading */

/* Lines of the chunk until it is used up or a batch is ready. */
static al_code read_lines(upload *u, al_err *err)
{
    bool has = true;
    while (!u->ready && has) {
        al_slice line = {0};
        bool is_cut = false;
        al_code c = lines_next(u->lines, &line, &has, &is_cut, err);
        if (!c && has)
            c = add_line(u, line, is_cut, err);
        if (c)
            return c;
    }
    return AL_OK;
}

static al_code read_last(upload *u, al_err *err)
{
    al_slice line = {0};
    bool has = false;
    bool is_cut = false;
    u->is_last_read = true;
    al_code c = lines_last(u->lines, &line, &has, &is_cut, err);
    return c || !has ? c : add_line(u, line, is_cut, err);
}

typedef enum next {
    NEXT_CHUNK,
    NEXT_LAST,
    NEXT_FLUSH,
    NEXT_WAIT,
    NEXT_AGAIN,
    NEXT_REST,
    NEXT_ANSWER,
} next;

/* How long the client may take: as long as it likes, but not with half a long line held, and not
 * in a wait for memory that others may never give back. */
static void bound_locked(upload *u, bool is_bound)
{
    if (u->is_bound == is_bound) /* being woken for nothing is no progress */
        return;
    u->is_bound = is_bound;
    /* Those that hold much go first: then there is room for the others. */
    int64_t ms = (int64_t)tuning_of(&u->r->srv->tuning)->request_ms *
                 (u->held / 2 > FILLING_BYTES_MAX ? 1 : 2);
    if (!u->r->is_gone)
        conn_due(req_conn_of(u->r->conn), is_bound ? ms : CONN_NO_BOUND);
}

static void bound(upload *u, bool is_bound)
{
    AL_LOCKED(&u->r->lock);
    bound_locked(u, is_bound);
}

static void count_held_locked(upload *u)
{
    held_set(&u->r->srv->uploads, &u->held, lines_held(u->lines) + u->chunk.cap + u->filling.cap);
}

/* Nothing to do until the client sends more: the buffers are not kept for that. */
static void rest_locked(upload *u)
{
    u->is_working = false;
    al_buf_done(&u->chunk);
    al_buf_done(&u->filling);
    al_buf_init(&u->chunk, FILLING_BYTES_MAX);
    al_buf_init(&u->filling, FILLING_BYTES_MAX);
    count_held_locked(u);
    if (!u->is_end && !u->err.code)
        bound_locked(u, u->held > HALF_LINE_BYTES);
}

/* What to do when the chunk is used up. After NEXT_REST and NEXT_ANSWER the task is over. */
static next choose_next(upload *u)
{
    AL_LOCKED(&u->r->lock);
    bool has_waited = u->parked == PARKED_FOR_MORE;
    u->parked = RUNNING;
    if (u->err.code) {
        al_buf_clear(&u->filling);
        wake_sender_locked(u);
        if (!u->n_flying && !u->is_aborted)
            return NEXT_ANSWER;
        u->is_working = false;
        return NEXT_REST;
    }
    bound_locked(u, false);
    if (u->failed_pieces)
        return NEXT_AGAIN;
    if (u->filling.len) {
        al_buf swap = u->chunk;
        u->chunk = u->filling;
        u->filling = swap;
        al_buf_clear(&u->filling);
        count_held_locked(u);
        wake_sender_locked(u);
        return NEXT_CHUNK;
    }
    if (u->is_end && !u->is_last_read)
        return NEXT_LAST;
    if (u->open && !has_waited && !u->is_end && !u->is_aborted) {
        u->parked = PARKED_FOR_MORE;
        workers_put_later(u->r->srv->ingesters, &u->work, al_mono_ns() + PATIENCE_NS);
        return NEXT_WAIT;
    }
    if (u->open)
        return NEXT_FLUSH;
    if (u->is_end && !u->is_aborted && !u->n_flying)
        return NEXT_ANSWER;
    rest_locked(u);
    return NEXT_REST;
}

static void answer(upload *u)
{
    req *r = u->r;
    if (!u->err.code) {
        req_answer(r, 200, "application/json");
        al_buf_printf(&r->out, "{\"accepted\":%" PRIu64 ",\"rejected\":0,\"errors\":[]}\n",
                      u->accepted);
        return;
    }
    al_err err = u->err;
    size_t n = strlen(err.msg);
    (void)snprintf(err.msg + n, sizeof err.msg - n, "%s%" PRIu64 " lines were stored",
                   n ? "; " : "", u->accepted);
    /* AL_IO: the lines are whole; another time they may fit. */
    req_fail(r, err.code == AL_IO ? AL_AGAIN : err.code, &err);
}

/* A failure's answer is sent although the body goes on, whose rest nobody need wait for. */
static void finish(upload *u)
{
    req *r = u->r;
    bool is_early = false;
    {
        AL_LOCKED(&r->lock);
        is_early = !u->is_end && !u->is_aborted;
        if (is_early)
            answer_early_locked(r);
    }
    if (is_early)
        req_mark_upload(r, false);
    else
        req_done(r);
}

static void take_failed(upload *u)
{
    AL_LOCKED(&u->r->lock);
    u->ready = u->failed_pieces;
    u->failed_pieces = u->ready->next;
    u->ready->next = NULL;
}

/* Bytes are to be read while too much is held, and not by this one alone: what is open goes off,
 * then the upload waits. False: it reads. */
static bool is_crowded(upload *u, step *ret)
{
    const held *h = &u->r->srv->uploads;
    uint64_t seq = room_seq();
    if (!u->has_unread || !held_is_full(h) || held_bytes(h) - u->held < h->max / 2) {
        bound(u, false);
        return false;
    }
    if (u->open) {
        u->ready = AL_TAKE(u->open);
        *ret = STEP_ON;
        return true;
    }
    bound(u, true);
    *ret = STEP_PARKED;
    return park_for_room(u, seq);
}

/* The chunk is used up. */
static step go_on(upload *u)
{
    al_err err = {0};
    al_code c = AL_OK;
    switch (choose_next(u)) {
    case NEXT_CHUNK:
        lines_feed(u->lines, al_buf_slice(&u->chunk));
        u->has_unread = true;
        workers_put(u->r->srv->ingesters, &u->work); /* behind the others that wait for a worker */
        return STEP_PARKED;
    case NEXT_LAST:
        c = read_last(u, &err);
        if (c)
            fail(u, c, &err);
        return STEP_ON;
    case NEXT_FLUSH:
        u->ready = AL_TAKE(u->open);
        return STEP_ON;
    case NEXT_WAIT:
        return STEP_PARKED;
    case NEXT_AGAIN:
        take_failed(u);
        return STEP_ON;
    case NEXT_ANSWER:
        answer(u);
        finish(u);
        break;
    case NEXT_REST:
        break;
    }
    return STEP_OVER;
}

static step go(upload *u)
{
    al_err err = {0};
    step s = STEP_ON;
    if (has_failed(u)) {
        drop_pieces(u);
        u->has_unread = false;
        return go_on(u);
    }
    if (u->ready)
        return submit(u);
    if (is_crowded(u, &s))
        return s;
    al_code c = read_lines(u, &err);
    if (c)
        fail(u, c, &err);
    if (c || u->ready)
        return STEP_ON;
    u->has_unread = false;
    return go_on(u);
}

static void run(task *t)
{
    upload *u = (upload *)((char *)t - offsetof(upload, work));
    server *s = u->r->srv;
    step done = STEP_ON;
    while (done == STEP_ON)
        done = go(u);
    if (done == STEP_OVER)
        (void)req_unref(u->r);
    uploads_tell_room(s); /* pieces may have been dropped */
}

/* ---- The HTTP thread's side */

bool upload_begin(req *r, al_slice encoding)
{
    al_err err = {0};
    eng_stats stats = {0};
    cat_index idx;
    engine_stats(r->srv->eng, &stats);
    if (stats.is_low_on_disk) {
        req_problem(r, 503, "the disk is nearly full: nothing is taken until there is room");
        return false;
    }
    const char *name = api_index_name(r, &idx);
    if (!name)
        return false;
    upload *u = al_zalloc(1, sizeof *u);
    if (!u) {
        req_problem(r, 503, "no memory");
        return false;
    }
    (void)snprintf(u->index, sizeof u->index, "%s", name);
    u->r = r;
    u->work.run = run;
    al_buf_init(&u->filling, FILLING_BYTES_MAX);
    al_buf_init(&u->chunk, FILLING_BYTES_MAX);
    al_code c = lines_new(encoding, &r->cancel, &u->lines, &err);
    if (c) {
        (void)upload_free(u);
        if (c == AL_INVALID)
            req_problem(r, 415, "%s", err.msg);
        else
            req_fail(r, c, &err);
        return false;
    }
    r->upload = u;
    req_mark_upload(r, true);
    return true;
}

size_t upload_take_locked(req *r, const char *bytes, size_t n)
{
    upload *u = r->upload;
    if (u->err.code)
        return n; /* the answer is on its way */
    size_t max = held_is_full(&r->srv->uploads) ? FILLING_BYTES_FEW : FILLING_BYTES_MAX;
    size_t taken = max > u->filling.len ? AL_MIN(n, max - u->filling.len) : 0;
    al_buf_put(&u->filling, bytes, taken);
    if (al_buf_code(&u->filling)) {
        u->err = (al_err){.code = AL_NOMEM};
        schedule_locked(u);
        return n;
    }
    u->http_waits = taken < n;
    unpark_locked(u, PARKED_FOR_MORE);
    schedule_locked(u);
    return taken;
}

void upload_end_locked(req *r)
{
    r->upload->is_end = true;
    unpark_locked(r->upload, PARKED_FOR_MORE);
    schedule_locked(r->upload);
}

void upload_abort_locked(req *r)
{
    upload *u = r->upload;
    u->is_aborted = true;
    u->http_waits = false;
    unpark_locked(u, PARKED_FOR_ROOM); /* tries once more, then gives up */
    unpark_locked(u, PARKED_FOR_MORE);
    schedule_locked(u);
}
