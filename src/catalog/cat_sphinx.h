#pragma once
/* cat_sphinx.h: which names can stand in a table of Sphinx. Pure. */
#include "base/slice.h"

enum { CAT_SPHINX_COLUMN_BYTES_MAX = 64, CAT_SPHINX_COLUMNS_MAX = 200 };

/* Can an index of this name be of engine sphinx? Its tables are NAME, NAME_YYYYMMDD and
 * NAME_YYYYMMDD_distr: small letters, digits and underscores, no digit first, none of those
 * endings (it would be another index's table). */
bool cat_sphinx_index_is_good(const char *name);
/* Can a field of this name have a full-text field of its own? Small letters, digits and
 * underscores, no digit first, no word of SphinxQL, none of our own columns. Others that are
 * flagged `indexed` are searched in `js`, as those without the flag. */
bool cat_sphinx_column_is_good(al_slice name);
