/* Pages of hits by the API's cursor. Nothing is under way while a hit is looked at, so the callback
 * may ask the server on the same connection. */
#include "cli/grep_pages.h"

#include "cli/cli.h"
#include "cli/json_pick.h"

enum { PAGE_BYTES_MAX = 1 << 30, CURSOR_BYTES_MAX = 4096 };

typedef struct walk {
    bool (*take)(void *ctx, al_slice hit);
    void *ctx;
    bool is_over;
} walk;

static void take_hit(void *ctx, al_slice hit)
{
    walk *w = ctx;
    w->is_over = w->is_over || !w->take(w->ctx, hit);
}

static al_code ask_page(grep_source *s, al_buf *more, al_buf *page, al_err *err)
{
    al_buf_u8(more, '\0');
    if (al_buf_code(more))
        return al_fail(err, AL_INVALID, CLI_NOT_ALCO); /* such a cursor is none of ours */
    return grep_source_page(s, (const char *)more->ptr, page, err);
}

al_code grep_pages(grep_source *s, unsigned n_rows, bool (*take)(void *ctx, al_slice hit),
                   void *ctx, al_err *err)
{
    walk w = {take, ctx, false};
    json_token next;
    al_buf more;
    al_buf page;
    al_buf_init(&more, CURSOR_BYTES_MAX);
    al_buf_init(&page, PAGE_BYTES_MAX);
    al_buf_printf(&more, "&order=asc&format=json&limit=%u", n_rows);
    al_code c = AL_OK;
    while (!(c = ask_page(s, &more, &page, err))) {
        json_pick_items(al_buf_slice(&page), "hits", take_hit, &w);
        if (w.is_over || !json_pick(al_buf_slice(&page), "next", &next) || next.type != VAL_STRING)
            break;
        al_buf_clear(&more);
        al_buf_printf(&more, "&order=asc&format=json&limit=%u&cursor=", n_rows);
        cli_put_escaped(&more, next.raw);
    }
    al_buf_done(&more);
    al_buf_done(&page);
    return c;
}
