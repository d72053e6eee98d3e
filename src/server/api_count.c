/* count, histogram, values: one number, numbers over time, numbers by value. */
#include <inttypes.h>

#include "base/checked.h"
#include "base/clock.h"
#include "record/json_out.h"
#include "record/timestamp.h"
#include "server/api.h"

enum { STEPS_WANTED = 240, VALUES_DEFAULT = 100, VALUES_MAX = 10000 };

void api_count(req *r)
{
    al_err err = {0};
    uint64_t n = 0;
    eng_answer answer = {0};
    api_scope *s = api_scope_read(r);
    if (!s)
        return;
    al_code c = engine_count(r->srv->eng, &s->eng, &s->budget, &n, &answer, &err);
    if (c) {
        req_fail(r, c, &err);
    } else {
        api_scope_note(s, &answer);
        req_answer(r, 200, "application/json");
        al_buf_printf(&r->out, "{\"count\":%" PRIu64 ",", n);
        api_put_report(r, s);
        al_buf_str(&r->out, "}\n");
    }
    api_scope_done(s);
}

/* ---- Histogram */

static const int64_t units_ns[] = {AL_NS_PER_MS,       AL_NS_PER_S,   60 * AL_NS_PER_S,
                                   3600 * AL_NS_PER_S, AL_NS_PER_DAY, 7 * AL_NS_PER_DAY};

/* "5m" -> ns; 0 when it is none. */
static int64_t parse_step(al_slice text)
{
    static const char *const names[] = {"ms", "s", "m", "h", "d", "w"};
    size_t digits = 0;
    uint64_t n = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (!al_parse_u64(al_slice_sub(text, 0, digits), &n) || n == 0)
        return 0;
    for (size_t i = 0; i < 6; i++)
        if (al_slice_eq(al_slice_sub(text, digits, text.len), al_cstr(names[i])))
            return n <= (uint64_t)(INT64_MAX / units_ns[i]) ? (int64_t)n * units_ns[i] : 0;
    return 0;
}

/* Steps that people read well, in ms. */
static const int64_t nice_ms[] = {
    1,         2,          5,          10,         20,         50,       100,
    200,       500,        1000,       2000,       5000,       10000,    15000,
    30000,     60000,      120000,     300000,     600000,     900000,   1800000,
    3600000,   7200000,    10800000,   21600000,   43200000,   86400000, 172800000,
    604800000, 1209600000, 2592000000, 7776000000, 31536000000};

/* How many buckets of `step` the range [from, to) touches. */
static int64_t buckets_in(int64_t from_ns, int64_t to_ns, int64_t step_ns)
{
    return to_ns > from_ns ? (to_ns - 1) / step_ns - from_ns / step_ns + 1 : 0;
}

static int64_t choose_step(int64_t from_ns, int64_t to_ns)
{
    size_t n = sizeof nice_ms / sizeof nice_ms[0];
    for (size_t i = 0; i < n; i++)
        if (buckets_in(from_ns, to_ns, nice_ms[i] * AL_NS_PER_MS) <= STEPS_WANTED)
            return nice_ms[i] * AL_NS_PER_MS;
    return nice_ms[n - 1] * AL_NS_PER_MS;
}

/* The part of the range where there are records: an open end must not make empty years. */
static bool clip_to_records(req *r, const api_scope *s, int64_t *from_ns, int64_t *to_ns)
{
    int64_t first = INT64_MAX;
    int64_t last = -1;
    for (size_t i = 0; i < s->n; i++) {
        eng_index_stats stats = {0};
        al_err err = {0};
        al_code c = engine_index_stats(r->srv->eng, s->names[i], &stats, &err);
        if (c) {
            req_fail(r, c, &err);
            return false;
        }
        if (stats.first_ns >= 0) {
            first = AL_MIN(first, stats.first_ns);
            last = AL_MAX(last, stats.last_ns);
        }
    }
    *from_ns = AL_MAX(s->eng.from_ns, first);
    *to_ns = AL_MIN(s->eng.to_ns, last == INT64_MAX ? last : last + 1);
    return true;
}

static bool read_step(req *r, const api_scope *s, int64_t *ret)
{
    al_slice text;
    int64_t from_ns = 0;
    int64_t to_ns = 0;
    if (!clip_to_records(r, s, &from_ns, &to_ns))
        return false;
    if (!req_text(r, "interval", &text)) {
        bool is_closed = s->eng.from_ns > 0 && s->eng.to_ns < INT64_MAX;
        *ret = is_closed ? choose_step(s->eng.from_ns, s->eng.to_ns) : choose_step(from_ns, to_ns);
        return true;
    }
    *ret = parse_step(text);
    if (*ret == 0) {
        req_problem(r, 400, "interval '%.*s': expected a number and ms, s, m, h, d or w, as 5m",
                    AL_ARG(text));
        return false;
    }
    if (buckets_in(from_ns, to_ns, *ret) > ENG_HISTOGRAM_BUCKETS_MAX) {
        req_problem(r, 400, "interval '%.*s': needs more than %d buckets; take a longer one",
                    AL_ARG(text), ENG_HISTOGRAM_BUCKETS_MAX);
        return false;
    }
    return true;
}

