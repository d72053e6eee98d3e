/* Random records.
 * Why this mix: few hosts and loggers (dictionaries), messages of a few shapes with numbers in them
 * (templates), equal times (ids above the time), late and far-off times (other days), and one in
 * ten of every kind of trouble that PRODUCT-like input brings: bad UTF-8, NULs, empty and very long
 * texts, odd spellings of numbers, nulls, arrays, nested objects, names with dots.
 * Values are built as record.h wants them: compact JSON text for arrays and objects. */
#include "support/gen.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/clock.h"

#define GEN_EPOCH_NS (INT64_C(1782000000) * AL_NS_PER_S) /* 2026-06-21 */

enum { FIELDS_PER_RECORD_MAX = 12, JSON_BYTES_MAX = 1 << 16 };

static const char *const words[] = {
    "connection",
    "refused",
    "timeout",
    "user",
    "login",
    "payment",
    "Failed",
    "password",
    "request",
    "GET",
    "POST",
    "/api/v1",
    "error",
    "warning",
    "retry",
    "queue",
    "Stra\u00dfe",
    "\xc3\x89t\xc3\xa9",
    "\xce\xa3\xce\xaf\xcf\x83",
    "naïve",
    "disk",
    "full",
    "worker",
    "started",
    "stopped",
    "null",
    "true",
    "a.b",
    "x=1",
    "(none)",
    "\xc5\xbfon",     /* long s, which folds to s */
    "5 \xe2\x84\xaa", /* the Kelvin sign, which folds to k */
};
static const char *const hosts[] = {"web-1", "web-2", "db-1", "Cache-7"};
static const char *const loggers[] = {"app.auth", "app.pay", "django.request", "celery"};
static const char *const levels[] = {"DEBUG", "INFO", "INFO", "INFO", "WARNING", "ERROR"};
static const char *const numbers[] = {
    "0",
    "1",
    "2",
    "10",
    "100",
    "1e2",
    "100.0",
    "1E+2",
    "-1",
    "-0",
    "0.5",
    "5e-1",
    "200",
    "404",
    "500",
    "3.14",
    "-273.15",
    "1e400",
    "NaN",
    "Infinity",
    "-Infinity",
    "9007199254740993",
    "12345678901234567890",
    "1180591620717411303424", /* 2^70, and one more */
    "1180591620717411303425",
    "-1e-400",
};

#define PICK(r, list) ((list)[rng_below((r), AL_COUNT(list))])

const char *const gen_paths[] = {
    "host",       "logger",   "levelname", "status", "duration", "user", "tags",    "ctx.id",
    "ctx.deep.k", "ctx.list", "ctx",       "a.b",    "exc_info", "odd",  "mixed",   "never",
    "ctx.a b",    "ctx.",     "ctx.\n",    "a.b.id", "na me\"",  "",     "message", "stack_info",
};

size_t gen_paths_count(void)
{
    return AL_COUNT(gen_paths);
}

const char *gen_path(rng *r)
{
    return PICK(r, gen_paths);
}

gen_stream gen_stream_of(uint64_t seed)
{
    return (gen_stream){
        .r = rng_of(seed),
        .now_ns = GEN_EPOCH_NS,
        .late_percent = 5,
        .odd_percent = 10,
        .huge_bytes_max = 200000,
    };
}

static void out_of_memory(void)
{
    (void)fprintf(stderr, "gen: out of memory\n");
    abort();
}

static al_slice keep(rec_batch *b, const al_buf *text)
{
    al_slice s = al_arena_copy(b->arena, al_buf_slice(text));
    if (al_buf_code(text) || !s.ptr)
        out_of_memory();
    return s;
}

/* ---- Text */

static void put_number(rng *r, al_buf *out)
{
    if (rng_chance(r, 50))
        al_buf_printf(out, "%d", (int)rng_below(r, 1000));
    else
        al_buf_str(out, PICK(r, numbers));
}

static void put_words(rng *r, al_buf *out, size_t n)
{
    static const char *const gaps[] = {" ", " ", " ", " ", "  ", "\t", " \n ", ": ", ", "};
    for (size_t i = 0; i < n; i++) {
        if (i)
            al_buf_str(out, PICK(r, gaps));
        if (rng_chance(r, 25))
            al_buf_printf(out, "%d", (int)rng_below(r, 5000));
        else
            al_buf_str(out, PICK(r, words));
    }
}

static void put_rubbish(rng *r, al_buf *out)
{
    static const char *const bad[] = {"\xff",     "\xc3",     "\xed\xa0\x80",
                                      "\xf8\x88", "\x80\x80", "\xe2\x82"};
    switch (rng_below(r, 4)) {
    case 0:
        put_words(r, out, 1);
        al_buf_str(out, PICK(r, bad));
        put_words(r, out, 1);
        return;
    case 1:
        al_buf_put(out, "nul\0in it", 9);
        return;
    case 2:
        al_buf_str(out, "<img src=x onerror=alert(1)> \"quoted\" back\\slash {\"k\":[1,2]} ");
        put_words(r, out, 1);
        return;
    default:
        for (size_t n = (size_t)rng_below(r, 12); n; n--)
            al_buf_u8(out, (uint8_t)rng_below(r, 256));
    }
}

