/* Values from all sources in one list, each with the rank of its source. What belongs together (a
 * list, its items' members) is overruled together: a flag --amqp replaces all brokers of the file,
 * not the first one. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config_priv.h"
#include "config/config_text.h"

enum { VALUES_MAX = 10000 };

typedef struct entry {
    setting_id id;
    config_rank rank;
    config_value value;
} entry;

struct config {
    al_arena *arena;
    config_say_fn *say;
    void *say_ctx;
    unsigned n_mistakes;
    entry *entries;
    size_t n_entries;
    size_t cap_entries;
    uint32_t n_flags[SETTINGS_N]; /* items given so far */
};

config *config_new(config_say_fn *say, void *ctx)
{
    AL_CLEANUP(config_freep) config *c = al_zalloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->say = say;
    c->say_ctx = ctx;
    c->arena = al_arena_new(4096);
    return c->arena ? AL_TAKE(c) : NULL;
}

config *config_free(config *c)
{
    if (!c)
        return NULL;
    (void)al_arena_free(c->arena);
    free(c->entries);
    free(c);
    return NULL;
}

/* ---- Mistakes */

__attribute__((format(printf, 3, 0))) static void say_at(config *c, config_place at,
                                                         const char *fmt, va_list ap)
{
    char line[1024];
    int n = 0;
    if (c->n_mistakes++ >= CONFIG_MISTAKES_MAX)
        return;
    if (at.line)
        n = snprintf(line, sizeof line, "%.200s:%zu:%zu: %s%s", at.name, at.line, at.column,
                     at.key ? at.key : "", at.key ? ": " : "");
    else
        n = snprintf(line, sizeof line, "%.200s: ", at.name);
    (void)vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
    for (char *p = line; *p; p++) /* a name of many lines stays one */
        if ((unsigned char)*p < ' ')
            *p = ' ';
    c->say(c->say_ctx, line);
}

void config_say(config *c, config_place at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say_at(c, at, fmt, ap);
    va_end(ap);
}

al_code config_complain(config *c, setting_id id, const config_value *v, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    config_say(c, (config_place){.name = v->where}, "%s%s%s",
               v->is_from_file ? settings[id].key : "", v->is_from_file ? ": " : "", text);
    return AL_INVALID;
}

unsigned config_mistakes(const config *c)
{
    return c->n_mistakes;
}

/* ---- Values */

/* Which word of "a|b|c"; false: none. */
static bool find_word(const char *words, al_slice text, uint64_t *ret)
{
    al_slice all = al_cstr(words);
    uint64_t i = 0;
    for (size_t at = 0; at <= all.len; i++) {
        size_t end = al_slice_find(all, '|', at);
        if (al_slice_eq(al_slice_sub(all, at, end), text)) {
            *ret = i;
            return true;
        }
        at = end + 1;
    }
    return false;
}

/* 8388608 as "8MiB": the largest unit that leaves nothing over. */
static const char *bytes_text(uint64_t bytes, char ret[32])
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    size_t u = 0;
    for (; u < 4 && bytes >= 1024 && bytes % 1024 == 0; u++)
        bytes /= 1024;
    (void)snprintf(ret, 32, "%" PRIu64 "%s", bytes, units[u]);
    return ret;
}

static bool read_number(config *c, const setting *s, config_place at, al_slice text, uint64_t *ret)
{
    char least[32];
    char most[32];
    bool is_read = s->kind == SETTING_BYTES ? al_parse_bytes(text, ret) : al_parse_u64(text, ret);
    if (is_read && *ret >= s->min && *ret <= s->max)
        return true;
    if (s->kind == SETTING_NUMBER)
        config_say(c, at, "'%.*s': expected a number from %" PRIu64 " to %" PRIu64, AL_ARG(text),
                   s->min, s->max);
    else if (!is_read)
        config_say(c, at, "'%.*s': expected bytes, as 512MiB, 10GB or 1000", AL_ARG(text));
    else
        config_say(c, at, "'%.*s': expected %s to %s", AL_ARG(text), bytes_text(s->min, least),
                   bytes_text(s->max, most));
    return false;
}

