/* A look-up (the API's context) says what is around one row, and gives tokens of what is further
 * out; from there on, it is pages of a search without a query. When more rows in front are wanted
 * than a look-up has, the tokens lead back page by page, and the way forward is asked for again:
 * holding as many rows as are wanted is the caller's business, not ours. */
#include "cli/grep_rows.h"

#include "base/checked.h"
#include "cli/cli.h"
#include "cli/json_pick.h"

enum {
    FIRST_ROWS = 500, /* of the page behind a look-up: a page costs as much as 500 rows */
    BACK_ROWS = 1000, /* of a page on the way back */
    SINCE_ROWS = 100, /* of the first page from a time on */
    PAGE_BYTES_MAX = 1 << 30,
    CURSOR_BYTES_MAX = 4096
};

void grep_rows_init(grep_rows *r, const grep_source *s)
{
    r->all = *s;
    r->all.query = r->all.since = r->all.until = (al_slice){0};
    al_buf_init(&r->page, PAGE_BYTES_MAX);
    al_buf_init(&r->cursor, CURSOR_BYTES_MAX);
    r->n = r->at = r->n_asked = 0;
}

void grep_rows_done(grep_rows *r)
{
    al_buf_done(&r->page);
    al_buf_done(&r->cursor);
}

static void take_row(void *ctx, al_slice row)
{
    grep_rows *r = ctx;
    if (r->n < ROWS_HELD_MAX)
        r->rows[r->n++] = (grep_row){row, json_pick_id(row)};
}

/* A token of the answer at hand, percent-encoded; empty for null. False: there is no such member.
 */
static bool take_token(const grep_rows *r, const char *name, al_buf *out)
{
    json_token token;
    al_buf_clear(out);
    if (!json_pick(al_buf_slice(&r->page), name, &token))
        return false;
    if (token.type == VAL_STRING)
        cli_put_escaped(out, token.raw);
    return al_buf_code(out) == AL_OK;
}

static al_code take_page(grep_rows *r, al_slice cursor, al_err *err)
{
    al_buf more;
    al_buf_init(&more, CURSOR_BYTES_MAX + 64);
    al_buf_printf(&more, "&order=asc&format=json&limit=%zu&cursor=", r->n_asked);
    al_buf_slice_put(&more, cursor);
    al_buf_u8(&more, '\0');
    r->n = r->at = 0;
    al_code c = al_buf_code(&more)
                    ? al_fail(err, AL_INVALID, CLI_NOT_ALCO)
                    : grep_source_page(&r->all, (const char *)more.ptr, &r->page, err);
    al_buf_done(&more);
    if (c)
        return c;
    json_pick_items(al_buf_slice(&r->page), "hits", take_row, r);
    return take_token(r, "next", &r->cursor) ? AL_OK : al_fail(err, AL_INVALID, CLI_NOT_ALCO);
}

/* *ret_n: how many rows came that are in front. */
static al_code look_up(grep_rows *r, uint64_t id, uint64_t before, uint64_t after, uint64_t *ret_n,
                       al_err *err)
{
    al_buf path;
    json_token hit;
    al_buf_init(&path, 4096);
    al_buf_str(&path, "/api/v1/indexes/");
    cli_put_escaped(&path, r->all.index);
    al_buf_printf(&path, "/context?id=%llu&before=%llu&after=%llu%s", (unsigned long long)id,
                  (unsigned long long)before, (unsigned long long)after,
                  r->all.needs_fields ? "" : "&fields=");
    al_buf_u8(&path, '\0');
    client_call call = {.path = (const char *)path.ptr};
    r->n = r->at = 0;
    al_code c = al_buf_code(&path) ? al_fail(err, AL_NOMEM, "context")
                                   : client_run(r->all.client, &call, &r->page, err);
    al_slice answer = al_buf_slice(&r->page);
    al_buf_done(&path);
    if (c)
        return c;
    bool is_ours = grep_source_check(&r->all, answer) && json_pick(answer, "hit", &hit) &&
                   take_token(r, "next", &r->cursor);
    if (!is_ours)
        return al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    json_pick_items(answer, "before", take_row, r);
    *ret_n = r->n;
    take_row(r, hit.raw);
    json_pick_items(answer, "after", take_row, r);
    return AL_OK;
}

/* From the look-up at hand, with its n rows in front, back until there are `before`; the page at
 * hand is then the one that begins there. */
static al_code go_back(grep_rows *r, uint64_t n, uint64_t before, al_err *err)
{
    al_buf prev;
    al_code c = AL_OK;
    al_buf_init(&prev, CURSOR_BYTES_MAX);
    r->n_asked = BACK_ROWS;
    while (!c && n < before) {
        if (!take_token(r, "prev", &prev))
            c = al_fail(err, AL_INVALID, CLI_NOT_ALCO);
        if (c || prev.len == 0)
            break;
        c = take_page(r, al_buf_slice(&prev), err);
        n += r->n;
    }
    al_buf_done(&prev);
    return c;
}

al_code grep_rows_jump(grep_rows *r, uint64_t id, uint64_t before, uint64_t after, al_err *err)
{
    uint64_t n = 0;
    r->n_asked = FIRST_ROWS / 2; /* doubled by each fetch */
    al_code c = look_up(r, id, AL_MIN(before, (uint64_t)ROWS_LOOK_MAX),
                        AL_MIN(after, (uint64_t)ROWS_LOOK_MAX), &n, err);
    return c || n >= before ? c : go_back(r, n, before, err);
}

al_code grep_rows_from(grep_rows *r, al_slice since, al_err *err)
{
    r->n_asked = SINCE_ROWS;
    r->all.since = since; /* a cursor knows it */
    al_code c = take_page(r, (al_slice){0}, err);
    r->all.since = (al_slice){0};
    return c;
}

const grep_row *grep_rows_peek(const grep_rows *r)
{
    return r->at < r->n ? &r->rows[r->at] : NULL;
}

bool grep_rows_has_more(const grep_rows *r)
{
    return r->cursor.len > 0;
}

al_code grep_rows_fetch(grep_rows *r, al_err *err)
{
    r->n_asked = AL_MIN(r->n_asked * 2, (size_t)ROWS_HELD_MAX);
    return take_page(r, al_buf_slice(&r->cursor), err);
}
