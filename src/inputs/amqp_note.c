/* Notes of groups. See amqp_note.h.
 * Bytes (numbers as base/buf.h writes them, text = varint length + bytes):
 *   u8 version, u8 flags (1 dropped, 2 on a detour, 4 durable), varint num_processes,
 *   text queue, text exchange, varint n, n * text key,
 *   varint n_maybe_known,
 *   varint n, n * (u8 kind, u8 flags (1 durable, 2 not begun), text queue, exchange, key, heir) */
#include "inputs/amqp_note.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { VERSION = 1, DROPPED = 1, DETOUR = 2, DURABLE = 4, JOB_DURABLE = 1, JOB_NOT_BEGUN = 2 };

void amqp_note_done(amqp_note *n)
{
    n->plan = amqp_plan_unref(n->plan);
    free(n->jobs.items);
    n->jobs = (amqp_jobs){0};
}

static void put_text(al_buf *out, al_slice s)
{
    al_buf_varint(out, s.len);
    al_buf_slice_put(out, s);
}

static void put_job(al_buf *out, const amqp_job *job)
{
    al_buf_u8(out, (uint8_t)job->kind);
    al_buf_u8(out, (uint8_t)((job->is_durable ? JOB_DURABLE : 0) |
                             (job->n_alone < 0 ? JOB_NOT_BEGUN : 0)));
    put_text(out, al_cstr(job->queue));
    put_text(out, al_cstr(job->exchange));
    put_text(out, al_cstr(job->key));
    put_text(out, al_cstr(job->heir));
}

void amqp_note_put(al_buf *out, const amqp_note *n)
{
    const amqp_plan *p = n->plan;
    al_buf_u8(out, VERSION);
    al_buf_u8(out, (uint8_t)((n->is_dropped ? DROPPED : 0) | (n->is_on_detour ? DETOUR : 0) |
                             (p->is_durable ? DURABLE : 0)));
    al_buf_varint(out, p->num_processes);
    put_text(out, p->queue);
    put_text(out, p->exchange);
    al_buf_varint(out, p->n_keys);
    for (size_t i = 0; i < p->n_keys; i++)
        put_text(out, p->keys[i]);
    al_buf_varint(out, (uint64_t)n->n_maybe_known);
    al_buf_varint(out, n->jobs.n);
    for (size_t i = 0; i < n->jobs.n; i++)
        put_job(out, &n->jobs.items[i]);
}

static al_slice read_text(al_rd *r)
{
    return al_rd_bytes(r, al_rd_varint(r));
}

static void read_name(al_rd *r, char to[AMQP_NAME_MAX + 1])
{
    al_slice s = read_text(r);
    if (s.len > AMQP_NAME_MAX) {
        r->bad = true;
        return;
    }
    if (s.len)
        memcpy(to, s.ptr, s.len);
    to[s.len] = 0;
}

static al_code read_plan(al_rd *r, unsigned flags, const char *index, amqp_note *ret)
{
    cat_index idx = {.durable = (flags & DURABLE) != 0};
    memcpy(idx.name, index, strnlen(index, CAT_INDEX_NAME_MAX));
    idx.num_processes = (uint32_t)al_rd_varint(r);
    idx.queue_name = read_text(r);
    idx.exchange = read_text(r);
    AL_CLEANUP(al_buf_done) al_buf keys; /* no key has a comma: they come from such a list */
    al_buf_init(&keys, 1 << 20);
    uint64_t n = al_rd_varint(r);
    for (uint64_t i = 0; i < n && !r->bad; i++) {
        al_buf_slice_put(&keys, read_text(r));
        al_buf_u8(&keys, ',');
    }
    if (r->bad)
        return AL_CORRUPT;
    idx.routing_key = al_buf_slice(&keys);
    ret->plan = al_buf_code(&keys) ? NULL : amqp_plan_new(&idx);
    return ret->plan ? AL_OK : AL_NOMEM;
}

static al_code read_job(al_rd *r, amqp_jobs *to)
{
    amqp_job job = {0};
    uint8_t kind = al_rd_u8(r);
    uint8_t flags = al_rd_u8(r);
    read_name(r, job.queue);
    read_name(r, job.exchange);
    read_name(r, job.key);
    read_name(r, job.heir);
    if (r->bad || kind > AMQP_JOB_DELETE)
        return AL_CORRUPT;
    job.kind = (amqp_job_kind)kind;
    job.is_durable = (flags & JOB_DURABLE) != 0;
    job.n_alone = flags & JOB_NOT_BEGUN ? -1 : 0;
    return amqp_jobs_add(to, &job) ? AL_OK : AL_NOMEM;
}

static al_code read_note(al_slice text, const char *index, amqp_note *ret)
{
    al_rd r = al_rd_of(text);
    if (al_rd_u8(&r) != VERSION)
        return r.bad ? AL_CORRUPT : AL_TOO_NEW;
    unsigned flags = al_rd_u8(&r);
    ret->is_dropped = (flags & DROPPED) != 0;
    ret->is_on_detour = (flags & DETOUR) != 0;
    al_code c = read_plan(&r, flags, index, ret);
    if (c)
        return c;
    ret->n_maybe_known = (int64_t)(al_rd_varint(&r) & INT64_MAX);
    uint64_t n = al_rd_varint(&r);
    for (uint64_t i = 0; !c && i < n; i++)
        c = read_job(&r, &ret->jobs);
    return c ? c : r.bad ? AL_CORRUPT : AL_OK;
}

al_code amqp_note_read(al_slice text, const char *index, amqp_note *ret, al_err *err)
{
    amqp_note n = {0};
    al_code c = read_note(text, index, &n);
    if (c) {
        amqp_note_done(&n);
        return al_fail(err, c, "catalog.db: the note of index '%s' for a broker cannot be read",
                       index);
    }
    *ret = n;
    return AL_OK;
}
