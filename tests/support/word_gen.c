/* Texts of few words and many separators, so that the same words meet behind all of them; values
 * from a short list that numbers, strings, constants and arrays share. Queries cut pieces out of
 * the texts, change case as Unicode allows and white space where it is free. */
#include "support/word_gen.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/fold.h"
#include "query/query.h"
#include "record/decode.h"
#include "record/json_out.h"

enum { JSON_BYTES_MAX = 1 << 16, DEPTH_MAX = 2, PIECE_CHARS_MAX = 60 };

#define PICK(r, list) ((list)[rng_below((r), AL_COUNT(list))])

static const char *const words[] = {
    "key",
    "Key",
    "\u212aey",
    "so",
    "\u017fo",
    "Sold",
    "abc",
    "refused",
    "nrefused",
    "nabc",
    "n",
    "to",
    "\u0451\u043b\u043a\u0430", /* yolka */
    "\u0401\u043b\u043a\u0430", /* with its first letter large */
    "\u0432\u043e\u0434",
    "\u1c80\u043e\u0434", /* the old form of its first letter */
    "a-b",
    "x_y",
    "1.5",
    "500",
    "na\u00efve",
    "\U0001f600",
    "verylongwordverylongwordverylongwordverylongword",
    "fortytwocharactersfortytwocharactersfortyt",
    "0123456789abcdef0123456789abcdefKEY0123456789abcdef0123456789Sabcdefe00b",
};
static const char *const gaps[] = {
    " ",  " ",    " ",    "  ",   "\t",     "\n",       "\n",   " \n\t", "\r\n",
    "\v", "\f",   "-",    ".",    "=",      "\"",       "\\",   "/",     ", ",
    ": ", "\x01", "\x1f", "\x7f", "\u2014", " \u00e9 ", "\xff", "\xff ",
};
/* As JSON. */
static const char *const scalars[] = {
    "\"x\"",
    "\"y z\"",
    "\"5\"",
    "\"5.0\"",
    "\"503\"",
    "\"\"",
    "\"true\"",
    "\"null\"",
    "\"it's\\\\\"",
    "5",
    "5.0",
    "5e0",
    "503",
    "499.5",
    "-3",
    "-0.5",
    "16777217",
    "16777216",
    "1e3",
    "0",
    "0.1",
    "1e300",
    "-1e300",
    "12345678901234567890",
    "9007199254740993",
    "true",
    "false",
    "null",
    "NaN",
    "\"\u212aey abc\"",
    "\"key\\nabc so\"",
    "1000000000000000",
    "-1000000000000001",
};
/* Behind = or in a list. */
static const char *const values[] = {
    "x",
    "\"y z\"",
    "5",
    "5.0",
    "5e0",
    "503",
    "499.5",
    "-3",
    "-0.5",
    "16777217",
    "1e3",
    "0",
    "0.1",
    "1e300",
    "12345678901234567890",
    "true",
    "false",
    "null",
    "NaN",
    "\"\"",
    "\"it's\\\\\"",
    "X",
    "\"\u212aey abc\"",
    "\"key abc\"",
    "[5]",
    "\"[\\\"x\\\"]\"",
    "\"{\\\"c\\\":5}\"",
    "1000000000000000",
    "\"key\nabc so\"",
    "abc",
};
static const char *const bounds[] = {"5",    "5.0", "503",      "499.5",           "-3",
                                     "-0.5", "0",   "16777216", "16777217",        "1e3",
                                     "1e16", "0.1", "-1e15",    "1000000000000000"};
static const char *const paths[] = {
    "a",   "a",   "a",       "b.c", "b",       "exc_info", "b.c",     "b.c.d",
    "b.d", "a.c", "b.c.key", "ctx", "message", "never",    "ctx.key", "ctx.\u212aey"};
static const char *const compares[] = {">", ">=", "<", "<="};

static void put_text(rng *r, al_buf *out)
{
    for (size_t n = (size_t)rng_below(r, 8); n; n--) {
        al_buf_str(out, PICK(r, words));
        al_buf_str(out, PICK(r, gaps));
        al_buf_str(out, rng_chance(r, 20) ? PICK(r, gaps) : "");
    }
    if (rng_chance(r, 3))
        al_buf_u8(out, 0);
    al_buf_str(out, PICK(r, words));
}

