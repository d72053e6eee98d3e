#pragma once
/* sphinx_text.h: sphinx.conf of a node, from configuration and catalogue. Any thread. */
#include "catalog/catalog.h"
#include "config/sphinx_conf.h"

/* As sphinx_conf_put, with all indexes of engine sphinx and those of their fields that are flagged
 * `indexed` and whose name can be a column's, as of now. AL_NOMEM too. */
AL_CHECK al_code sphinx_text_put(const config *c, catalog *cat, al_slice node, al_buf *out,
                                 al_err *err);
