/* Any bytes as a configuration file. Properties: a mistake is said exactly when AL_INVALID is
 * answered, as one line without control characters; a value that is taken keeps its setting's
 * range; settling keeps one value of a single setting. */
#include "fuzz.h"

#include <string.h>

#include "config/config.h"

static void hear(void *ctx, const char *line)
{
    size_t *n = ctx;
    CHECK(strncmp(line, "f:", 2) == 0 && !strchr(line, '\n'));
    (*n)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n_said = 0;
    al_err err = {0};
    config *c = config_new(hear, &n_said);
    CHECK(c);
    al_code code = config_read_text(c, "f", (al_slice){data, size}, &err);
    CHECK(code == AL_OK || code == AL_INVALID);
    CHECK((code == AL_INVALID) == (n_said > 0));
    config_settle(c);
    for (int id = 0; id < SETTINGS_N; id++) {
        const setting *s = &settings[id];
        size_t n = config_count(c, (setting_id)id);
        CHECK(n <= 1 || strchr(s->key, '[') || strchr(s->key, '*'));
        for (size_t i = 0; i < n; i++) {
            const config_value *v = config_at(c, (setting_id)id, i);
            CHECK(v->text.len && strlen((const char *)v->text.ptr) == v->text.len);
            if (s->kind == SETTING_NUMBER || s->kind == SETTING_BYTES)
                CHECK(v->number >= s->min && v->number <= s->max);
        }
    }
    (void)config_free(c);
    return 0;
}