/* The counts of one bucket by the text of the value: a number and a text may look the same, a name
 * may stand once only. */
static void put_by(al_buf *out, const eng_histogram *h, const eng_bucket *b)
{
    bool is_first = true;
    al_buf_str(out, ",\"by\":{");
    for (size_t i = 0; i < h->n_values; i++) {
        al_slice text = rec_value_text(&h->values[i]);
        uint64_t n = b->by[i];
        bool is_known = false;
        for (size_t k = 0; k < h->n_values; k++) {
            if (k != i && al_slice_eq(rec_value_text(&h->values[k]), text)) {
                is_known = is_known || k < i;
                n += b->by[k];
            }
        }
        if (is_known || n == 0)
            continue;
        if (!is_first)
            al_buf_u8(out, ',');
        json_put_string(out, text);
        al_buf_printf(out, ":%" PRIu64, n);
        is_first = false;
    }
    al_buf_printf(out, "},\"other\":%" PRIu64, b->other);
}

static void put_histogram(req *r, api_scope *s, const eng_histogram *h, int64_t step_ns,
                          bool has_by)
{
    al_buf *out = &r->out;
    req_answer(r, 200, "application/json");
    al_buf_printf(out, "{\"interval_ms\":%" PRId64 ",\"buckets\":[", step_ns / AL_NS_PER_MS);
    for (size_t i = 0; i < h->n_buckets; i++) {
        al_buf_str(out, i ? ",{\"time\":\"" : "{\"time\":\"");
        rec_time_format(out, h->buckets[i].time_ns);
        al_buf_printf(out, "\",\"count\":%" PRIu64, h->buckets[i].count);
        if (has_by)
            put_by(out, h, &h->buckets[i]);
        al_buf_u8(out, '}');
    }
    al_buf_str(out, "],");
    api_put_report(r, s);
    al_buf_str(out, "}\n");
}

void api_histogram(req *r)
{
    al_err err = {0};
    int64_t step_ns = 0;
    al_slice by = {0};
    eng_histogram h = {0};
    eng_answer answer = {0};
    api_scope *s = api_scope_read(r);
    if (!s)
        return;
    (void)req_text(r, "by", &by);
    if (read_step(r, s, &step_ns)) {
        al_code c = engine_histogram(r->srv->eng, &s->eng, step_ns, by, &s->budget, r->arena, &h,
                                     &answer, &err);
        if (c == AL_LIMIT) {
            req_problem(r, 400, "interval: needs more than %d buckets; take a longer one",
                        ENG_HISTOGRAM_BUCKETS_MAX);
        } else if (c) {
            req_fail(r, c, &err);
        } else {
            api_scope_note(s, &answer);
            put_histogram(r, s, &h, step_ns, by.len > 0);
        }
    }
    api_scope_done(s);
}

/* ---- Values */

static void put_values(req *r, api_scope *s, const eng_values *v)
{
    al_buf *out = &r->out;
    req_answer(r, 200, "application/json");
    al_buf_str(out, "{\"values\":[");
    for (size_t i = 0; i < v->n; i++) {
        al_buf_str(out, i ? ",{\"value\":" : "{\"value\":");
        json_put_value(out, &v->items[i].val);
        al_buf_printf(out, ",\"count\":%" PRIu64 "}", v->items[i].count);
    }
    al_buf_printf(out, "],\"other\":%" PRIu64 ",", v->other);
    api_put_report(r, s);
    al_buf_str(out, "}\n");
}

void api_values(req *r)
{
    al_err err = {0};
    al_slice field = {0};
    uint64_t limit = VALUES_DEFAULT;
    eng_values v = {0};
    eng_answer answer = {0};
    if (!req_text(r, "field", &field) || field.len == 0) {
        req_problem(r, 400, "field: expected the name of a field");
        return;
    }
    if (!req_number(r, "limit", 1, VALUES_MAX, &limit))
        return;
    api_scope *s = api_scope_read(r);
    if (!s)
        return;
    al_code c =
        engine_values(r->srv->eng, &s->eng, field, limit, &s->budget, r->arena, &v, &answer, &err);
    if (c) {
        req_fail(r, c, &err);
    } else {
        api_scope_note(s, &answer);
        put_values(r, s, &v);
    }
    api_scope_done(s);
}
