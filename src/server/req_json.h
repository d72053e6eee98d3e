#pragma once
/* req_json.h: request bodies that are JSON objects. Pure but for the answer on a bad one. */
#include "record/json.h"
#include "server/req.h"

/* Adds the body's members (a form, or a JSON object of texts, numbers and booleans) to the
 * parameters. Answers and returns false when it is neither, or has a name that is unknown. */
bool req_read_json_params(req *r);

/* Walks the members of an object. `on_member` takes the value from the reader; its error ends it.
 * AL_INVALID: not an object, or not JSON (named with its place). */
typedef al_code json_member_fn(void *ctx, al_slice name, json_reader *value, al_err *err);
AL_CHECK al_code json_each_member(al_slice body, al_arena *arena, json_member_fn *on_member,
                                  void *ctx, al_err *err);
/* One value of a type; AL_INVALID names what was expected of `name`. */
AL_CHECK al_code json_take_text(json_reader *v, al_slice name, al_arena *arena, al_slice *ret,
                                al_err *err);
AL_CHECK al_code json_take_bool(json_reader *v, al_slice name, bool *ret, al_err *err);
AL_CHECK al_code json_take_u64(json_reader *v, al_slice name, uint64_t *ret, al_err *err);
AL_CHECK al_code json_take_texts(json_reader *v, al_slice name, al_arena *arena, size_t max,
                                 al_slice **ret, size_t *ret_n, al_err *err);
