#pragma once
/* sphinx_tables.h: the index sections of sphinx.conf. */
#include "config/sphinx_conf.h"

/* All tables of one index. `dir`: of the node's files; `today`: days since 1970-01-01 UTC. */
void sphinx_tables_put(const config *c, al_slice dir, const sphinx_index *idx, int32_t today,
                       al_buf *out);
/* May sphinx.index hold a line of this name? Not what says which table it is and what is in it. */
bool sphinx_tables_may_set(al_slice name);
/* A line of `sphinx.index` or `sphinx.searchd`; a line's end within a value goes on behind a
 * backslash. */
void sphinx_setting_put(al_buf *out, const config_value *v);
/* Is there such a line among those of `id`? */
bool sphinx_is_set(const config *c, setting_id id, const char *name);
