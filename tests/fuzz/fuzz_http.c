/* Any bytes through what reads requests: targets, forms, cursors, Host and Origin, settings as
 * JSON, what askers show, and the lines of uploads in every encoding (with base/unpack.h).
 * Properties: nothing is read behind the input; a token that is taken comes back the same; a body
 * in two pieces gives the lines of the body in one; lines hold no line feed and are bounded; a
 * value decoded has no more bytes than its text. */
#include "fuzz.h"

#include "base/arena.h"
#include "base/buf.h"
#include "server/access.h"
#include "server/cursor.h"
#include "server/guard.h"
#include "server/lines.h"
#include "server/old_cursor.h"
#include "server/old_form.h"
#include "server/req_json.h"
#include "server/routes.h"
#include "server/url.h"

static void check_target(al_slice text, al_arena *arena)
{
    url_target t;
    url_params p = {0};
    al_slice args[ROUTE_ARGS_MAX];
    const route *r = NULL;
    char allow[64];
    al_err err;
    if (url_parse_target(text, arena, &t, &err) == AL_OK) {
        (void)route_find(AL_LIT("GET"), &t, &r, args, allow);
        if (url_parse_form(t.query, arena, &p, &err) == AL_OK)
            for (size_t i = 0; i < p.n; i++)
                CHECK(p.items[i].name.len + p.items[i].value.len <= t.query.len);
    }
}

/* What is written is read as the same again. */
static void check_old_form(al_slice text, al_arena *arena)
{
    url_params p = {0};
    url_params again = {0};
    al_buf b;
    al_err err;
    if (old_form_parse(text, arena, &p, &err))
        return;
    al_buf_init(&b, SIZE_MAX);
    old_form_put(&b, &p);
    CHECK(old_form_parse(al_buf_slice(&b), arena, &again, &err) == AL_OK);
    for (size_t i = 0; i < p.n; i++)
        CHECK(i < again.n && al_slice_eq(p.items[i].name, again.items[i].name) &&
              al_slice_eq(p.items[i].value, again.items[i].value));
    al_buf_done(&b);
}

static void check_old_cursor(al_slice text)
{
    old_cursor c = {0};
    old_cursor again = {0};
    al_buf b;
    if (!old_cursor_parse(text, &c))
        return;
    CHECK(c.offset <= OLD_CURSOR_OFFSET_MAX);
    al_buf_init(&b, 1000);
    old_cursor_format(&c, &b);
    CHECK(old_cursor_parse(al_buf_slice(&b), &again));
    CHECK(again.has_id == c.has_id && again.is_reverse == c.is_reverse &&
          (!c.has_id || again.id == c.id));
    al_buf_done(&b);
}

static void check_cursor(al_slice text)
{
    cursor c;
    al_err err;
    al_buf b;
    if (cursor_parse(text, &c, &err))
        return;
    al_buf_init(&b, 1000);
    cursor_format(&c, &b);
    CHECK(al_slice_eq(al_buf_slice(&b), text));
    al_buf_done(&b);
}

static void check_guard(al_slice text)
{
    size_t half = al_slice_find(text, '|', 0);
    guard_request r = {.host = al_slice_sub(text, 0, half),
                       .origin = al_slice_sub(text, half + 1, text.len),
                       .is_get = true};
    if (!r.origin.ptr)
        r.origin.ptr = (const uint8_t *)"";
    if (guard_check(&r, NULL, 0) == GUARD_OK) {
        al_slice name;
        al_slice port;
        CHECK(guard_split_host(r.host, &name, &port));
    }
}

static void check_access(al_slice text)
{
    char client[ACCESS_CLIENT_BYTES_MAX];
    al_slice found = {0};
    size_t at = 0;
    if (access_bearer(text, &found))
        CHECK(found.len < text.len);
    for (size_t before = 0; access_next_cookie(text, "a", &at, &found); before = at) {
        CHECK(at > before);
        CHECK(found.ptr >= text.ptr && found.ptr + found.len <= text.ptr + text.len);
    }
    access_client(NULL, text, client);
    CHECK(memchr(client, '\0', sizeof client));
}

