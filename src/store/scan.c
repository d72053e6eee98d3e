/* The loop behind count, histogram and values: unit by unit, block by block.
 *
 * Blocks outside the time range are not read; a block inside it of which every row matches (a query
 * for everything) is told by its directory entry alone, so counting and most of a histogram read
 * nothing. Rows of other blocks are decided some thousand at a time, so that budgets and a client
 * that went away are noticed. */
#include "store/scan.h"

#include "base/checked.h"

enum { PIECE_ROWS = 2048 };

typedef struct scan {
    reading *rd;
    const scan_options *opt;
    scan_fn *fn;
    void *ctx;
    decided d; /* one block open at a time */
} scan;

static void scan_done(scan *s)
{
    (void)block_view_free(s->d.view);
    (void)verdicts_free(s->d.known);
}

static al_code open_block(scan *s, const unit *u, const unit_blocks *blocks, uint32_t i,
                          al_err *err)
{
    AL_CLEANUP(blob_unrefp) blob *bytes = NULL;
    al_code c = unit_read_block(u, blocks, i, &bytes, err);
    verdicts_clear(s->d.known);
    return c ? c : block_view_open(s->d.view, bytes, err);
}

static al_code decide_block(scan *s, scan_block *b, al_err *err)
{
    uint32_t n_rows = b->n_rows;
    b->n_rows = 0;
    while (b->n_rows < n_rows && !s->rd->is_out) {
        uint32_t n = 0;
        uint32_t to = AL_MIN(b->n_rows + PIECE_ROWS, n_rows);
        al_code c = reading_decide(s->rd, &s->d, b->n_rows, to, false, &n, err);
        if (c)
            return c;
        b->n_rows += n;
    }
    return AL_OK;
}

static al_code scan_one(scan *s, const unit *u, const unit_blocks *blocks, uint32_t i, al_err *err)
{
    reading *rd = s->rd;
    const block_info *info = &blocks->blocks[i];
    scan_block b = {.index_no = s->d.index_no,
                    .info = info,
                    .u = u,
                    .n_rows = info->n_rows,
                    .bits = &s->d.bits};
    b.is_whole = filter_plan(rd->filters[b.index_no])->is_all &&
                 reading_has_all_times(rd, info->min_ns, info->max_ns);
    if (b.is_whole && !(s->opt->needs_view && s->opt->needs_view(s->ctx, info))) {
        al_code c = reading_spend(rd, 0); /* not looked at */
        return c ? c : s->fn(s->ctx, &b, err);
    }
    al_code c = open_block(s, u, blocks, i, err);
    if (!c && block_view_info(s->d.view)->n_rows != info->n_rows)
        c = al_fail(err, AL_CORRUPT, "block %u has other rows than its directory says", i);
    if (!c)
        c = decide_block(s, &b, err);
    if (c)
        return c;
    b.view = s->d.view;
    b.is_whole = b.is_whole && b.n_rows == info->n_rows;
    return s->fn(s->ctx, &b, err);
}

static bool has_column(const scan_options *opt, const unit *u, const unit_blocks *blocks)
{
    for (uint32_t i = 0; i < opt->n_heads; i++)
        if (unit_may_have_name(u, blocks, opt->heads[i].name))
            return true;
    return opt->n_heads == 0;
}

static al_code scan_unit(scan *s, const unit *u, al_err *err)
{
    reading *rd = s->rd;
    AL_CLEANUP(unit_close) unit_blocks blocks = {0};
    al_code c = unit_open(u, &blocks, err);
    if (c)
        return reading_damage(rd, u, c, err);
    if (!reading_may_match(rd, s->d.index_no, u, &blocks) || !has_column(s->opt, u, &blocks))
        return AL_OK;
    for (uint32_t i = 0; i < blocks.n_blocks && !rd->is_out; i++) {
        const block_info *info = &blocks.blocks[i];
        if (!reading_has_some_times(rd, info->min_ns, info->max_ns))
            continue;
        c = scan_one(s, u, &blocks, i, err);
        if (c == AL_CORRUPT || c == AL_IO)
            c = reading_damage(rd, u, c, err);
        if (c)
            return c;
    }
    return AL_OK;
}

static al_code scan_index(scan *s, uint32_t no, al_err *err)
{
    reading *rd = s->rd;
    const unit *units = NULL;
    size_t n = 0;
    s->d.index_no = no;
    (void)verdicts_free(s->d.known);
    s->d.known = verdicts_new(rd->filters[no]);
    if (!s->d.known)
        return al_fail(err, AL_NOMEM, "scan");
    al_code c = snapshot_select(rd->pin->at[no].snap, rd->scope->from_ns, rd->scope->to_ns,
                                rd->arena, &units, &n);
    if (c)
        return al_fail(err, c, "scan");
    for (size_t i = 0; i < n && !c && !rd->is_out; i++) {
        c = scan_unit(s, &units[i], err);
        if (!c)
            c = reading_spend(rd, 0); /* opening many takes time too */
    }
    return c;
}

al_code scan_run(reading *rd, const scan_options *opt, scan_fn *fn, void *ctx, al_err *err)
{
    AL_CLEANUP(scan_done) scan s = {.rd = rd, .opt = opt, .fn = fn, .ctx = ctx};
    s.d.view = block_view_new();
    if (!s.d.view)
        return al_fail(err, AL_NOMEM, "scan");
    block_view_keep(s.d.view);
    for (uint32_t i = 0; i < rd->pin->n && !rd->is_out; i++) {
        al_code c = scan_index(&s, i, err);
        if (c)
            return c;
    }
    rd->answer->is_at_end = !rd->is_out;
    return AL_OK;
}
