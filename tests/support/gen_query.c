/* Random queries that hit. Texts are cut out of generated messages, filters take values that stand
 * in the records, and each leaf may be negated, grouped and joined. Only characters that mean
 * themselves inside quotes are used: what the parser does with the others is its own tests'
 * business. */
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "support/gen.h"

enum { CUT_BYTES_MAX = 24, DEPTH_MAX = 3 };

#define PICK(r, list) ((list)[rng_below((r), AL_COUNT(list))])

static const char *const plain_words[] = {
    "connection", "refused", "user", "GET",   "login", "Fail", "word",    "in",  "web", "disk",
    "e",          "10",      "err",  "naïve", "ÉTÉ",   "σίς",  "strasse", "SON", "5 k", "STRAßE"};
static const char *const patterns[] = {
    "u[0-9]+",   "^Conn",        "refused$",  "(web|db)-[12]", "[A-Z]{3,}",   "10\\.0\\.[01]",
    "Err?or",    "logged .* in", "^$",        "\\bin\\b",      "[0-9]{3} s$", "x=|a.b",
    "^.{0,10}$", "[^ -~]",       "d(isk|ef)", "(?m)^File",     "(?s)u.*r",    "(*UCP)\\w\u00e9",
    "(?<!e)d",   "\\/api",
};
static const char *const numbers[] = {"0",
                                      "1",
                                      "2",
                                      "100",
                                      "1e2",
                                      "0.5",
                                      "-1",
                                      "404",
                                      "250.5",
                                      "1e3",
                                      "-0.0",
                                      "1e400",
                                      "-1e-400",
                                      "1180591620717411303424.0",
                                      "9007199254740992"};
static const char *const compares[] = {">", ">=", "<", "<="};