/* AL_INVALID: said. */
static al_code parse(config *c, const setting *s, config_place at, al_slice text, config_value *v)
{
    switch (s->kind) {
    case SETTING_TEXT:
        if (text.len && al_slice_find(text, '\0', 0) == text.len)
            return AL_OK;
        config_say(c, at, "expected %s, not %s", s->form,
                   text.len ? "text with a NUL in it" : "an empty text");
        return AL_INVALID;
    case SETTING_NUMBER:
    case SETTING_BYTES:
        return read_number(c, s, at, text, &v->number) ? AL_OK : AL_INVALID;
    case SETTING_CHOICE:
        if (find_word(s->form, text, &v->number))
            return AL_OK;
        config_say(c, at, "'%.*s': expected %s", AL_ARG(text), s->form);
        return AL_INVALID;
    }
    return AL_INVALID;
}

static const char *keep_place(config *c, config_place at)
{
    char text[300];
    int n = at.line ? snprintf(text, sizeof text, "%.200s:%zu:%zu", at.name, at.line, at.column)
                    : snprintf(text, sizeof text, "%.200s", at.name);
    return (const char *)al_arena_copy(c->arena, (al_slice){(const uint8_t *)text, (size_t)n}).ptr;
}

al_code config_put(config *c, setting_id id, config_rank rank, config_place at, al_slice text,
                   const uint32_t item[2], al_slice name)
{
    config_value v = {.item = {item[0], item[1]}, .is_from_file = at.line > 0};
    at.key = settings[id].key;
    if (parse(c, &settings[id], at, text, &v))
        return AL_OK; /* said */
    entry *grown =
        al_grow(c->entries, &c->cap_entries, c->n_entries, sizeof *grown, 32, VALUES_MAX);
    if (!grown)
        return AL_NOMEM;
    c->entries = grown;
    v.text = al_arena_copy(c->arena, text);
    v.name = al_arena_copy(c->arena, name);
    v.where = keep_place(c, at);
    if (!v.text.ptr || !v.name.ptr || !v.where)
        return AL_NOMEM;
    c->entries[c->n_entries++] = (entry){.id = id, .rank = rank, .value = v};
    return AL_OK;
}

/* ---- Environment and flags */

static bool is_list(setting_id id)
{
    return strchr(settings[id].key, '[') != NULL;
}

/* The item that one more flag or word stands for: members go with the item before them. */
static al_code put_next(config *c, setting_id id, config_rank rank, const char *name, al_slice text,
                        al_err *err)
{
    uint32_t item[2] = {c->n_flags[id], 0};
    config_place at = {.name = name};
    if (id == SET_MANAGEMENT) {
        if (c->n_flags[SET_AMQP] == 0 || c->n_flags[SET_MANAGEMENT] == c->n_flags[SET_AMQP]) {
            config_say(c, at, "it belongs behind the --amqp that it is for");
            return al_fail(err, AL_INVALID, "%s: it belongs behind its amqp", name);
        }
        item[0] = c->n_flags[SET_AMQP] - 1;
        c->n_flags[id] = item[0];
    }
    if (is_list(id))
        c->n_flags[id]++;
    unsigned before = c->n_mistakes;
    if (config_put(c, id, rank, at, text, item, AL_LIT("")))
        return al_fail(err, AL_NOMEM, "%s", name);
    return c->n_mistakes == before ? AL_OK : al_fail(err, AL_INVALID, "%s: see above", name);
}

al_code config_set_flag(config *c, setting_id id, const char *value, al_err *err)
{
    char name[64];
    (void)snprintf(name, sizeof name, "--%s", settings[id].flag);
    return put_next(c, id, CONFIG_FROM_FLAG, name, al_cstr(value), err);
}

static al_slice next_word(al_slice text, size_t *at)
{
    while (*at < text.len && strchr(" \t\n\r", text.ptr[*at]))
        (*at)++;
    size_t from = *at;
    while (*at < text.len && !strchr(" \t\n\r", text.ptr[*at]))
        (*at)++;
    return al_slice_sub(text, from, *at);
}

static al_code put_variable(config *c, setting_id id, const char *name, al_slice text, al_err *err)
{
    if (!is_list(id))
        return put_next(c, id, CONFIG_FROM_ENVIRONMENT, name, text, err);
    al_code code = AL_OK;
    size_t at = 0;
    for (al_slice word = next_word(text, &at); !code && word.len; word = next_word(text, &at)) {
        if (id == SET_MANAGEMENT) { /* one for each broker, in their order */
            uint32_t item[2] = {c->n_flags[id]++, 0};
            code = config_put(c, id, CONFIG_FROM_ENVIRONMENT, (config_place){.name = name}, word,
                              item, AL_LIT(""));
        } else {
            code = put_next(c, id, CONFIG_FROM_ENVIRONMENT, name, word, err);
        }
    }
    return code;
}