static void put_text_json(rng *r, al_buf *out)
{
    al_buf text;
    al_buf_init(&text, JSON_BYTES_MAX);
    put_text(r, &text);
    json_put_string(out, al_buf_slice(&text));
    al_buf_done(&text);
}

static void put_value(rng *r, unsigned depth, al_buf *out)
{
    unsigned kind = (unsigned)rng_below(r, depth < DEPTH_MAX ? 12 : 6);
    if (kind < 5) {
        al_buf_str(out, PICK(r, scalars));
    } else if (kind < 6) {
        put_text_json(r, out);
    } else if (kind < 9) {
        al_buf_u8(out, '[');
        for (size_t n = (size_t)rng_below(r, 4); n; n--) {
            put_value(r, depth + 1, out);
            al_buf_str(out, n > 1 ? "," : "");
        }
        al_buf_u8(out, ']');
    } else {
        al_buf_str(out, rng_chance(r, 50) ? "{\"c\":" : "{\"\u212aey\":");
        put_value(r, depth + 1, out);
        al_buf_str(out, rng_chance(r, 5) ? ",\"c\":" : rng_chance(r, 50) ? ",\"key\":" : ",\"d\":");
        put_value(r, depth + 1, out);
        al_buf_u8(out, '}');
    }
}

static void put_member(rng *r, const char *name, bool is_text, al_buf *out)
{
    if (rng_chance(r, 30))
        return;
    al_buf_printf(out, ",\"%s\":", name);
    if (is_text && rng_chance(r, 70))
        put_text_json(r, out);
    else
        put_value(r, 0, out);
}

void word_record(rng *r, rec_batch *b)
{
    al_buf json;
    al_buf_init(&json, JSON_BYTES_MAX);
    al_buf_str(&json, "{\"message\":\"m\"");
    put_member(r, "a", false, &json);
    put_member(r, "b", false, &json);
    if (rng_chance(r, 40))
        put_member(r, rng_chance(r, 50) ? "b.c" : "b.c.d", false, &json);
    put_member(r, "exc_info", true, &json);
    put_member(r, "ctx", true, &json);
    al_buf_u8(&json, '}');
    al_slice text = al_arena_copy(b->arena, al_buf_slice(&json));
    al_buf_clear(&json);
    put_text(r, &json); /* the message may hold what JSON cannot */
    al_slice message = al_arena_copy(b->arena, al_buf_slice(&json));
    rec_options opt = {.arrival_ns = 1};
    unsigned notes = 0;
    record *rec = rec_batch_add(b);
    if (al_buf_code(&json) || !text.ptr || !message.ptr || !rec ||
        rec_decode(text, &opt, b->arena, rec, &notes))
        abort();
    rec->message = message;
    al_buf_done(&json);
}

/* A character as another one that is equal to it without case. */
static size_t put_char(rng *r, uint32_t c, bool changes_case, uint8_t *to)
{
    uint32_t variants[AL_FOLD_VARIANTS_MAX];
    if (c >= AL_CHAR_BAD || !changes_case || rng_chance(r, 50))
        return al_char_put(c, to);
    size_t n = al_fold_variants(al_fold(c), variants);
    return al_char_put(variants[rng_below(r, n)], to);
}

static al_slice text_of(rng *r, const record *rec)
{
    const field *f = rec->n_fields ? &rec->fields[rng_below(r, rec->n_fields)] : NULL;
    return f && rng_chance(r, 50) ? f->val.text : rec->message;
}

typedef struct piece {
    uint32_t chars[PIECE_CHARS_MAX];
    size_t n;
} piece;