static bool is_plain(uint8_t c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

static bool is_bare(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A piece of the text that may stand in quotes; empty if there is none. */
static al_slice cut(rng *r, al_slice text)
{
    if (!text.len)
        return text;
    size_t from = (size_t)rng_below(r, text.len);
    size_t to = from;
    size_t max = 1 + (size_t)rng_below(r, CUT_BYTES_MAX);
    while (to < text.len && to - from < max && is_plain(text.ptr[to]))
        to++;
    return al_slice_sub(text, from, to);
}

static void put_quoted(rng *r, al_slice s, al_buf *out)
{
    bool other_case = rng_chance(r, 40);
    al_buf_str(out, rng_chance(r, 25) ? "~\"" : "\"");
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        al_buf_u8(out, other_case && is_letter ? (uint8_t)(c ^ 0x20) : c);
    }
    al_buf_u8(out, '"');
}

/* The message, or a field that bare text may be looked for in. */
static al_slice searched_text(rng *r, const record *rec)
{
    const field *f = rec->n_fields ? &rec->fields[rng_below(r, rec->n_fields)] : NULL;
    bool is_text_field =
        f && (al_slice_eq(f->name, AL_LIT("exc_info")) || al_slice_eq(f->name, AL_LIT("ctx")));
    return is_text_field ? f->val.text : rec->message;
}

static void put_text(rng *r, const record *rec, al_buf *out)
{
    al_slice piece = cut(r, searched_text(r, rec));
    if (piece.len && rng_chance(r, 70)) {
        put_quoted(r, piece, out);
        return;
    }
    al_buf_str(out, PICK(r, plain_words));
    if (rng_chance(r, 20)) {
        al_buf_u8(out, ' ');
        al_buf_str(out, PICK(r, plain_words));
    }
}

static void put_regex(rng *r, al_buf *out)
{
    al_buf_printf(out, "/%s/%s", PICK(r, patterns), rng_chance(r, 40) ? "i" : "");
}

typedef struct pick { /* one of the values at a path, each as likely */
    rng *r;
    al_buf text;
    unsigned n;
    val_type type;
} pick;

static rec_visit pick_value(void *ctx, const value *v, bool is_element)
{
    (void)is_element;
    pick *p = ctx;
    p->n++;
    if (rng_below(p->r, p->n) != 0)
        return REC_VISIT_MORE;
    al_buf_clear(&p->text);
    p->type = v->type;
    al_buf_slice_put(&p->text, rec_value_text(v));
    return REC_VISIT_MORE;
}

/* A value that could stand behind = in the query: one of the record's, if it has one that can be
 * spelled. */
static void put_value(rng *r, const record *rec, const char *path, al_buf *out)
{
    pick p = {.r = r};
    al_arena *scratch = al_arena_new(4096);
    if (!scratch)
        abort();
    al_buf_init(&p.text, 1 << 22);
    if (rec_values_at(rec, al_cstr(path), scratch, pick_value, &p) == REC_NOMEM)
        abort();
    al_slice s = al_buf_slice(&p.text);
    bool may_quote = s.len < 200;
    bool may_stand_bare = s.len > 0 && s.len < 200;
    for (size_t i = 0; i < s.len && may_quote; i++) {
        may_quote = is_plain(s.ptr[i]);
        may_stand_bare = may_stand_bare && is_bare(s.ptr[i]);
    }
    if (!p.n || !may_quote)
        al_buf_str(out, PICK(r, numbers));
    else if (may_stand_bare && rng_chance(r, 50))
        al_buf_slice_put(out, s);
    else
        al_buf_printf(out, "\"%.*s\"", (int)s.len, s.len ? (const char *)s.ptr : "");
    al_buf_done(&p.text);
    (void)al_arena_free(scratch);
}

/* @path, in quotes where a plain name cannot say it. */
static void put_name(const char *path, al_buf *out)
{
    bool is_plain_name = *path != 0;
    for (const char *p = path; *p; p++)
        is_plain_name = is_plain_name && (is_bare((uint8_t)*p) || *p == '.');
    al_buf_str(out, is_plain_name ? "@" : "@\"");
    for (const char *p = path; *p; p++) {
        if (*p == '"' || *p == '\\')
            al_buf_u8(out, '\\');
        al_buf_u8(out, (uint8_t)*p);
    }
    al_buf_str(out, is_plain_name ? "" : "\"");
}

static void put_list(rng *r, const record *rec, const char *path, al_buf *out)
{
    al_buf_u8(out, '(');
    for (size_t n = 1 + (size_t)rng_below(r, 3); n; n--) {
        put_value(r, rec, path, out);
        al_buf_str(out, n > 1 ? "," : ")");
    }
}

static void put_filter(rng *r, const record *rec, al_buf *out)
{
    const char *path = gen_path(r);
    put_name(path, out);
    switch (rng_below(r, 12)) {
    case 0:
        al_buf_str(out, rng_chance(r, 70) ? "=*" : "!=*");
        return;
    case 1:
        al_buf_printf(out, "%s%s", PICK(r, compares), PICK(r, numbers));
        return;
    case 2:
        al_buf_str(out, ":");
        al_buf_str(out, PICK(r, plain_words));
        return;
    case 3:
        al_buf_str(out, "~");
        put_regex(r, out);
        return;
    case 4:
        al_buf_str(out, rng_chance(r, 70) ? "=" : "!=");
        put_list(r, rec, path, out);
        return;
    case 5:
        al_buf_str(out, ":");
        break;
    case 6:
        al_buf_str(out, "!=");
        break;
    default:
        al_buf_str(out, "=");
    }
    put_value(r, rec, path, out);
}

/* A leaf behind NOT or -, which need no brackets there. */
static void put_negated(rng *r, const record *rec, al_buf *out)
{
    switch (rng_below(r, 4)) {
    case 0:
        al_buf_printf(out, "-%s ", PICK(r, plain_words));
        put_regex(r, out);
        return;
    case 1:
        al_buf_str(out, "-");
        put_filter(r, rec, out);
        return;
    case 2:
        al_buf_str(out, "NOT ");
        put_text(r, rec, out);
        return;
    default:
        al_buf_str(out, "NOT -");
        put_regex(r, out);
    }
}

static void put_query(rng *r, const record *const *recs, size_t n, unsigned depth, al_buf *out)
{
    const record *rec = recs[rng_below(r, n)];
    unsigned kind = (unsigned)rng_below(r, depth < DEPTH_MAX ? 15 : 9);
    if (kind < 3) {
        put_text(r, rec, out);
    } else if (kind < 4) {
        put_regex(r, out);
    } else if (kind < 8) {
        put_filter(r, rec, out);
    } else if (kind < 9) {
        put_negated(r, rec, out);
    } else if (kind < 11) {
        al_buf_str(out, rng_chance(r, 50) ? "NOT (" : "-(");
        put_query(r, recs, n, depth + 1, out);
        al_buf_u8(out, ')');
    } else {
        static const char *const joins[] = {" AND ", " OR ", " OR ", " "};
        const char *join = PICK(r, joins);
        for (size_t kids = 2 + (size_t)rng_below(r, 2); kids; kids--) {
            al_buf_u8(out, '(');
            put_query(r, recs, n, depth + 1, out);
            al_buf_str(out, rng_chance(r, 5) ? " case:yes)" : ")");
            al_buf_str(out, kids > 1 ? join : "");
        }
    }
}

void gen_query(rng *r, const record *const *recs, size_t n, al_buf *out)
{
    if (rng_chance(r, 3))
        return; /* everything */
    put_query(r, recs, n, 0, out);
    if (rng_chance(r, 10))
        al_buf_str(out, " case:yes");
}

void gen_range(rng *r, const record *const *recs, size_t n, int64_t *ret_from, int64_t *ret_to)
{
    int64_t a = recs[rng_below(r, n)]->time_ns;
    int64_t b = recs[rng_below(r, n)]->time_ns;
    int64_t jitter = rng_chance(r, 50) ? rng_between(r, -1, 1) : 0;
    if (jitter > 0 ? b < INT64_MAX - 1 : b > 1)
        b += jitter;
    *ret_from = rng_chance(r, 40) ? 0 : AL_MIN(a, b);
    *ret_to = rng_chance(r, 40) ? INT64_MAX : AL_MAX(a, b);
}
