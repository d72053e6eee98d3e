/* Merging: a heap of cursors, the one with the least id first.
 * Invariants: (1) a cursor is opened when its first row is next and closed behind its last, so that
 * inputs that follow each other in time are decoded one after the other; (2) ids ascend strictly in
 * the output: seg_writer checks it, because inputs come from disk. */
#include "store/merge.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/snapshot_priv.h"

enum { CANCEL_CHECK_ROWS = 1024 };

typedef struct cursor {
    const merge_input *in;
    uint64_t id;  /* of the next row */
    uint32_t row; /* of the unit */
    bool is_open;
    block_view *view;
    unit_blocks blocks;
    uint32_t block;
    const uint64_t *ids; /* of the block */
    positions *positions;
    const pos_run *runs; /* NULL: positions are not known */
    size_t n_runs;
    size_t run;
    pos_run mem_run;
} cursor;

typedef struct merging {
    cursor *cursors;
    cursor **heap;
    size_t n_heap;
    block_view *spare; /* of a cursor that is done; NULL: none */
    seg_writer *w;
} merging;

/* ---- Heap */

static void sift_down(merging *m, size_t i)
{
    cursor *c = m->heap[i];
    for (;;) {
        size_t kid = 2 * i + 1;
        if (kid >= m->n_heap)
            break;
        if (kid + 1 < m->n_heap && m->heap[kid + 1]->id < m->heap[kid]->id)
            kid++;
        if (m->heap[kid]->id >= c->id)
            break;
        m->heap[i] = m->heap[kid];
        i = kid;
    }
    m->heap[i] = c;
}

/* ---- Cursors */

static al_code cursor_block(cursor *c, uint32_t block, al_err *err)
{
    const al_slice *messages = NULL; /* all of them will be asked for */
    al_code code = unit_open_block(&c->in->u, &c->blocks, block, c->view, err);
    if (!code)
        code = block_view_ids(c->view, &c->ids, err);
    if (!code)
        code = block_view_messages(c->view, &messages, err);
    c->block = block;
    return code;
}

static al_code cursor_positions(cursor *c, al_err *err)
{
    const unit *u = &c->in->u;
    if (u->mem) {
        c->mem_run = (pos_run){
            .frame = u->mem->frame, .row = u->mem->frame_row, .n_rows = u->mem->info.n_rows};
        c->runs = &c->mem_run;
        c->n_runs = 1;
        return AL_OK;
    }
    al_code code = seg_positions(u->seg, &c->positions, err);
    if (code == AL_NOT_FOUND || code == AL_CORRUPT)
        return AL_OK; /* too old, or as good as that */
    if (!code)
        c->runs = positions_runs(c->positions, &c->n_runs);
    return code;
}

static al_code cursor_open(merging *m, cursor *c, al_err *err)
{
    c->view = m->spare ? AL_TAKE(m->spare) : block_view_new();
    if (!c->view)
        return al_fail(err, AL_NOMEM, "merge");
    c->is_open = true;
    al_code code = unit_open(&c->in->u, &c->blocks, err);
    if (!code)
        code = cursor_positions(c, err);
    uint32_t block = 0;
    while (!code && c->row >= c->blocks.blocks[block].first_row + c->blocks.blocks[block].n_rows) {
        block++;
        if (block == c->blocks.n_blocks)
            return al_fail(err, AL_CORRUPT, "fewer rows than the manifest says");
    }
    return code ? code : cursor_block(c, block, err);
}

static void cursor_close(merging *m, cursor *c)
{
    unit_close(&c->blocks);
    c->positions = positions_unref(c->positions);
    if (c->view && m->spare)
        (void)block_view_free(c->view); /* it holds a decoded block */
    else if (c->view)
        m->spare = c->view;
    c->view = NULL;
    c->is_open = false;
}

static void cursor_position(cursor *c, uint64_t *ret_frame, uint32_t *ret_row)
{
    *ret_frame = 0;
    *ret_row = 0;
    while (c->run < c->n_runs && c->row >= c->runs[c->run].first_row + c->runs[c->run].n_rows)
        c->run++;
    if (c->run < c->n_runs) {
        *ret_frame = c->runs[c->run].frame;
        *ret_row = c->runs[c->run].row + (c->row - c->runs[c->run].first_row);
    }
}

/* Hands the cursor's row to the writer and steps on; *ret_more false: that was its last one. */
static al_code cursor_take(merging *m, cursor *c, bool *ret_more, al_err *err)
{
    static const block_want want = {.is_all = true};
    al_code code = c->is_open ? AL_OK : cursor_open(m, c, err);
    if (code)
        return code;
    assert(c->blocks.blocks);
    uint32_t first = c->blocks.blocks[c->block].first_row;
    record r;
    code = block_view_record(c->view, c->row - first, &want, &r, err);
    if (code)
        return code;
    uint64_t frame;
    uint32_t frame_row;
    cursor_position(c, &frame, &frame_row);
    code = seg_writer_add(m->w, &r, frame, frame_row, err);
    if (code)
        return code;
    c->row++;
    *ret_more = c->row < c->in->to_row;
    if (!*ret_more)
        return AL_OK;
    if (c->row == first + c->blocks.blocks[c->block].n_rows) {
        if (c->block + 1 == c->blocks.n_blocks)
            return al_fail(err, AL_CORRUPT, "fewer rows than the manifest says");
        code = cursor_block(c, c->block + 1, err);
        first = c->row;
    }
    if (!code)
        c->id = c->ids[c->row - first];
    return code;
}

