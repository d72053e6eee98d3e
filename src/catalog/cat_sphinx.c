/* Names that Sphinx takes, tried with searchd 2.2.11 (doc/sphinx.md): it makes names of fields
 * small, so that two which differ by case alone are one; names that begin with a digit and words
 * of its language are no column names there, quoted or not. */
#include "catalog/cat_sphinx.h"

#include <string.h>

#include "base/checked.h"

/* Our own columns, the id, and what the parser of 2.2.11 refuses as a column or keeps for itself;
 * some that only Manticore refuses. In order of the alphabet. */
static const char *const reserved[] = {
    "agent", "and",     "as",     "asc",      "between", "bigint", "bool",    "by",      "columns",
    "count", "create",  "desc",   "distinct", "div",     "double", "except",  "explain", "facet",
    "false", "float",   "for",    "force",    "from",    "id",     "ignore",  "in",      "indexes",
    "int",   "integer", "into",   "is",       "js",      "json",   "limit",   "logline", "mod",
    "not",   "null",    "offset", "or",       "order",   "regex",  "relaxed", "select",  "set",
    "src",   "string",  "table",  "tables",   "true",    "uint",   "use",     "values",  "where",
};

static bool is_plain(al_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        bool is_digit = c >= '0' && c <= '9';
        if (!(c >= 'a' && c <= 'z') && c != '_' && !(is_digit && i))
            return false;
    }
    return s.len > 0;
}

/* Does it end in _YYYYMMDD? */
static bool ends_in_day(al_slice s)
{
    enum { DAY = 8 };
    if (s.len <= DAY || s.ptr[s.len - DAY - 1] != '_')
        return false;
    for (size_t i = s.len - DAY; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return true;
}

bool cat_sphinx_index_is_good(const char *name)
{
    al_slice s = al_cstr(name);
    al_slice distr = AL_LIT("_distr");
    if (!is_plain(s) || ends_in_day(s))
        return false;
    return !al_slice_ends(s, distr) || !ends_in_day(al_slice_sub(s, 0, s.len - distr.len));
}

bool cat_sphinx_column_is_good(al_slice name)
{
    if (!is_plain(name) || name.len > CAT_SPHINX_COLUMN_BYTES_MAX)
        return false;
    for (size_t i = 0; i < AL_COUNT(reserved); i++)
        if (al_slice_eq(name, al_cstr(reserved[i])))
            return false;
    return true;
}
