#pragma once
/* sphinx_conf.h: sphinx.conf for one node, from the settings under `sphinx`. */
#include "base/buf.h"
#include "config/config.h"

/* Is it HOST:PORT? A host has letters, digits and .-_:[] alone. */
bool sphinx_conf_is_node(al_slice text);
/* `node`: "HOST:PORT", one of sphinx.shards (any, when none are set); empty: the first of them,
 * else 127.0.0.1:9306. All of sphinx.shards are nodes. AL_INVALID names a node that is none. */
AL_CHECK al_code sphinx_conf_put(const config *c, al_slice node, al_buf *out, al_err *err);
