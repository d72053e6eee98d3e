/* Old ALCO's addresses of pages: links that people have kept lead where they led. */
#include <stdio.h>

#include "base/clock.h"
#include "catalog/cat_shortcuts.h"
#include "record/old_time.h"
#include "server/api.h"
#include "server/assets.h"
#include "server/old_form.h"

enum { RECENT_S = 300, ADDRESS_BYTES_MAX = 1 << 20 };

/* 301 or 302 to a path of ours (as it stands in an address) with r->params, or with `query`. */
static void redirect(req *r, unsigned status, al_slice path, const al_slice *query)
{
    al_buf to;
    size_t n_before = r->n_headers;
    al_buf_init(&to, ADDRESS_BYTES_MAX);
    al_buf_slice_put(&to, path);
    if (query ? query->len > 0 : r->params.n > 0)
        al_buf_u8(&to, '?');
    if (query)
        al_buf_slice_put(&to, *query);
    else
        old_form_put(&to, &r->params);
    if (al_buf_code(&to) == AL_OK)
        req_header(r, "Location", al_buf_slice(&to));
    if (r->n_headers > n_before) /* it was taken */
        req_answer(r, status, NULL);
    else
        req_problem(r, 503, "no memory");
    al_buf_done(&to);
}

void old_add_slash(req *r)
{
    al_buf path;
    al_buf_init(&path, ADDRESS_BYTES_MAX);
    /* "//x/" would be another host's to a browser; an index has a name, so there is one slash. */
    al_buf_slice_put(&path, r->target.path);
    al_buf_u8(&path, '/');
    if (al_buf_code(&path) == AL_OK)
        redirect(r, 301, al_buf_slice(&path), &r->target.query);
    else
        req_problem(r, 503, "no memory");
    al_buf_done(&path);
}

/* Those of the page we have now: an address with one of them is its own and says what it shows. */
static bool is_new_address(const req *r)
{
    static const char *const names[] = {"from", "to", "q", "line"};
    al_slice value;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (url_param_get(&r->params, names[i], &value))
            return true;
    return false;
}

/* Without a time it is the last five minutes, by the server's clock and zone. */
static void redirect_to_recent(req *r)
{
    al_buf text;
    al_err err = {0};
    al_buf_init(&text, 64);
    int64_t since_ns = al_now_ns() - RECENT_S * AL_NS_PER_S;
    rec_old_time_format(&text, r->srv->local_zone, since_ns - since_ns % AL_NS_PER_S, ' ');
    al_slice since = al_arena_copy(r->arena, al_buf_slice(&text));
    al_buf_done(&text);
    old_form_remove(&r->params, "start_ts"); /* it is empty */
    al_code c = since.len ? old_form_set(&r->params, AL_LIT("start_ts"), since, &err) : AL_NOMEM;
    if (c)
        req_fail(r, c, &err);
    else
        redirect(r, 302, r->target.path, NULL);
}

/* An old time stands without a zone and is the server's; the page, which cannot know that zone,
 * takes it for UTC. Where these differ it becomes the same instant with its Z, and *ret_is_changed
 * is set. */
static al_code make_clear(req *r, const char *name, bool *ret_is_changed, al_err *err)
{
    al_slice text = {0};
    al_buf out;
    int64_t ns = 0;
    int64_t utc_ns = 0;
    int64_t end_ns = 0;
    (void)req_text(r, name, &text);
    if (!rec_old_time_parse(text, r->srv->local_zone, &ns, &end_ns) ||
        !rec_old_time_parse(text, NULL, &utc_ns, &end_ns) || ns == utc_ns)
        return AL_OK;
    al_buf_init(&out, 64);
    rec_old_time_format(&out, NULL, ns, 'T');
    al_buf_u8(&out, 'Z');
    al_slice copy = {0};
    if (al_buf_code(&out) == AL_OK)
        copy = al_arena_copy(r->arena, al_buf_slice(&out));
    al_buf_done(&out);
    if (!copy.ptr)
        return al_fail(err, AL_NOMEM, "read address");
    *ret_is_changed = true;
    return old_form_set(&r->params, al_cstr(name), copy, err);
}