static piece cut(rng *r, al_slice text)
{
    piece p = {0};
    if (!text.len)
        return p;
    const uint8_t *end = text.ptr + text.len;
    const uint8_t *at = text.ptr + (rng_chance(r, 30) ? 0 : rng_below(r, text.len));
    size_t len = 0;
    size_t max = 3 + (size_t)rng_below(r, rng_chance(r, 60) ? 27 : PIECE_CHARS_MAX - 3);
    for (; at < end && p.n < max; at += len) {
        uint32_t c = al_char_at(at, end, &len);
        if (c == 0)
            break;
        p.chars[p.n++] = c;
    }
    return p;
}

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* "…" or ~"…" */
static void put_quoted(rng *r, const piece *p, al_buf *out)
{
    bool is_free = rng_chance(r, 60);
    bool changes_case = rng_chance(r, 60);
    bool had_space = true;
    al_buf_str(out, is_free ? "~\"" : "\"");
    size_t n = p->n;
    while (is_free && n && is_space(p->chars[n - 1]))
        n--;
    for (size_t i = 0; i < n; i++) {
        uint8_t bytes[AL_CHAR_BYTES_MAX];
        if (is_free && is_space(p->chars[i])) {
            al_buf_str(out, had_space ? "" : rng_chance(r, 30) ? "\t" : " ");
            had_space = true;
            continue;
        }
        had_space = false;
        if (p->chars[i] == '"' || p->chars[i] == '\\')
            al_buf_u8(out, '\\');
        al_buf_put(out, bytes, put_char(r, p->chars[i], changes_case, bytes));
    }
    al_buf_u8(out, '"');
}

static void put_regex(rng *r, const piece *p, al_buf *out)
{
    bool ignores_case = rng_chance(r, 50);
    al_buf_u8(out, '/');
    for (size_t i = 0; i < p->n; i++) {
        uint32_t c = p->chars[i];
        uint8_t bytes[AL_CHAR_BYTES_MAX];
        bool is_alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (c < ' ' || c == 0x7f || c >= AL_CHAR_BAD) {
            al_buf_str(out, "[^q]");
            continue;
        }
        if (c < 0x80 && !is_alnum)
            al_buf_u8(out, '\\');
        al_buf_put(out, bytes, put_char(r, c, ignores_case && c < 0x80, bytes));
        al_buf_str(out, rng_chance(r, 5) ? "+" : "");
    }
    al_buf_str(out, ignores_case ? "x?/i" : "x?/");
}

static void put_filter(rng *r, const piece *p, al_buf *out)
{
    al_buf_str(out, "@");
    al_buf_str(out, PICK(r, paths));
    switch (rng_below(r, 10)) {
    case 0:
        al_buf_str(out, rng_chance(r, 50) ? "=*" : "!=*");
        return;
    case 1:
    case 2:
        al_buf_str(out, PICK(r, compares));
        al_buf_str(out, PICK(r, bounds));
        return;
    case 3:
    case 4:
        al_buf_u8(out, ':');
        put_quoted(r, p, out);
        return;
    case 5:
        al_buf_u8(out, '~');
        put_regex(r, p, out);
        return;
    case 6:
        al_buf_str(out, rng_chance(r, 50) ? "=(" : "!=(");
        al_buf_str(out, PICK(r, values));
        al_buf_u8(out, ',');
        al_buf_str(out, PICK(r, values));
        al_buf_u8(out, ')');
        return;
    default:
        al_buf_str(out, rng_chance(r, 60) ? "=" : "!=");
        al_buf_str(out, PICK(r, values));
    }
}

static void put_query(rng *r, const record *const *recs, size_t n, unsigned depth, al_buf *out)
{
    piece p = cut(r, text_of(r, recs[rng_below(r, n)]));
    unsigned kind = (unsigned)rng_below(r, depth < DEPTH_MAX ? 14 : 9);
    static const char *const joins[] = {" AND ", " OR "};
    if (kind < 4) {
        put_quoted(r, &p, out);
    } else if (kind < 5) {
        put_regex(r, &p, out);
    } else if (kind < 9) {
        put_filter(r, &p, out);
    } else {
        bool is_not = kind < 11;
        const char *join = PICK(r, joins);
        al_buf_str(out, is_not ? "NOT (" : "(");
        put_query(r, recs, n, depth + 1, out);
        if (!is_not) {
            al_buf_printf(out, ")%s(", join);
            put_query(r, recs, n, depth + 1, out);
        }
        al_buf_u8(out, ')');
    }
}

void word_query(rng *r, const record *const *recs, size_t n, al_buf *out)
{
    put_query(r, recs, n, 0, out);
    al_buf_str(out, rng_chance(r, 10) ? " case:yes" : "");
}
