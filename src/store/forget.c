/* Giving log files back: once every row of a file is in segments, and its marks stand in a
 * checkpoint behind it, it is deleted. Merger's thread, which asks the committer for what changes
 * the log. Invariants: (1) before_forget returns before a file goes: what its replay would have
 * told is durable; (2) the call that forgets asks once more which files those are, and writes the
 * checkpoint: a file may have been begun since, and no mark comes between. */
#include "base/checked.h"
#include "store/limits.h"
#include "store/store_impl.h"

typedef struct forget {
    uint64_t floor; /* frames before it are in segments, or gone */
    bool can;
} forget;

/* All frames before it are in segments, or gone. */
static uint64_t first_uncovered_locked(const store *st)
{
    uint64_t seq = st->end.frame + 1;
    for (size_t i = 0; i < st->n_indexes; i++)
        if (st->indexes[i]->snap->n_mems)
            seq = AL_MIN(seq, st->indexes[i]->snap->mems[0]->frame);
    return seq;
}

static void tell_log(store *st)
{
    AL_LOCKED(&st->lock);
    st->log_bytes = wal_bytes(st->wal);
    st->log_first = wal_first_seq(st->wal);
}

static al_code forget_look(store *st, void *arg, al_err *err)
{
    forget *f = arg;
    if (f->floor > wal_last_seq(st->wal) && wal_fresh_bytes(st->wal) > LOG_IDLE_BYTES) {
        al_code c = wal_rotate(st->wal, err);
        if (c)
            return c;
    }
    bool has_marks = false;
    f->can = wal_can_forget(st->wal, f->floor, &has_marks);
    return AL_OK;
}

static al_code write_checkpoint(store *st, al_err *err)
{
    al_buf dump;
    al_buf_init(&dump, FRAME_BYTES_MAX / 2);
    al_code c = st->hooks.marks_dump ? st->hooks.marks_dump(st->hooks.ctx, &dump) : AL_OK;
    if (!c)
        c = al_buf_code(&dump);
    if (!c) {
        al_buf_clear(&st->frame);
        frame_begin(&st->frame, FRAME_CHECKPOINT, store_now(st), 0);
        frame_marks_begin(&st->frame, dump.len > 0);
        if (dump.len)
            frame_mark(&st->frame, al_buf_slice(&dump));
        c = al_buf_code(&st->frame);
    }
    al_buf_done(&dump);
    if (c)
        return al_fail(err, c, "checkpoint of the marks");
    c = wal_commit(st->wal, &st->frame, WAL_CHECKPOINT, err);
    if (c)
        return c;
    AL_LOCKED(&st->lock);
    st->end = (eng_arrival){.frame = wal_last_seq(st->wal), .row = UINT32_MAX};
    return AL_OK;
}

static al_code forget_do(store *st, void *arg, al_err *err)
{
    const forget *f = arg;
    bool has_marks = false;
    bool can = wal_can_forget(st->wal, f->floor, &has_marks); /* invariant 2 */
    al_code c = can && has_marks ? write_checkpoint(st, err) : AL_OK;
    if (!c)
        c = wal_forget(st->wal, f->floor, err);
    tell_log(st);
    return c;
}

al_code forget_covered(store *st, al_err *err)
{
    forget f = {0};
    {
        AL_LOCKED(&st->lock);
        f.floor = first_uncovered_locked(st);
    }
    al_code c = committer_call(st, forget_look, &f, err);
    if (c || !f.can)
        return c;
    if (st->hooks.before_forget)
        c = st->hooks.before_forget(st->hooks.ctx, err);
    return c ? c : committer_call(st, forget_do, &f, err);
}
