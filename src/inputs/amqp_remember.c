/* Groups as notes in the catalogue, so that what is still to be undone at a broker that is away is
 * done when it is back, whatever happened to this process meanwhile.
 *
 * A note tells what was asked of the broker last, not only what is to be undone: a change of the
 * catalogue that this process did not live to note is then seen at the next start, as the
 * difference between the two. So a note may be written after the catalogue, and a job be done
 * before its note says so: doing it twice is harmless.
 *
 * Name of a note: "amqp LABEL INDEX". Notes of brokers that are not configured any more stay. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "inputs/amqp_note.h"
#include "inputs/amqp_priv.h"

enum { NAME_BYTES = 700, NOTE_BYTES_MAX = 1 << 20 };

static const char head[] = "amqp ";

/* The note's bytes; none when there is nothing left to remember. False: it is up to date. */
static bool take_note(amqp_group *g, al_buf *out)
{
    AL_LOCKED(&g->in->lock);
    if (!g->is_unsaved || !g->plan)
        return false;
    g->is_unsaved = false;
    amqp_note n = {.plan = g->target ? g->target : g->plan,
                   .is_on_detour = g->target != NULL,
                   .is_dropped = g->is_dropped,
                   .n_maybe_known = atomic_load(&g->n_maybe_known),
                   .jobs = g->jobs};
    if (n.n_maybe_known < 0)
        n.n_maybe_known = 0;
    if (!n.is_dropped || n.jobs.n)
        amqp_note_put(out, &n);
    return true;
}

static void unsave(amqp_group *g)
{
    AL_LOCKED(&g->in->lock);
    g->is_unsaved = true;
}

void amqp_group_save(amqp_group *g)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "%s%s %s", head, g->address->label, g->index);
    AL_CLEANUP(al_buf_done) al_buf text;
    al_buf_init(&text, NOTE_BYTES_MAX);
    al_err err;
    /* Behind a stop that took too long the catalogue may be gone. */
    if (al_mono_ns() > atomic_load(&g->in->stop_deadline_ns))
        return;
    AL_LOCKED(&g->in->save_lock);
    if (!take_note(g, &text))
        return;
    al_code c = al_buf_code(&text);
    if (c)
        c = al_fail(&err, c, "no memory");
    else
        c = catalog_note_put(g->in->cat, al_cstr(name), al_buf_slice(&text), &err);
    if (!c)
        return;
    unsave(g);
    amqp_say(g, "what is to be done at the broker is not noted: %s", err.msg);
}

static bool find_broker(const amqp_input *in, al_slice label, size_t *ret)
{
    for (size_t b = 0; b < in->n_brokers; b++) {
        if (al_slice_eq(al_cstr(in->addresses[b].label), label)) {
            *ret = b;
            return true;
        }
    }
    return false;
}

static al_code recall(void *ctx, al_slice name, al_slice text, al_err *err)
{
    amqp_input *in = ctx;
    size_t at = name.len;
    size_t broker = 0;
    while (at && name.ptr[at - 1] != ' ')
        at--;
    al_slice label = al_slice_sub(name, strlen(head), at ? at - 1 : 0);
    if (!al_slice_starts(name, al_cstr(head)) || at <= strlen(head) ||
        !find_broker(in, label, &broker))
        return AL_OK;
    char index[CAT_INDEX_NAME_MAX + 1];
    (void)snprintf(index, sizeof index, "%.*s", AL_ARG(al_slice_sub(name, at, name.len)));
    amqp_note n;
    al_code c = amqp_note_read(text, index, &n, err);
    if (c && c != AL_NOMEM && in->log) {
        in->log(in->log_ctx, err->msg); /* as if there were none */
        return AL_OK;
    }
    if (c)
        return c;
    AL_LOCKED(&in->lock);
    amqp_group *g = amqp_group_add_locked(in, broker, index);
    amqp_plan *detour = g && n.is_on_detour ? amqp_plan_detour(n.plan) : NULL;
    if (!g || (n.is_on_detour && !detour)) {
        amqp_note_done(&n);
        return al_fail(err, AL_NOMEM, "no memory for the queues of index '%s'", index);
    }
    g->plan = detour ? detour : n.plan;
    g->target = detour ? n.plan : NULL;
    g->is_dropped = n.is_dropped;
    g->jobs = n.jobs;
    atomic_store(&g->n_maybe_known, n.n_maybe_known);
    return AL_OK;
}

al_code amqp_groups_recall(amqp_input *in, al_err *err)
{
    return catalog_notes(in->cat, recall, in, err);
}
