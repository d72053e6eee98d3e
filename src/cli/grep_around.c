/* Around each hit the server is asked for its neighbours. One row more than wanted
 * is asked for in front: when that one was printed already, the groups touch and nothing stands
 * between them. Rows behind a hit wait for the next hit, which may be one of them. */
#include "cli/grep_around.h"

#include "cli/cli.h"
#include "cli/grep_pages.h"
#include "cli/json_pick.h"

enum { NEAR_BYTES_MAX = 1 << 30, PAGE_ROWS = 100 /* each asks for its neighbours */ };

typedef struct around {
    const around_job *job;
    al_buf near;    /* the answer about the hit at hand */
    al_buf after;   /* the one about the hit before: its rows behind are still to print */
    uint64_t last;  /* id of the row printed last; 0: none */
    uint64_t until; /* rows behind are printed below this id */
    uint64_t n;
    uint64_t n_before; /* of this answer */
    bool touches;
    bool is_over;
    al_code code;
    al_err *err;
} around;

static void print_row(around *a, al_slice hit, uint64_t id, bool is_hit)
{
    a->is_over = a->is_over || !a->job->print(a->job->ctx, hit, is_hit);
    a->last = id;
}

static void take_after(void *ctx, al_slice hit)
{
    around *a = ctx;
    uint64_t id = json_pick_id(hit);
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
    a->touches = a->touches || json_pick_id(hit) <= a->last;
    a->n_before++;
}

static void take_before(void *ctx, al_slice hit)
{
    around *a = ctx;
    uint64_t id = json_pick_id(hit);
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
    al_buf_printf(&path, "/context?id=%llu&before=%llu&after=%llu%s", (unsigned long long)id,
                  (unsigned long long)a->job->before + 1, (unsigned long long)a->job->after,
                  a->job->source->needs_fields ? "" : "&fields=");
    al_buf_u8(&path, '\0');
    client_call call = {.path = (const char *)path.ptr};
    al_code c = al_buf_code(&path) ? al_fail(a->err, AL_NOMEM, "context")
                                   : client_run(a->job->source->client, &call, &a->near, a->err);
    if (!c && !grep_source_check(a->job->source, al_buf_slice(&a->near)))
        c = al_fail(a->err, AL_INVALID, CLI_NOT_ALCO);
    al_buf_done(&path);
    return c;
}

static bool take_hit(void *ctx, al_slice hit)
{
    around *a = ctx;
    uint64_t id = json_pick_id(hit);
    flush_after(a, id);
    a->code = ask_near(a, id);
    if (a->code)
        return false;
    a->touches = false;
    a->n_before = 0;
    json_pick_items(al_buf_slice(&a->near), "before", count_before, a);
    if (!a->touches)
        a->job->gap(a->job->ctx);
    json_pick_items(al_buf_slice(&a->near), "before", take_before, a);
    print_row(a, hit, id, true);
    al_buf swapped = a->after;
    a->after = a->near;
    a->near = swapped;
    a->n++;
    return !a->is_over && a->n != a->job->max;
}

al_code grep_around(const around_job *job, uint64_t *ret_n, al_err *err)
{
    around a = {.job = job, .err = err};
    al_buf_init(&a.near, NEAR_BYTES_MAX);
    al_buf_init(&a.after, NEAR_BYTES_MAX);
    al_code c = grep_pages(job->source, PAGE_ROWS, take_hit, &a, err);
    if (!c)
        c = a.code;
    if (!c && !a.is_over)
        flush_after(&a, UINT64_MAX);
    *ret_n = a.n;
    al_buf_done(&a.near);
    al_buf_done(&a.after);
    return c;
}
