#pragma once
/* query_help.h: queries and records from text, for the tests of the query language. */

#include "test.h"

#include "query/query.h"
#include "record/decode.h"

/* Known fields: names with one space between them. */
static inline bool help_is_field(void *ctx, al_slice name)
{
    al_slice list = al_cstr(ctx);
    for (size_t at = 0; at < list.len;) {
        size_t end = al_slice_find(list, ' ', at);
        if (name.len && al_slice_eq(al_slice_sub(list, at, end), name))
            return true;
        at = end + 1;
    }
    return false;
}

static inline al_code help_parse(al_slice text, const char *fields, query **ret, al_err *err)
{
    query_env env = {.is_field = help_is_field, .ctx = (void *)fields};
    return query_parse(text, &env, ret, err);
}

/* The record of a JSON object, or of a message given as a JSON string. */
static inline record help_record(al_arena *arena, al_slice json)
{
    al_buf body;
    al_buf_init(&body, 1 << 22);
    if (json.len && json.ptr[0] == '"')
        al_buf_str(&body, "{\"message\":");
    al_buf_slice_put(&body, json);
    if (json.len && json.ptr[0] == '"')
        al_buf_str(&body, "}");
    assert_int_equal(al_buf_code(&body), AL_OK);
    al_slice copy = al_arena_copy(arena, al_buf_slice(&body));
    al_buf_done(&body);
    rec_options opt = {.arrival_ns = 1};
    record r = {0};
    unsigned notes = 0;
    assert_int_equal(rec_decode(copy, &opt, arena, &r, &notes), AL_OK);
    assert_false(notes & REC_NOTE_PARSE_ERROR);
    return r;
}

static inline bool help_matches(query *q, const record *r, al_code *ret_code)
{
    al_slice text_fields[] = {AL_LIT("exc_info"), AL_LIT("stack_info")};
    AL_CLEANUP(matcher_freep) matcher *m = NULL;
    al_err err = {0};
    assert_int_equal(matcher_new(q, text_fields, 2, &m, &err), AL_OK);
    return matcher_matches(m, r, ret_code);
}

/* read_as in a buffer that the caller ends with al_buf_done. */
static inline al_buf help_read_as(const query *q)
{
    al_buf out;
    al_buf_init(&out, 1 << 22);
    query_read_as(q, &out);
    assert_int_equal(al_buf_code(&out), AL_OK);
    return out;
}