static void show_or_make_clear(req *r)
{
    bool is_changed = false;
    al_err err = {0};
    al_code c = make_clear(r, "start_ts", &is_changed, &err);
    if (!c)
        c = make_clear(r, "end_ts", &is_changed, &err);
    if (c)
        req_fail(r, c, &err);
    else if (is_changed)
        redirect(r, 302, r->target.path, NULL);
    else
        r->asset = asset_find(AL_LIT("/"));
}

/* 404 for programs; people get the page, which names what is not there and leads on. */
static void show_nothing(req *r)
{
    al_buf_clear(&r->out);
    req_answer(r, 0, NULL);
    r->asset = asset_find(AL_LIT("/"));
    r->is_asset_of_nothing = true;
}

/* Names of indexes with commas between them: the page reads several. */
void old_log_page(req *r)
{
    al_slice start = {0};
    cat_index idx;
    size_t n = 0;
    for (size_t at = 0; at <= r->path_args[0].len; n++) {
        size_t comma = al_slice_find(r->path_args[0], ',', at);
        if (!api_index_named(r, al_slice_sub(r->path_args[0], at, comma), &idx)) {
            if (r->status == 404)
                show_nothing(r);
            return;
        }
        at = comma + 1;
    }
    bool has_start = req_text(r, "start_ts", &start) && start.len;
    if (n == 1 && !has_start && !is_new_address(r))
        redirect_to_recent(r);
    else
        show_or_make_clear(r);
}

/* ---- Shortcuts */

/* What stands behind the name, as it was before it came into an address: "a/b/" is the value "a/b".
 * AL_NOMEM. */
static al_code value_of(req *r, al_slice *ret, al_err *err)
{
    enum { VALUE_AT = 3 }; /* grep, shortcut, name */
    const url_target *t = &r->target;
    al_buf value;
    al_buf_init(&value, ADDRESS_BYTES_MAX);
    for (size_t i = VALUE_AT; i + 1 < t->n; i++) {
        if (i > VALUE_AT)
            al_buf_u8(&value, '/');
        al_buf_slice_put(&value, t->parts[i]);
    }
    al_slice copy = {0};
    if (al_buf_code(&value) == AL_OK)
        copy = al_arena_copy(r->arena, al_buf_slice(&value));
    al_buf_done(&value);
    *ret = copy;
    return copy.ptr ? AL_OK : al_fail(err, AL_NOMEM, "read address");
}

/* Arguments of the request, then the value for the default field, then those that were saved: later
 * ones win. */
static al_code join_params(req *r, const cat_shortcut *s, al_slice value, al_err *err)
{
    url_params saved = {0};
    al_code c = AL_OK;
    if (value.len && s->default_field.len)
        c = old_form_set(&r->params, s->default_field, value, err);
    if (!c)
        c = old_form_parse(cat_shortcut_query(s), r->arena, &saved, err);
    for (size_t i = 0; !c && i < saved.n; i++)
        if (saved.items[i].value.len) /* as parse_qsl, which leaves out what says nothing */
            c = old_form_set(&r->params, saved.items[i].name, saved.items[i].value, err);
    return c;
}

void old_shortcut(req *r)
{
    cat_shortcut s;
    al_slice value;
    al_err err = {0};
    if (r->target.parts[r->target.n - 1].len) {
        old_add_slash(r);
        return;
    }
    al_code c = value_of(r, &value, &err);
    if (!c)
        c = catalog_shortcut_get(r->srv->cat, r->path_args[0], r->arena, &s, &err);
    if (!c)
        c = join_params(r, &s, value, &err);
    if (c) {
        req_fail(r, c, &err);
        return;
    }
    char path[sizeof "/grep//" + CAT_INDEX_NAME_MAX];
    (void)snprintf(path, sizeof path, "/grep/%s/", s.index);
    redirect(r, 302, al_cstr(path), NULL);
}
