#pragma once
/* config_priv.h: what the files of this folder share. */
#include "config/config.h"

typedef enum config_rank {
    CONFIG_FROM_FILE = 1,
    CONFIG_FROM_ENVIRONMENT,
    CONFIG_FROM_FLAG
} config_rank;

/* Where something stands: a place in a file, or the name of a flag or variable. */
typedef struct config_place {
    const char *name;
    size_t line, column; /* from 1; 0: not a file */
    const char *key;     /* of the setting, shown for files; or NULL */
} config_place;

enum { CONFIG_MISTAKES_MAX = 50 };

/* "where: text" to whoever listens; counts. */
void config_say(config *c, config_place at, const char *fmt, ...) AL_PRINTF(3, 4);
unsigned config_mistakes(const config *c);
/* Checks `text` by the setting's row and keeps a copy. Mistakes are said; AL_NOMEM is returned. */
AL_CHECK al_code config_put(config *c, setting_id id, config_rank rank, config_place at,
                            al_slice text, const uint32_t item[2], al_slice name);
