#pragma once
/* query.h: the query language (doc/query.md): text -> immutable AST, and the naive row matcher that
 * is the truth for every engine. The tree itself is in ast.h. */
#include "base/buf.h"
#include "base/err.h"
#include "record/record.h"

typedef struct query query; /* immutable, refcounted; any thread */

/* What the parser must know about the indexes that are read. */
typedef struct query_env {
    /* Is `name` a known field of one of them? Decides whether `name=value` is a filter or text.
     * Called several times for each term. */
    bool (*is_field)(void *ctx, al_slice name);
    void *ctx;
} query_env;

enum {
    QUERY_BYTES_MAX = 65536, /* text of one query */
    QUERY_NODES_MAX = 4096,
    QUERY_DEPTH_MAX = 64,
};

/* Parses. `text` is copied. On AL_INVALID the message names the column (1-based, counted in
 * characters) where reading stopped and what was expected, on AL_LIMIT (one of the maxima above)
 * the column and the maximum. An empty text matches everything. `env` may be NULL: no field is
 * known. */
AL_CHECK al_code query_parse(al_slice text, const query_env *env, query **ret, al_err *err);
query *query_ref(query *q);
query *query_unref(query *q);
/* A query that matches everything. NULL without memory. */
query *query_all(void);
/* a AND b as a new query (the API's filters beside q, context's `same=`). Takes references of its
 * own. AL_LIMIT: too many or too deep together. */
AL_CHECK al_code query_and(query *a, query *b, query **ret);
/* `field = text`, text compared exactly as in the language; built without parsing. */
AL_CHECK al_code query_field_equals(al_slice name, const value *v, query **ret);
/* `field=(a,b)`: one of the texts (n > 0), each compared as above. */
AL_CHECK al_code query_field_one_of(al_slice name, const al_slice *values, size_t n, query **ret);
/* What `search` of old ALCO's API means: the message contains the words in this order, ignoring
 * case, where a comma or white space between them matches any run of white space, punctuation and
 * symbols. Without a word: everything. AL_INVALID: too long for one expression. */
AL_CHECK al_code query_old_search(al_slice words, query **ret, al_err *err);
/* `field!=*`: records without the field. */
AL_CHECK al_code query_field_missing(al_slice name, query **ret);
/* How it was read: the same query with every decision spelled out; nothing for a query that matches
 * everything. Parses to the same tree (unless longer than QUERY_BYTES_MAX). */
void query_read_as(const query *q, al_buf *out);

/* ---- Matching: one matcher per thread and query (it owns scratch memory and PCRE2 match data). */
typedef struct matcher matcher;

/* `text_fields`: the index's fields that bare text is looked for in beside the message; copied.
 * Takes a reference on q. */
AL_CHECK al_code matcher_new(query *q, const al_slice *text_fields, size_t n_text_fields,
                             matcher **ret, al_err *err);
matcher *matcher_free(matcher *m);
/* From here on `must_stop` is asked every few milliseconds of work, also within one text; when it
 * says true, what is under way ends: AL_CANCELLED and no match, or fewer highlights. It is asked
 * again at the next work. */
void matcher_stop_if(matcher *m, bool (*must_stop)(void *ctx), void *ctx);
/* Does the record match? In *ret_code AL_LIMIT when a regular expression ran into its match limits,
 * AL_NOMEM when there was no memory to decode a nested value, else AL_OK. Where it is not AL_OK the
 * answer is false and the caller reports the result as partial. */
AL_CHECK bool matcher_matches(matcher *m, const record *r, al_code *ret_code);

typedef struct highlight {
    uint32_t start;  /* bytes into the text */
    uint32_t length; /* bytes, > 0 */
} highlight;
enum { HIGHLIGHTS_MAX = 1000 }; /* of one text */
/* Where the query's positive text and regular expressions stand in the message: sorted; what
 * overlaps is merged, what touches stays apart (grep -o prints each). Returns how many were written
 * (<= max). All regular expressions together may take the steps of one match; places behind them
 * are left out, as they are without memory. */
size_t matcher_highlights(matcher *m, const record *r, highlight *ret, size_t max);
/* The same in one field of the record: what looks into it by name, and bare text if it is one of
 * the text fields. 0 for a value that is no string. */
size_t matcher_field_highlights(matcher *m, const field *f, highlight *ret, size_t max);

AL_DEFINE_CLEANUP(query, query_unref);
AL_DEFINE_CLEANUP(matcher, matcher_free);
