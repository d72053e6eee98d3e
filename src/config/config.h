#pragma once
/* config.h: the settings of `alco serve`, put together from its file, the environment and its
 * flags. What is settable stands in settings.h alone. One thread at a time; once config_settle has
 * been called, any number may read. */
#include "base/arena.h"
#include "base/err.h"
#include "config/settings.h"

typedef struct config config;

typedef struct config_value {
    al_slice text;     /* as written, with a NUL behind it */
    uint64_t number;   /* NUMBER and BYTES: the value; CHOICE: which word, from 0 */
    uint32_t item[2];  /* its place in the lists around it, from 0 */
    al_slice name;     /* a setting `a.*`: what stands for the * */
    const char *where; /* "alco.yaml:3:7", "--listen", "ALCO_LISTEN"; for messages */
    bool is_from_file;
} config_value;

/* One mistake, as a line for people: where, which setting, what was expected. */
typedef void config_say_fn(void *ctx, const char *line);

/* `say` hears every mistake that is found below. NULL without memory. */
config *config_new(config_say_fn *say, void *ctx);
config *config_free(config *c);

/* The file's settings. Goes on behind a mistake, so that one run names them all (up to 50).
 * AL_INVALID: there was one (said); AL_NOT_FOUND, AL_IO: it cannot be read. */
AL_CHECK al_code config_read_file(config *c, const char *path, al_err *err);
/* As config_read_file, for a text; `name` is the file's in messages. */
AL_CHECK al_code config_read_text(config *c, const char *name, al_slice text, al_err *err);
/* Takes the place of what the file says. `environ` as the process has it. AL_INVALID (said). */
AL_CHECK al_code config_read_environment(config *c, char *const *environment, al_err *err);
/* Takes the place of both; a list's flag adds an item. AL_INVALID (said). */
AL_CHECK al_code config_set_flag(config *c, setting_id id, const char *value, al_err *err);

/* What is set more than once is decided; values that were overruled are gone. Before the readers
 * below. */
void config_settle(config *c);
/* The value of a single setting, or NULL when it is not set. Valid until config_free. */
const config_value *config_get(const config *c, setting_id id);
/* Number of values of a list or of free names; the i-th in order. */
size_t config_count(const config *c, setting_id id);
const config_value *config_at(const config *c, setting_id id, size_t i);
/* The value, or what it is otherwise (settings.h). */
const char *config_text(const config *c, setting_id id);
uint64_t config_number(const config *c, setting_id id);
/* Is the setting another one there, or are its values? */
bool config_differs(const config *a, const config *b, setting_id id);
/* Says a mistake that only the reader of a value can see, and returns AL_INVALID. */
al_code config_complain(config *c, setting_id id, const config_value *v, const char *fmt, ...)
    AL_PRINTF(4, 5);

AL_DEFINE_CLEANUP(config, config_free);
