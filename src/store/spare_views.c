/* Views for the next question: a short stack. One that grew large is not kept. */
#include "store/spare_views.h"

#include "base/thread.h"

void spare_views_init(spare_views *s)
{
    *s = (spare_views){0};
    (void)pthread_mutex_init(&s->lock, NULL);
}

void spare_views_done(spare_views *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        (void)block_view_free(s->at[i]);
    (void)pthread_mutex_destroy(&s->lock);
}

static block_view *take(spare_views *s)
{
    AL_LOCKED(&s->lock);
    return s->n ? s->at[--s->n] : NULL;
}

block_view *spare_views_take(spare_views *s)
{
    block_view *v = take(s);
    if (!v)
        v = block_view_new();
    if (v)
        block_view_keep(v, BLOCK_VIEW_USUAL_BYTES);
    return v;
}

/* NULL when it was kept. */
static block_view *keep(spare_views *s, block_view *v)
{
    AL_LOCKED(&s->lock);
    if (s->n == SPARE_VIEWS_MAX)
        return v;
    s->at[s->n++] = v;
    return NULL;
}

void spare_views_give(spare_views *s, block_view *v)
{
    if (!v)
        return;
    block_view_use_lexicon(v, NULL);
    block_view_keep(v, SPARE_VIEW_BYTES);
    block_view_close(v);
    if (block_view_bytes(v) <= (size_t)2 * SPARE_VIEW_BYTES) /* with stored columns */
        v = keep(s, v);
    (void)block_view_free(v);
}