/* ---- The run */

static al_code run_heap(merging *m, const atomic_bool *cancel, size_t *ret_bad, al_err *err)
{
    for (uint64_t n = 0; m->n_heap; n++) {
        if (n % CANCEL_CHECK_ROWS == 0 && cancel && atomic_load(cancel))
            return al_fail(err, AL_CANCELLED, "merge cancelled");
        cursor *c = m->heap[0];
        bool has_more = false;
        al_code code = cursor_take(m, c, &has_more, err);
        if (code) {
            *ret_bad = (size_t)(c - m->cursors);
            return code;
        }
        if (!has_more) {
            cursor_close(m, c);
            m->heap[0] = m->heap[--m->n_heap];
        }
        if (m->n_heap)
            sift_down(m, 0);
    }
    return AL_OK;
}

al_code merge_run(const merge_input *inputs, size_t n, seg_writer *w, const atomic_bool *cancel,
                  size_t *ret_bad, al_err *err)
{
    merging m = {.w = w};
    *ret_bad = n;
    m.cursors = al_zalloc(n, sizeof *m.cursors);
    m.heap = al_alloc(n, sizeof(void *));
    bool has_memory = m.cursors && m.heap;
    al_code code = has_memory ? AL_OK : al_fail(err, AL_NOMEM, "merge");
    for (size_t i = 0; has_memory && i < n; i++) {
        const merge_input *in = &inputs[i];
        assert(in->from_row < in->to_row);
        assert(in->u.mem || in->from_row == 0);
        m.cursors[i] = (cursor){.in = in,
                                .id = in->u.mem ? memtab_id(in->u.mem, in->from_row) : in->u.min_id,
                                .row = in->from_row};
        m.heap[m.n_heap++] = &m.cursors[i];
    }
    for (size_t i = m.n_heap / 2; i-- > 0;)
        sift_down(&m, i);
    if (has_memory)
        code = run_heap(&m, cancel, ret_bad, err);
    for (size_t i = 0; has_memory && i < n; i++)
        cursor_close(&m, &m.cursors[i]);
    (void)block_view_free(m.spare);
    free(m.cursors);
    free(m.heap);
    return code;
}

/* ---- Partitions of memtabs */

static bool add_key(part_key key, part_key *ret, size_t *n, size_t max)
{
    for (size_t i = *n; i-- > 0;)
        if (ret[i].day == key.day && ret[i].is_off == key.is_off)
            return true;
    if (*n == max)
        return false;
    ret[(*n)++] = key;
    return true;
}

static uint64_t day_start(uint32_t day)
{
    uint64_t ns;
    return al_mul((uint64_t)day, (uint64_t)AL_NS_PER_DAY, &ns) ? ns : UINT64_MAX;
}

size_t merge_partitions(memtab *const *mems, size_t n, part_key *ret, size_t max)
{
    size_t n_keys = 0;
    for (size_t i = 0; i < n; i++) {
        const memtab *m = mems[i];
        uint32_t row = 0;
        while (row < m->info.n_rows && !m->is_damaged) {
            uint64_t id = memtab_id(m, row);
            part_key key = part_of(id, m->arrival_ns);
            if (!add_key(key, ret, &n_keys, max))
                return max + 1;
            /* Off rows before the days around the arrival are one run, those behind another. */
            uint32_t arrived = part_arrival_day(m->arrival_ns);
            uint32_t next = part_day(id) + 1;
            if (key.is_off)
                next = part_day(id) < arrived ? arrived - 1 : UINT32_MAX;
            row = next == UINT32_MAX ? m->info.n_rows : memtab_find(m, day_start(next));
        }
    }
    return n_keys;
}

static void add_input(memtab *m, uint32_t from, uint32_t to, merge_input *ret, size_t *n)
{
    if (from >= to || m->is_damaged)
        return;
    ret[(*n)++] = (merge_input){.u = unit_of_memtab(m), .from_row = from, .to_row = to};
}

size_t merge_inputs_of(memtab *const *mems, size_t n, part_key key, merge_input *ret)
{
    size_t n_inputs = 0;
    for (size_t i = 0; i < n; i++) {
        memtab *m = mems[i];
        uint32_t arrived = part_arrival_day(m->arrival_ns);
        if (!key.is_off) {
            if (key.day + 1 < arrived || key.day > arrived + 1)
                continue;
            add_input(m, memtab_find(m, day_start(key.day)), memtab_find(m, day_start(key.day + 1)),
                      ret, &n_inputs);
        } else if (key.day == arrived) {
            uint32_t before = arrived ? memtab_find(m, day_start(arrived - 1)) : 0;
            add_input(m, 0, before, ret, &n_inputs);
            add_input(m, memtab_find(m, day_start(arrived + 2)), m->info.n_rows, ret, &n_inputs);
        }
    }
    return n_inputs;
}
