#pragma once
/* sphinx_conf.h: sphinx.conf for one node, from the settings under `sphinx` and the indexes whose
 * engine is sphinx. */
#include "base/buf.h"
#include "config/config.h"

typedef struct sphinx_index { /* lives as long as its caller says */
    const char *name;         /* one that cat_sphinx_index_is_good takes */
    uint32_t intervals;
    const al_slice *columns; /* fields with a full-text field of their own, in this order */
    size_t n_columns;
} sphinx_index;

/* Is it HOST:PORT? A host has letters, digits and .-_:[] alone. */
bool sphinx_conf_is_node(al_slice text);
/* Says what is wrong under `sphinx` that the table of settings cannot know: addresses, and lines
 * that alco writes itself. AL_INVALID: something was said. */
AL_CHECK al_code sphinx_conf_check(config *c);
/* `node`: "HOST:PORT", one of sphinx.shards (any, when none are set); empty: the first of them,
 * else 127.0.0.1:9306. All of sphinx.shards are nodes, and each has all indexes, with the days from
 * now - intervals up to tomorrow (UTC). AL_INVALID names a node that is none. */
AL_CHECK al_code sphinx_conf_put(const config *c, al_slice node, const sphinx_index *indexes,
                                 size_t n_indexes, int64_t now_ns, al_buf *out, al_err *err);
