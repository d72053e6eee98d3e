#pragma once
/* spare_views.h: views that questions are done with, for the next ones: the memory of a view is
 * new to the process each time otherwise, and finding pages for it takes a tenth of a short
 * question. Any thread. */
#include <pthread.h>

#include "store/block.h"

enum {
    SPARE_VIEWS_MAX = 2,
    SPARE_VIEW_BYTES = 4 << 20, /* of each: a page of results needs about half of it */
};

typedef struct spare_views {
    pthread_mutex_t lock;
    uint32_t n;
    block_view *at[SPARE_VIEWS_MAX];
} spare_views;

void spare_views_init(spare_views *s);
void spare_views_done(spare_views *s);
/* A view that looks at nothing and keeps the memory of a block for the next (block_view_keep); the
 * caller's until it gives it back. NULL without memory. */
block_view *spare_views_take(spare_views *s);
/* NULL: nothing happens. */
void spare_views_give(spare_views *s, block_view *v);
