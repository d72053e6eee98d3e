/* One code path for a server and a directory: see client.c. */
#include "cli/grep_source.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/json_pick.h"

enum {
    FORM_BYTES_MAX = 512 << 10 /* the longest query, percent-encoded */,
    COUNT_BYTES_MAX = 1 << 20
};

static void put_path(const grep_source *s, al_buf *path, const char *what)
{
    al_buf_str(path, "/api/v1/indexes/");
    cli_put_escaped(path, s->index);
    al_buf_str(path, what);
}

/* The parameters as a form, which may be long. */
static void put_form(const grep_source *s, al_buf *body, const char *what, const char *more)
{
    al_buf_str(body, "q=");
    cli_put_escaped(body, s->query);
    if (s->since.len) {
        al_buf_str(body, "&from=");
        cli_put_escaped(body, s->since);
    }
    if (s->until.len) {
        al_buf_str(body, "&to=");
        cli_put_escaped(body, s->until);
    }
    if (strcmp(what, "/search") == 0 && !s->needs_fields)
        al_buf_str(body, "&fields=");
    al_buf_str(body, more);
}

al_code grep_source_ask(grep_source *s, const char *what, const char *more,
                        bool (*take)(void *ctx, al_slice bytes), void *ctx, al_buf *ret_body,
                        al_err *err)
{
    al_buf path;
    al_buf form;
    al_buf_init(&path, 4096);
    al_buf_init(&form, FORM_BYTES_MAX);
    put_path(s, &path, what);
    al_buf_u8(&path, '\0');
    put_form(s, &form, what, more);
    client_call call = {.method = "POST",
                        .path = (const char *)path.ptr,
                        .body = al_buf_slice(&form),
                        .type = "application/x-www-form-urlencoded",
                        .take = take,
                        .ctx = ctx};
    al_code c = al_buf_code(&path) || al_buf_code(&form)
                    ? al_fail(err, AL_INVALID, "the patterns are too long")
                    : client_run(s->client, &call, ret_body, err);
    al_buf_done(&path);
    al_buf_done(&form);
    return c;
}

/* ---- Whose answer, and whether it is all */

static void note_missing(grep_source *s, al_slice part, al_slice why)
{
    if (s->missing->len == 0)
        al_buf_printf(s->missing, "%.*s: %.*s", AL_ARG(part), AL_ARG(why));
}

static void take_reason(void *ctx, al_slice item)
{
    grep_source *s = ctx;
    al_arena_reset(s->arena);
    note_missing(s, json_pick_text(item, "part", s->arena), json_pick_text(item, "why", s->arena));
}

bool grep_source_check(grep_source *s, al_slice body)
{
    json_token is_partial;
    if (!json_pick(body, "partial", &is_partial))
        return false;
    if (is_partial.type != VAL_TRUE)
        return is_partial.type == VAL_FALSE;
    json_pick_items(body, "partial_why", take_reason, s);
    note_missing(s, AL_LIT("rows"), AL_LIT("no reason was given"));
    return true;
}

al_code grep_source_page(grep_source *s, const char *more, al_buf *ret_body, al_err *err)
{
    al_code c = grep_source_ask(s, "/search", more, NULL, NULL, ret_body, err);
    if (!c && !grep_source_check(s, al_buf_slice(ret_body)))
        c = al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    return c;
}

al_code grep_source_count(grep_source *s, uint64_t *ret, al_err *err)
{
    al_buf body;
    json_token n;
    al_buf_init(&body, COUNT_BYTES_MAX);
    al_code c = grep_source_ask(s, "/count", "", NULL, NULL, &body, err);
    al_slice answer = al_buf_slice(&body);
    if (!c && !(grep_source_check(s, answer) && json_pick(answer, "count", &n) &&
                al_parse_u64(n.raw, ret)))
        c = al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    al_buf_done(&body);
    return c;
}

bool grep_source_is_lines(const grep_source *s)
{
    return al_slice_starts(client_type(s->client), AL_LIT("application/x-ndjson"));
}

al_code grep_source_check_lines(grep_source *s, bool *ret_is_known, al_err *err)
{
    al_slice partial = client_partial(s->client);
    if (!grep_source_is_lines(s))
        return al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    *ret_is_known = partial.len > 0;
    if (al_slice_starts(partial, AL_LIT("true; ")))
        al_buf_slice_put(s->missing, al_slice_sub(partial, 6, partial.len));
    else if (*ret_is_known && !al_slice_eq(partial, AL_LIT("false")))
        al_buf_slice_put(s->missing, partial);
    return AL_OK;
}
