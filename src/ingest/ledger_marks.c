/* Marks: what a batch carries so that the ledger finds it again after a restart.
 *
 * Shape (all numbers as base/buf.h writes them):
 *   V 0x01                      version of what follows, up to the next V
 *   Q u64 u64 u64               hash of a queue, session: what follows is of them
 *   I u64 u64                   hash of a message id that was stored
 *   O varint u64 u64            tag, hash of a message that was stored and is open
 *   C u64 varint                session and tag of an open message that is closed
 *
 * They come back from disk, perhaps written by another version: a reader stops at the first byte
 * that makes no sense to it. */
#include "ingest/ledger_marks.h"

enum { VERSION = 1 };

/* ---- Writing */

static void put_key(al_buf *marks, ledger_key key)
{
    al_buf_u64(marks, key.lo);
    al_buf_u64(marks, key.hi);
}

void marks_put_version(al_buf *marks)
{
    al_buf_u8(marks, 'V');
    al_buf_u8(marks, VERSION);
}

void marks_put_head(al_buf *marks, ledger_key queue, uint64_t session)
{
    al_buf_u8(marks, 'Q');
    put_key(marks, queue);
    al_buf_u64(marks, session);
}

void marks_put_id(al_buf *marks, ledger_key key)
{
    al_buf_u8(marks, 'I');
    put_key(marks, key);
}

void marks_put_open(al_buf *marks, uint64_t tag, ledger_key key)
{
    al_buf_u8(marks, 'O');
    al_buf_varint(marks, tag);
    put_key(marks, key);
}

void marks_put_close(al_buf *marks, ledger_ref name)
{
    al_buf_u8(marks, 'C');
    al_buf_u64(marks, name.session);
    al_buf_varint(marks, name.tag);
}

al_code marks_undo(al_buf *marks, size_t len)
{
    al_code c = al_buf_code(marks);
    marks->len = len;
    marks->code = AL_OK;
    return c;
}

/* ---- Reading */

mark_reader mark_reader_of(al_slice marks)
{
    return (mark_reader){.r = al_rd_of(marks)};
}

static ledger_key read_key(al_rd *r)
{
    ledger_key k;
    k.lo = al_rd_u64(r);
    k.hi = al_rd_u64(r);
    return k;
}

/* V and Q: what the following marks are read by. False when it cannot be. */
static bool read_head(mark_reader *m, uint8_t op)
{
    if (op == 'V') {
        m->has_version = al_rd_u8(&m->r) == VERSION;
        m->has_queue = false;
        return m->has_version;
    }
    m->queue = read_key(&m->r);
    m->session = al_rd_u64(&m->r);
    m->has_queue = m->has_version && !m->r.bad;
    return m->has_queue;
}

bool mark_read(mark_reader *m, mark *ret, bool *ret_bad)
{
    while (m->r.left > 0) {
        uint8_t op = al_rd_u8(&m->r);
        if ((op == 'V' || op == 'Q') && read_head(m, op))
            continue;
        *ret = (mark){.op = op, .queue = m->queue};
        ret->name.session = m->session;
        if (op == 'C')
            ret->name.session = al_rd_u64(&m->r);
        if (op == 'C' || op == 'O')
            ret->name.tag = al_rd_varint(&m->r);
        if (op == 'I' || op == 'O')
            ret->key = read_key(&m->r);
        bool is_mark = op == 'C' || op == 'I' || op == 'O';
        if (is_mark && m->has_queue && !m->r.bad)
            return true;
        *ret_bad = true;
        return false;
    }
    return false;
}