/* The lines, each with a newline, of the body in pieces of at most `piece` bytes. */
static al_code split(al_slice encoding, al_slice body, size_t piece, al_buf *out)
{
    AL_CLEANUP(lines_freep) lines *l = NULL;
    al_slice line;
    bool has = false;
    bool is_cut = false;
    al_err err;
    if (lines_new(encoding, NULL, &l, &err))
        return AL_NOMEM;
    for (size_t at = 0; at < body.len; at += piece) {
        lines_feed(l, al_slice_sub(body, at, at + piece));
        do {
            al_code c = lines_next(l, &line, &has, &is_cut, &err);
            if (c)
                return c;
            if (has) {
                CHECK(line.len > 0 && line.len <= LINES_LINE_BYTES_MAX);
                CHECK(al_slice_find(line, '\n', 0) == line.len);
                al_buf_slice_put(out, line);
                al_buf_u8(out, '\n');
            }
        } while (has && out->len < 32 << 20);
    }
    al_code c = lines_last(l, &line, &has, &is_cut, &err);
    if (!c && has)
        al_buf_slice_put(out, line);
    return c;
}

static void check_lines(al_slice encoding, al_slice body, size_t piece)
{
    al_buf whole;
    al_buf parts;
    al_buf_init(&whole, SIZE_MAX);
    al_buf_init(&parts, SIZE_MAX);
    al_code a = split(encoding, body, body.len ? body.len : 1, &whole);
    al_code b = split(encoding, body, piece, &parts);
    if (whole.len < 32 << 20) {
        CHECK(a == b);
        if (a == AL_OK)
            CHECK(al_slice_eq(al_buf_slice(&whole), al_buf_slice(&parts)));
    }
    al_buf_done(&whole);
    al_buf_done(&parts);
}

/* ---- Settings */

typedef struct taker {
    al_arena *arena;
    size_t bytes; /* of the body */
} taker;

/* Takes the member as the type that its name asks for: t text, b boolean, u number, l list. */
static al_code take_member(void *ctx, al_slice name, json_reader *value, al_err *err)
{
    taker *t = ctx;
    al_slice text = {0};
    al_slice *texts = NULL;
    size_t n = 0;
    uint64_t number = 0;
    bool flag = false;
    al_code c = AL_OK;
    CHECK(name.len <= t->bytes);
    switch (name.len ? name.ptr[0] : 't') {
    case 'b':
        return json_take_bool(value, name, &flag, err);
    case 'u':
        return json_take_u64(value, name, &number, err);
    case 'l':
        c = json_take_texts(value, name, t->arena, 3, &texts, &n, err);
        CHECK(n <= 3);
        for (size_t i = 0; i < n; i++)
            CHECK(texts[i].len <= t->bytes);
        return c;
    default:
        c = json_take_text(value, name, t->arena, &text, err);
        CHECK(text.len <= t->bytes);
        return c;
    }
}

static void check_settings(al_slice body, al_arena *arena)
{
    taker t = {arena, body.len};
    al_err err = {0};
    al_code c = json_each_member(body, arena, take_member, &t, &err);
    CHECK(c == AL_OK || (c == AL_INVALID && err.msg[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    al_slice text = {data + 2, n - 2};
    al_arena *arena = al_arena_new(4096);
    static const al_slice encodings[] = {
        {(const uint8_t *)"", 0}, {(const uint8_t *)"gzip", 4}, {(const uint8_t *)"zstd", 4}};
    switch (data[0] % 7) {
    case 0:
        check_target(text, arena);
        check_old_form(text, arena);
        break;
    case 1:
        check_cursor(text);
        check_old_cursor(text);
        break;
    case 2:
        check_guard(text);
        check_access(text);
        break;
    case 6:
        check_settings(text, arena);
        break;
    default:
        check_lines(encodings[data[0] % 7 - 3], text, (size_t)data[1] + 1);
        break;
    }
    (void)al_arena_free(arena);
    return 0;
}
