#pragma once
/* candidates.h: what to ask Sphinx, so that everything a query matches is among the answers; which
 * of them match is then the naive matcher's word (query.h). Pure.
 *
 * What must hold for the rows of the tables that are asked (row.h, `alco sphinx-conf`):
 * (1) The full-text column `logline` is the message; each byte that is part of no well-formed
 *     character, and each NUL, is U+FFFD or another character outside of charset_table.
 * (2) `js` as text is a JSON object of all fields: strings and names escaped by json_escape, nested
 *     values and numbers spelled as in the record; ill-formed bytes as above. In old ALCO's tables
 *     (js_is_ascii) also what Python's json.dumps makes of such an object.
 * (3) A field with a column of its own has its value there: a string as the message in (1), other
 *     values as JSON text.
 * (4) Where `src` is empty, `js` as an attribute has every top-level name, string, and the shape of
 *     arrays and objects as the record; a number may be rounded or clipped to what 64 bits hold.
 *     Where `src` is not empty, nothing is asked of the attributes; (1) to (3) hold all the same.
 * (5) If has_pieces: the full-text column `long_words` has what words_put_pieces makes of each of
 *     the other ones (its text, a space, and so on).
 * (6) The index settings are those of cand_table; the others are as candidates_setting_is_safe
 *     says. searchd has collation_server = binary if has_exact_strings. */
#include "base/buf.h"
#include "query/query.h"
#include "sphinx/charset.h"

/* The tables that one query asks. */
typedef struct cand_table {
    const charset *words;   /* charset_table; NULL: not known, MATCH is not used */
    uint32_t min_word_len;  /* at least 1 */
    uint32_t min_infix_len; /* 0: none; used only with has_pieces, as Sphinx cuts long words off */
    bool has_pieces;
    bool has_js_text; /* js is a full-text field */
    bool js_is_ascii; /* written by old ALCO */
    bool has_src;
    bool has_exact_strings;
    bool has_single_names; /* where `src` is empty, no object has two members of one name */
    bool is_sphinx_2;      /* expressions mean what cand_where.c found in 2.2; else none are used */
    const al_slice *columns; /* fields with a full-text column of their name, in all the tables */
    size_t n_columns;
} cand_table;

typedef struct candidates {
    al_buf match; /* text of MATCH, not yet escaped as an SQL string; empty: none */
    al_buf where; /* an expression that is 1 for candidates: `SELECT …, (…) AS c … WHERE c=1`
                     (2.2 takes OR in expressions alone); empty: none */
    bool is_useful;  /* one of both is there; else all rows have to be looked at */
    const char *why; /* for people, where it is not: a text that lives for ever */
} candidates;

/* Both conditions hold for whatever matches: they are to be joined by AND. `text_fields` as in
 * matcher_new. AL_NOMEM: *ret is empty. To be ended with candidates_done in any case. */
AL_CHECK al_code candidates_plan(const query *q, const al_slice *text_fields, size_t n_text_fields,
                                 const cand_table *t, candidates *ret);
void candidates_done(candidates *c);

/* May an index have this setting (besides charset_table and min_word_len, whose values are told),
 * and are the answers still complete? False for what is not known. Where one is not safe,
 * cand_table.words has to be NULL. */
bool candidates_setting_is_safe(al_slice name, al_slice text);
