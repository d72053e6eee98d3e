/* What every question has in common. See reading.h.
 *
 * Budgets: rows are spent in pieces of some hundred, after they were looked at, so that each call
 * gets at least one piece further and a caller who goes on from `reached` comes to an end.
 *
 * Damage: one broken file must not hide the others. What cannot be read is named in the answer and
 * reported to the store, which checks the file and sets it aside; the question goes on. */
#include "store/reading.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum { ARENA_BLOCK_BYTES = 32 * 1024 };

static al_code open_filters(reading *rd, al_err *err)
{
    const store_pin *pin = rd->pin;
    rd->filters = al_zalloc(pin->n + 1, sizeof(filter *));
    if (!rd->filters)
        return al_fail(err, AL_NOMEM, "begin to read");
    for (size_t i = 0; i < pin->n; i++) {
        al_code c = filter_new(rd->scope->q, pin->at[i].text_fields, pin->at[i].n_text_fields,
                               &rd->filters[i], err);
        if (c)
            return c;
    }
    return AL_OK;
}

/* ---- What cannot be read at all */

static bool is_noted(const eng_partial *p, const char *part)
{
    for (size_t i = 0; i < p->n; i++)
        if (strncmp(p->reasons[i].part, part, sizeof p->reasons[0].part - 1) == 0)
            return true;
    return false;
}

static void note_once(reading *rd, const char *part, const char *why)
{
    if (!is_noted(&rd->answer->partial, part))
        eng_partial_add(&rd->answer->partial, part, why);
}

typedef struct missing {
    reading *rd;
    uint64_t frame;
} missing;

static void note_quarantined(void *ctx, segment *seg)
{
    const missing *m = ctx;
    if (m->frame == 0 || seg_summary_of(seg)->max_frame > m->frame)
        note_once(m->rd, seg_name(seg), "damaged and set aside");
}

/* What is set aside and has rows behind `frame`. */
static void note_missing(reading *rd, uint64_t frame)
{
    missing m = {.rd = rd, .frame = frame};
    for (size_t i = 0; i < rd->pin->n; i++) {
        const pin_index *p = &rd->pin->at[i];
        snapshot_damaged(p->snap, rd->scope->from_ns, rd->scope->to_ns, note_quarantined, &m);
    }
}

/* ---- Beginning and end */

al_code reading_open(reading *rd, engine *e, const eng_scope *scope, const eng_budget *budget,
                     eng_answer *answer, al_err *err)
{
    *answer = (eng_answer){0};
    *rd = (reading){.e = e, .scope = scope, .budget = budget, .answer = answer};
    rd->arena = al_arena_new(ARENA_BLOCK_BYTES);
    if (!rd->arena)
        return al_fail(err, AL_NOMEM, "begin to read");
    al_code c = store_pin_new(e, scope->indexes, scope->n_indexes, &rd->pin, err);
    if (c)
        return c;
    note_missing(rd, 0);
    return open_filters(rd, err);
}

void reading_resume(reading *rd, uint64_t frame)
{
    rd->is_resumed = true;
    rd->answer->partial = (eng_partial){0};
    note_missing(rd, frame);
}

void reading_close(reading *rd)
{
    for (size_t i = 0; rd->filters && i < rd->pin->n; i++)
        (void)filter_free(rd->filters[i]);
    free(rd->filters);
    (void)store_pin_free(rd->pin);
    (void)al_arena_free(rd->arena);
}

/* ---- Budget */

al_code reading_spend(reading *rd, uint64_t n)
{
    const eng_budget *b = rd->budget;
    rd->answer->rows_looked_at += n;
    if (!b || rd->is_out)
        return AL_OK;
    if (b->cancel && atomic_load(b->cancel))
        return AL_CANCELLED;
    if (b->rows_max && rd->answer->rows_looked_at >= b->rows_max) {
        rd->is_out = true;
        if (!rd->is_resumed)
            eng_partial_add(&rd->answer->partial, "rows",
                            "as many were looked at as one query may");
    } else if (b->deadline_ns && al_mono_ns() >= b->deadline_ns) {
        rd->is_out = true;
        if (!rd->is_resumed)
            eng_partial_add(&rd->answer->partial, "time",
                            "the time that one query may take ran out");
    }
    return AL_OK;
}

/* ---- What is missing */

al_code reading_damage(reading *rd, const unit *u, al_code c, const al_err *err)
{
    assert(c != AL_OK);
    if (c == AL_NOMEM || c == AL_CANCELLED)
        return c;
    char part[64];
    if (u->seg)
        (void)snprintf(part, sizeof part, "%s", seg_name(u->seg));
    else
        (void)snprintf(part, sizeof part, "log frame %llu", (unsigned long long)u->mem->frame);
    note_once(rd, part, err && err->msg[0] ? err->msg : al_code_name(c));
    if (c == AL_CORRUPT)
        store_report_damage(rd->e, u);
    return AL_OK;
}

/* ---- Times and names */

bool reading_has_some_times(const reading *rd, int64_t min_ns, int64_t max_ns)
{
    const eng_scope *s = rd->scope;
    return max_ns >= s->from_ns && (min_ns < s->to_ns || s->to_ns == INT64_MAX);
}

typedef struct names {
    const unit *u;
    const unit_blocks *b;
} names;

static bool has_name(void *ctx, al_slice name)
{
    const names *n = ctx;
    return unit_may_have_name(n->u, n->b, name);
}

bool reading_may_match(const reading *rd, uint32_t index_no, const unit *u, const unit_blocks *b)
{
    names n = {.u = u, .b = b};
    return plan_may_match(filter_plan(rd->filters[index_no]), has_name, &n);
}

/* ---- Rows */

/* Sets the bits of [from, to) whose times are in the range. */
static al_code by_time(const reading *rd, decided *d, uint32_t from, uint32_t to, al_err *err)
{
    const block_info *info = block_view_info(d->view);
    if (reading_has_all_times(rd, info->min_ns, info->max_ns)) {
        row_bits_fill(&d->bits, from, to);
        return AL_OK;
    }
    const int64_t *times = NULL;
    al_code c = block_view_times(d->view, &times, err);
    if (c)
        return c;
    for (uint32_t row = from; row < to; row++)
        if (reading_has_time(rd, times[row]))
            row_bits_set(&d->bits, row);
        else
            row_bits_unset(&d->bits, row);
    return AL_OK;
}

al_code reading_decide(reading *rd, decided *d, uint32_t from, uint32_t to, al_err *err)
{
    assert(from < to);
    bool gave_up = false;
    al_code c = by_time(rd, d, from, to, err);
    if (!c)
        c = filter_rows(rd->filters[d->index_no], d, from, to, &gave_up, err);
    if (c)
        return c;
    if (gave_up)
        note_once(rd, "regular expression", "gave up on some records: too much work for one text");
    return reading_spend(rd, to - from);
}