static void put_message(gen_stream *g, al_buf *out)
{
    rng *r = &g->r;
    if (rng_chance(r, g->odd_percent)) {
        if (rng_chance(r, 30))
            return; /* empty */
        put_rubbish(r, out);
        return;
    }
    if (g->huge_bytes_max && rng_below(r, 2000) == 0) {
        for (size_t len = (size_t)rng_below(r, g->huge_bytes_max); out->len < len;)
            put_words(r, out, 20);
        return;
    }
    switch (rng_below(r, 4)) {
    case 0:
        al_buf_printf(out, "user u%d logged in from 10.0.%d.%d in %d.%03d s", (int)rng_below(r, 50),
                      (int)rng_below(r, 4), (int)rng_below(r, 20), (int)rng_below(r, 3),
                      (int)rng_below(r, 1000));
        return;
    case 1:
        al_buf_printf(out, "Connection refused by %s:%d", PICK(r, hosts), (int)rng_below(r, 100));
        return;
    default:
        put_words(r, out, 1 + (size_t)rng_below(r, 8));
    }
}

/* ---- Values */

/* A JSON string of plain text, a number in quotes, and sometimes what must be escaped. */
static void put_json_string(rng *r, al_buf *out)
{
    al_buf_u8(out, '"');
    al_buf_str(out, rng_chance(r, 20) ? PICK(r, numbers) : PICK(r, words));
    if (rng_chance(r, 10))
        al_buf_str(out, " \\\"q\\\" \\\\ \\n\\u0001");
    al_buf_u8(out, '"');
}

static void put_json(rng *r, al_buf *out, unsigned depth);

static void put_json_array(rng *r, al_buf *out, unsigned depth)
{
    al_buf_u8(out, '[');
    for (size_t i = 0, n = (size_t)rng_below(r, 4); i < n; i++) {
        if (i)
            al_buf_u8(out, ',');
        put_json(r, out, depth + 1);
    }
    al_buf_u8(out, ']');
}

static void put_json_object(rng *r, al_buf *out, unsigned depth)
{
    static const char *const keys[] = {"id", "deep", "k", "list", "a b", "b", "deep.k", "\\n", ""};
    bool used[AL_COUNT(keys)] = {false};
    bool is_first = true;
    bool may_double = rng_chance(r, 10);
    al_buf_u8(out, '{');
    for (size_t n = (size_t)rng_below(r, 4); n; n--) {
        size_t k = (size_t)rng_below(r, AL_COUNT(keys));
        if (used[k] && !may_double)
            continue;
        used[k] = true;
        al_buf_printf(out, "%s\"%s\":", is_first ? "" : ",", keys[k]);
        is_first = false;
        put_json(r, out, depth + 1);
    }
    al_buf_u8(out, '}');
}

static void put_json(rng *r, al_buf *out, unsigned depth)
{
    unsigned kind = (unsigned)rng_below(r, depth > 3 ? 6 : 9);
    if (kind < 2)
        put_json_string(r, out);
    else if (kind < 4)
        put_number(r, out);
    else if (kind < 6)
        al_buf_str(out, rng_chance(r, 50) ? "null" : rng_chance(r, 50) ? "true" : "false");
    else if (kind < 7)
        put_json_array(r, out, depth);
    else
        put_json_object(r, out, depth);
}

typedef void put_fn(rng *r, al_buf *out, unsigned depth);

static value nested(rec_batch *b, rng *r, val_type type, put_fn *put)
{
    al_buf text;
    al_buf_init(&text, JSON_BYTES_MAX);
    put(r, &text, 0);
    value v = {.type = type, .text = keep(b, &text)};
    al_buf_done(&text);
    return v;
}

static value scalar(rec_batch *b, val_type type, const char *text)
{
    al_slice s = al_arena_copy(b->arena, al_cstr(text));
    if (!s.ptr)
        out_of_memory();
    return (value){.type = type, .text = s};
}

static value any_value(rec_batch *b, rng *r)
{
    al_buf text;
    value v = {.type = VAL_NULL};
    switch (rng_below(r, 8)) {
    case 0:
        return v;
    case 1:
        return (value){.type = rng_chance(r, 50) ? VAL_TRUE : VAL_FALSE};
    case 2:
        return nested(b, r, VAL_ARRAY, put_json_array);
    case 3:
        return nested(b, r, VAL_OBJECT, put_json_object);
    case 4:
    case 5:
        return scalar(b, VAL_NUMBER, PICK(r, numbers));
    default:
        al_buf_init(&text, JSON_BYTES_MAX);
        if (rng_chance(r, 20))
            put_rubbish(r, &text);
        else
            put_words(r, &text, (size_t)rng_below(r, 4));
        v = (value){.type = VAL_STRING, .text = keep(b, &text)};
        al_buf_done(&text);
        return v;
    }
}

static value number_below(rec_batch *b, rng *r, uint64_t n)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)rng_below(r, n));
    return scalar(b, VAL_NUMBER, text);
}

