/* Hits come in pages; around each the server is asked for its neighbours. One row more than wanted
 * is asked for in front: when that one was printed already, the groups touch and nothing stands
 * between them. Rows behind a hit wait for the next hit, which may be one of them. */
#include "cli/grep_around.h"

#include "cli/cli.h"
#include "cli/json_pick.h"

enum { PAGE_BYTES_MAX = 64 << 20 };

typedef struct around {
    const around_job *job;
    al_buf page;
    al_buf near;    /* the answer about the hit at hand */
    al_buf after;   /* the one about the hit before: its rows behind are still to print */
    uint64_t last;  /* id of the row printed last; 0: none */
    uint64_t until; /* rows behind are printed below this id */
    uint64_t n;
    uint64_t n_before; /* of this answer */
    bool touches;
    bool is_full;
    al_code code;
    al_err *err;
} around;

static uint64_t id_of(al_slice hit)
{
    json_token id;
    uint64_t n = 0;
    if (json_pick(hit, "id", &id))
        (void)al_parse_u64(id.raw, &n);
    return n;
}

static void print_row(around *a, al_slice hit, uint64_t id, bool is_hit)
{
    a->job->print(a->job->ctx, hit, is_hit);
    a->last = id;
}

static void take_after(void *ctx, al_slice hit)
{
    around *a = ctx;
    uint64_t id = id_of(hit);
    if (id > a->last && id < a->until)
        print_row(a, hit, id, false);
}

static void flush_after(around *a, uint64_t until)
{
    a->until = until;
    json_pick_items(al_buf_slice(&a->after), "after", take_after, a);
    al_buf_clear(&a->after);
}

static void count_before(void *ctx, al_slice hit)
{
    around *a = ctx;
    a->touches = a->touches || id_of(hit) <= a->last;
    a->n_before++;
}

static void take_before(void *ctx, al_slice hit)
{
    around *a = ctx;
    uint64_t id = id_of(hit);
    bool is_surplus = a->n_before-- > a->job->before;
    if (id > a->last && !is_surplus)
        print_row(a, hit, id, false);
}

static al_code ask_near(around *a, uint64_t id)
{
    al_buf path;
    al_buf_init(&path, 4096);
    al_buf_str(&path, "/api/v1/indexes/");
    cli_put_escaped(&path, a->job->source->index);
    al_buf_printf(&path, "/context?id=%llu&before=%llu&after=%llu", (unsigned long long)id,
                  (unsigned long long)a->job->before + 1, (unsigned long long)a->job->after);
    al_buf_u8(&path, '\0');
    client_call call = {.path = (const char *)path.ptr};
    al_code c = al_buf_code(&path) ? al_fail(a->err, AL_NOMEM, "context")
                                   : client_run(a->job->source->client, &call, &a->near, a->err);
    if (!c && !grep_source_check(a->job->source, al_buf_slice(&a->near)))
        c = al_fail(a->err, AL_INVALID, CLI_NOT_ALCO);
    al_buf_done(&path);
    return c;
}

static void take_hit(void *ctx, al_slice hit)
{
    around *a = ctx;
    uint64_t id = id_of(hit);
    if (a->code || a->is_full)
        return;
    flush_after(a, id);
    a->code = ask_near(a, id);
    if (a->code)
        return;
    a->touches = false;
    a->n_before = 0;
    json_pick_items(al_buf_slice(&a->near), "before", count_before, a);
    if (!a->touches)
        a->job->gap(a->job->ctx);
    json_pick_items(al_buf_slice(&a->near), "before", take_before, a);
    print_row(a, hit, id, true);
    a->is_full = ++a->n == a->job->max;
    al_buf swapped = a->after;
    a->after = a->near;
    a->near = swapped;
}

static al_code take_pages(around *a)
{
    al_buf more;
    json_token next;
    al_buf_init(&more, 4096);
    al_buf_str(&more, "&order=asc&limit=100&format=json");
    do {
        al_buf_u8(&more, '\0');
        a->code = grep_source_ask(a->job->source, "/search", (const char *)more.ptr, NULL, NULL,
                                  &a->page, a->err);
        if (!a->code && !grep_source_check(a->job->source, al_buf_slice(&a->page)))
            a->code = al_fail(a->err, AL_INVALID, CLI_NOT_ALCO);
        if (a->code)
            break;
        json_pick_items(al_buf_slice(&a->page), "hits", take_hit, a);
        if (!json_pick(al_buf_slice(&a->page), "next", &next) || next.type != VAL_STRING)
            break;
        al_buf_clear(&more);
        al_buf_str(&more, "&order=asc&limit=100&format=json&cursor=");
        cli_put_escaped(&more, next.raw);
    } while (!a->code && !a->is_full);
    al_buf_done(&more);
    if (!a->code)
        flush_after(a, UINT64_MAX);
    return a->code;
}

al_code grep_around(const around_job *job, uint64_t *ret_n, al_err *err)
{
    around a = {.job = job, .err = err};
    al_buf_init(&a.page, PAGE_BYTES_MAX);
    al_buf_init(&a.near, PAGE_BYTES_MAX);
    al_buf_init(&a.after, PAGE_BYTES_MAX);
    al_code c = take_pages(&a);
    *ret_n = a.n;
    al_buf_done(&a.page);
    al_buf_done(&a.near);
    al_buf_done(&a.after);
    return c;
}
