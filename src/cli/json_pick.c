/* Members of JSON objects. The answers are our own server's, so what does not fit is left out. */
#include "cli/json_pick.h"

bool json_pick(al_slice text, const char *name, json_token *ret)
{
    json_reader r = json_read(text);
    val_type type = VAL_NULL;
    json_token key;
    json_token value;
    if (!json_peek(&r, &type) || type != VAL_OBJECT)
        return false;
    json_open(&r);
    while (json_next(&r, VAL_OBJECT, &key) == JSON_ITEM && json_value(&r, &value)) {
        if (al_slice_eq(key.raw, al_cstr(name))) {
            *ret = value;
            return true;
        }
    }
    return false;
}

al_slice json_pick_text(al_slice text, const char *name, al_arena *arena)
{
    json_token t;
    bool is_lone = false;
    if (!json_pick(text, name, &t) || t.type != VAL_STRING)
        return (al_slice){0};
    uint8_t *out = al_arena_alloc(arena, t.raw.len + 1, 1);
    if (!out)
        return (al_slice){0};
    size_t n = json_unescape(t.raw, out, &is_lone);
    out[n] = '\0';
    return (al_slice){out, n};
}

uint64_t json_pick_id(al_slice hit)
{
    json_token id;
    uint64_t n = 0;
    if (json_pick(hit, "id", &id))
        (void)al_parse_u64(id.raw, &n); /* 0 when it is none */
    return n;
}

bool json_pick_items(al_slice text, const char *name, void (*fn)(void *ctx, al_slice item),
                     void *ctx)
{
    json_token list;
    json_token none;
    json_token item;
    val_type type = VAL_NULL;
    if (!json_pick(text, name, &list) || list.type != VAL_ARRAY)
        return false;
    json_reader r = json_read(list.raw);
    if (!json_peek(&r, &type))
        return false;
    json_open(&r);
    while (json_next(&r, VAL_ARRAY, &none) == JSON_ITEM && json_value(&r, &item))
        fn(ctx, item.raw);
    return true;
}
