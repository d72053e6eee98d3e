#pragma once
/* cat_check.h: what an index's settings may be, and what they are when nobody said. Pure. */
#include "catalog/catalog.h"

enum {
    CAT_INTERVALS_MAX = 36500,
    CAT_INTERVALS_DEFAULT = 30,
    CAT_PROCESSES_MAX = 64,
    CAT_TEXT_FIELDS_MAX = 32,
    CAT_TEXT_FIELD_BYTES_MAX = 1024,
    CAT_SHORT_BYTES_MAX = 255, /* a short string of AMQP */
    CAT_KEYS_BYTES_MAX = 8192,
};

/* \w{1,20}: ASCII letters, digits, underscore. */
bool cat_name_is_good(const char *name);
/* AL_INVALID names the bad setting, its value and what was expected. */
AL_CHECK al_code cat_index_check(const cat_index *idx, al_err *err);
/* Checked routing keys as they are kept, "a,b": without space around them; in `out`, which has room
 * for CAT_KEYS_BYTES_MAX. */
al_slice cat_keys_tidy(al_slice keys, uint8_t *out);
/* A deep copy in the arena. */
AL_CHECK al_code cat_index_copy(const cat_index *from, al_arena *arena, cat_index *ret,
                                al_err *err);
