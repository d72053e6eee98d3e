#pragma once
/* json_pick.h: single members out of the server's answers. Pure. */
#include "base/arena.h"
#include "base/buf.h"
#include "record/json.h"

/* The member `name` of the object in `text`; false when it is not there or `text` is no object. */
bool json_pick(al_slice text, const char *name, json_token *ret);
/* Its text decoded into the arena (a string), else empty. */
al_slice json_pick_text(al_slice text, const char *name, al_arena *arena);
/* The id of a hit; 0: it has none. */
uint64_t json_pick_id(al_slice hit);
/* Calls back for each item of the array `name`, with its text. False: there is no such array. */
bool json_pick_items(al_slice text, const char *name, void (*fn)(void *ctx, al_slice item),
                     void *ctx);