static value traceback(rec_batch *b, rng *r)
{
    char text[400];
    (void)snprintf(text, sizeof text,
                   "Traceback (most recent call last):\n  File \"/srv/app/%s.py\", line %d, in "
                   "%s\n    raise ValueError(%s)\nValueError: %s",
                   PICK(r, hosts), (int)rng_below(r, 300), PICK(r, levels), PICK(r, hosts),
                   PICK(r, words));
    return scalar(b, VAL_STRING, text);
}

/* ---- Records */

static field *add_field(record *rec, field *fields, const char *name, value v)
{
    fields[rec->n_fields++] = (field){.name = al_cstr(name), .val = v};
    return &fields[rec->n_fields - 1];
}

static void put_fields(gen_stream *g, rec_batch *b, record *rec)
{
    rng *r = &g->r;
    field *f = al_arena_alloc(b->arena, FIELDS_PER_RECORD_MAX, sizeof *f);
    if (!f)
        out_of_memory();
    rec->fields = f;
    if (rng_chance(r, 5))
        return; /* a bare message */
    (void)add_field(rec, f, "host", scalar(b, VAL_STRING, PICK(r, hosts)));
    (void)add_field(rec, f, "logger", scalar(b, VAL_STRING, PICK(r, loggers)));
    if (rng_chance(r, 90))
        (void)add_field(rec, f, "levelname", scalar(b, VAL_STRING, PICK(r, levels)));
    if (rng_chance(r, 40))
        (void)add_field(rec, f, "status", number_below(b, r, 6));
    if (rng_chance(r, 30))
        (void)add_field(rec, f, "duration", scalar(b, VAL_NUMBER, PICK(r, numbers)));
    if (rng_chance(r, 30)) {
        char text[16];
        (void)snprintf(text, sizeof text, "u%d", (int)rng_below(r, 50));
        (void)add_field(rec, f, "user", scalar(b, VAL_STRING, text));
    }
    if (rng_chance(r, 15))
        (void)add_field(rec, f, "tags", nested(b, r, VAL_ARRAY, put_json_array));
    if (rng_chance(r, 15))
        (void)add_field(rec, f, "ctx", nested(b, r, VAL_OBJECT, put_json_object));
    if (rng_chance(r, 10)) { /* one path in two places */
        (void)add_field(rec, f, "a", nested(b, r, VAL_OBJECT, put_json_object));
        if (rng_chance(r, 50))
            (void)add_field(rec, f, "a.b", any_value(b, r));
    }
    if (rng_chance(r, 3))
        (void)add_field(rec, f, "exc_info", traceback(b, r));
    if (rng_chance(r, g->odd_percent)) {
        static const char *const odd_names[] = {"odd", "mixed", "stack_info", "na me\"", ""};
        (void)add_field(rec, f, PICK(r, odd_names), any_value(b, r));
    }
    if (rec->n_fields > 1 && rng_chance(r, 10)) { /* another order of the keys */
        field t = f[0];
        f[0] = f[rec->n_fields - 1];
        f[rec->n_fields - 1] = t;
    }
}

static int64_t some_time(gen_stream *g)
{
    rng *r = &g->r;
    int64_t t =
        g->now_ns - rng_between(r, 0, 5) * AL_NS_PER_MS; /* coarse, so that many are equal */
    if (!rng_chance(r, g->late_percent))
        return t;
    switch (rng_below(r, 6)) {
    case 0:
        return t - rng_between(r, 1, 48) * 3600 * AL_NS_PER_S;
    case 1:
        return t - rng_between(r, 1, 90) * AL_NS_PER_DAY;
    case 2:
        return t + rng_between(r, 1, 20) * 3600 * AL_NS_PER_S;
    case 3:
        return rng_chance(r, 50) ? rng_between(r, 0, 3) : INT64_MAX - rng_between(r, 0, 3);
    default:
        return t - rng_between(r, 1, 600) * AL_NS_PER_S;
    }
}

void gen_record(gen_stream *g, rec_batch *b)
{
    record *rec = rec_batch_add(b);
    if (!rec)
        out_of_memory();
    rec->time_ns = some_time(g);
    rec->seq = rng_chance(&g->r, 20) ? rng_between(&g->r, -2, 5) : 0;
    al_buf text;
    al_buf_init(&text, REC_MESSAGE_BYTES_MAX + JSON_BYTES_MAX);
    put_message(g, &text);
    rec->message = keep(b, &text);
    al_buf_done(&text);
    put_fields(g, b, rec);
}

rec_batch *gen_batch(gen_stream *g, size_t n)
{
    rec_batch *b = rec_batch_new(g->now_ns);
    if (!b)
        out_of_memory();
    for (size_t i = 0; i < n; i++) {
        gen_record(g, b);
        if (rng_chance(&g->r, 30))
            g->now_ns += rng_between(&g->r, 0, 40) * AL_NS_PER_MS;
    }
    if (rng_chance(&g->r, 10))
        g->now_ns += rng_between(&g->r, 1, 8) * 3600 * AL_NS_PER_S;
    b->arrival_ns = g->now_ns;
    return b;
}
