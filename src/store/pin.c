/* What readers may do: pin a scope, report damage. See store_priv.h for the contract. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_impl.h"

/* A pin as it is in memory: the text fields are held beside what readers see. */
typedef struct pin_box {
    text_fields **held;
    store_pin pin; /* last: flexible */
} pin_box;

static pin_box *box_of(store_pin *p)
{
    return (pin_box *)((uint8_t *)p - offsetof(pin_box, pin));
}

static al_code pin_locked(store *st, const char *const *indexes, pin_box *box, size_t n,
                          al_err *err)
{
    AL_LOCKED(&st->lock);
    box->pin.end = st->end;
    for (; box->pin.n < n; box->pin.n++) {
        sindex *ix = store_find_locked(st, indexes[box->pin.n]);
        if (!ix)
            return al_fail(err, AL_NOT_FOUND, "there is no index '%.40s'", indexes[box->pin.n]);
        text_fields *text = text_fields_ref(ix->text);
        box->held[box->pin.n] = text;
        box->pin.at[box->pin.n] = (pin_index){.name = ix->name,
                                              .text_fields = text->names,
                                              .n_text_fields = text->n,
                                              .id = ix->id,
                                              .snap = snapshot_ref(ix->snap)};
    }
    return AL_OK;
}

al_code store_pin_new(engine *e, const char *const *indexes, size_t n, store_pin **ret, al_err *err)
{
    if (n > ENG_SCOPE_INDEXES_MAX)
        return al_fail(err, AL_INVALID, "%zu indexes, at most %d can be read at once", n,
                       ENG_SCOPE_INDEXES_MAX);
    pin_box *box = al_zalloc(1, sizeof *box + n * sizeof(pin_index));
    if (!box)
        return al_fail(err, AL_NOMEM, "pin %zu indexes", n);
    box->held = al_zalloc(n, sizeof(text_fields *));
    al_code c = box->held ? pin_locked(store_of(e), indexes, box, n, err)
                          : al_fail(err, AL_NOMEM, "pin %zu indexes", n);
    if (c)
        (void)store_pin_free(&box->pin);
    else
        *ret = &box->pin;
    return c;
}

store_pin *store_pin_free(store_pin *p)
{
    if (!p)
        return NULL;
    pin_box *box = box_of(p);
    for (size_t i = 0; box->held && i < p->n; i++) {
        (void)snapshot_unref(p->at[i].snap);
        (void)text_fields_unref(box->held[i]);
    }
    free(box->held);
    free(box);
    return NULL;
}

al_code store_snapshot(engine *e, const char *index, snapshot **ret, al_err *err)
{
    store *st = store_of(e);
    AL_LOCKED(&st->lock);
    for (size_t i = 0; i < st->n_indexes; i++) {
        const sindex *ix = st->indexes[i];
        if (!ix->is_dropped && strcmp(ix->name, index) == 0) {
            *ret = snapshot_ref(ix->snap);
            return AL_OK;
        }
    }
    return al_fail(err, AL_NOT_FOUND, "there is no index '%.40s'", index);
}

void store_report_damage(engine *e, const unit *u)
{
    if (u->seg)
        damage_report(store_of(e), u->seg);
}

al_code store_tail_end(engine *e, eng_arrival *ret, al_err *err)
{
    store *st = store_of(e);
    (void)err;
    AL_LOCKED(&st->lock);
    *ret = st->end;
    return AL_OK;
}