al_code config_read_environment(config *c, char *const *environment, al_err *err)
{
    for (size_t id = 0; id < SETTINGS_N; id++) {
        char name[64];
        config_variable(&settings[id], name, sizeof name);
        size_t len = strlen(name);
        for (char *const *e = environment; settings[id].flag[0] && *e; e++) {
            if (strncmp(*e, name, len) != 0 || (*e)[len] != '=')
                continue;
            al_code code = put_variable(c, (setting_id)id, name, al_cstr(*e + len + 1), err);
            if (code)
                return code;
        }
    }
    memset(c->n_flags, 0, sizeof c->n_flags);
    return AL_OK;
}

/* ---- Reading */

/* Settings that are overruled together have the same key up to its first list. */
static bool is_same_group(setting_id a, setting_id b)
{
    const char *ka = settings[a].key;
    const char *kb = settings[b].key;
    size_t n = strcspn(ka, "[");
    return a == b || (ka[n] == '[' && strcspn(kb, "[") == n && strncmp(ka, kb, n) == 0);
}

static bool is_single(setting_id id)
{
    const char *key = settings[id].key;
    return !is_list(id) && key[strlen(key) - 1] != '*';
}

void config_settle(config *c)
{
    config_rank top[SETTINGS_N] = {0};
    size_t last[SETTINGS_N] = {0}; /* of that rank: of a flag given twice the last one counts */
    for (size_t i = 0; i < c->n_entries; i++) {
        const entry *e = &c->entries[i];
        for (size_t id = 0; id < SETTINGS_N; id++)
            if (is_same_group(e->id, (setting_id)id) && e->rank > top[id])
                top[id] = e->rank;
    }
    for (size_t i = 0; i < c->n_entries; i++)
        if (c->entries[i].rank == top[c->entries[i].id])
            last[c->entries[i].id] = i;
    size_t n = 0;
    for (size_t i = 0; i < c->n_entries; i++) {
        const entry *e = &c->entries[i];
        if (e->rank == top[e->id] && (!is_single(e->id) || last[e->id] == i))
            c->entries[n++] = *e;
    }
    c->n_entries = n;
}

const config_value *config_at(const config *c, setting_id id, size_t i)
{
    for (size_t k = 0; k < c->n_entries; k++)
        if (c->entries[k].id == id && i-- == 0)
            return &c->entries[k].value;
    return NULL;
}

const config_value *config_get(const config *c, setting_id id)
{
    return config_at(c, id, 0);
}

size_t config_count(const config *c, setting_id id)
{
    size_t n = 0;
    for (size_t k = 0; k < c->n_entries; k++)
        n += c->entries[k].id == id;
    return n;
}

const char *config_text(const config *c, setting_id id)
{
    const config_value *v = config_get(c, id);
    return v ? (const char *)v->text.ptr : settings[id].otherwise;
}

uint64_t config_number(const config *c, setting_id id)
{
    const config_value *v = config_get(c, id);
    if (v)
        return v->number;
    const setting *s = &settings[id];
    al_slice text = al_cstr(s->otherwise);
    uint64_t n = 0;
    bool is_read = s->kind == SETTING_CHOICE  ? find_word(s->form, text, &n)
                   : s->kind == SETTING_BYTES ? al_parse_bytes(text, &n)
                                              : al_parse_u64(text, &n);
    return is_read ? n : 0;
}

bool config_differs(const config *a, const config *b, setting_id id)
{
    size_t n = config_count(a, id);
    bool is_same = config_count(b, id) == n;
    for (size_t i = 0; is_same && i < n; i++) {
        const config_value *va = config_at(a, id, i);
        const config_value *vb = config_at(b, id, i);
        is_same = al_slice_eq(va->text, vb->text) && al_slice_eq(va->name, vb->name) &&
                  va->item[0] == vb->item[0] && va->item[1] == vb->item[1];
    }
    return !is_same;
}
