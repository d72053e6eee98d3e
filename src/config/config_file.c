/* The YAML file, by libyaml's events: no tree is kept. The reader knows the path of where it stands
 * ("amqp[].url") and asks the table whether a setting is there, or a longer path begins so. Of what
 * is wrong it says where and what was expected, skips it, and goes on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/config_priv.h"

enum { FILE_BYTES_MAX = 1 << 20, PATH_BYTES = 256, KEYS_MAX = 1000, DEPTH_MAX = 16 };

typedef struct reader {
    yaml_parser_t yaml;
    config *cfg;
    const char *name;
    al_slice text;
    char path[PATH_BYTES]; /* empty at the top */
    uint32_t item[2];
    unsigned n_lists;
    al_slice free_name; /* of a key that the table leaves open */
    al_code code;       /* what ended the reading */
} reader;

typedef struct seen_key {
    const char *key;
    size_t line;
} seen_key;

static void read_value(reader *r, const yaml_event_t *e, unsigned depth);

static config_place place_of(const reader *r, yaml_mark_t m)
{
    return (config_place){.name = r->name, .line = m.line + 1, .column = m.column + 1};
}

/* ---- Events */

/* What libyaml finds wrong; a tab is its favourite without a name. */
static void say_syntax(reader *r)
{
    const yaml_parser_t *y = &r->yaml;
    yaml_mark_t at = y->problem_mark;
    bool is_tab = at.index < r->text.len && r->text.ptr[at.index] == '\t';
    if (y->error == YAML_MEMORY_ERROR) {
        r->code = AL_NOMEM;
        return;
    }
    if (y->error == YAML_READER_ERROR) /* it has no mark, only an offset */
        config_say(r->cfg, (config_place){.name = r->name}, "byte %zu: %s: expected UTF-8 text",
                   y->problem_offset, y->problem);
    else if (is_tab)
        config_say(r->cfg, place_of(r, at), "a tab: YAML indents with spaces");
    else if (y->context)
        config_say(r->cfg, place_of(r, at), "%s (%s that begins in line %zu)", y->problem,
                   y->context, y->context_mark.line + 1);
    else
        config_say(r->cfg, place_of(r, at), "%s", y->problem);
    r->code = AL_INVALID;
}

/* False at the end of reading; else the caller deletes *ret. */
static bool next_event(reader *r, yaml_event_t *ret)
{
    if (r->code)
        return false;
    if (yaml_parser_parse(&r->yaml, ret))
        return true;
    say_syntax(r);
    return false;
}

/* Ends the reading: libyaml takes time by the square of the depth, so nobody waits for the end of
 * what no configuration has. */
static void say_too_deep(reader *r, yaml_mark_t at)
{
    config_say(r->cfg, place_of(r, at), "nested too deeply: the rest is not read");
    r->code = AL_INVALID;
}

/* What `e` begins, to its end. */
static void skip(reader *r, const yaml_event_t *e)
{
    int depth = 0;
    yaml_event_type_t type = e->type;
    yaml_mark_t at = e->start_mark;
    for (;;) {
        depth += type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT;
        depth -= type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT;
        if (depth > DEPTH_MAX)
            say_too_deep(r, at);
        yaml_event_t next;
        if (depth <= 0 || !next_event(r, &next))
            return;
        type = next.type;
        at = next.start_mark;
        yaml_event_delete(&next);
    }
}

/* ---- The table */

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* The row of exactly this path. */
static bool find_setting(const char *path, setting_id *ret)
{
    for (size_t i = 0; i < SETTINGS_N; i++) {
        if (strcmp(settings[i].key, path) == 0 || strcmp(settings[i].also, path) == 0) {
            *ret = (setting_id)i;
            return true;
        }
    }
    return false;
}

/* Does any row's path begin with path + more? */
static bool leads_on(const reader *r, const char *more)
{
    char longer[PATH_BYTES + 8];
    (void)snprintf(longer, sizeof longer, "%s%s", r->path, more);
    for (size_t i = 0; i < SETTINGS_N; i++)
        if (starts_with(settings[i].key, longer))
            return true;
    return false;
}

/* What may stand at the path, for messages. */
static const char *expected_here(const reader *r)
{
    setting_id id = SETTINGS_N;
    if (leads_on(r, "[]"))
        return "a list, as [a, b]";
    if (leads_on(r, "."))
        return "a mapping, as {key: value}";
    return find_setting(r->path, &id) ? "a single value" : "nothing";
}

/* ---- Names that are nearly right */

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein's distance of short words. */
static size_t distance(al_slice a, al_slice b)
{
    size_t row[64];
    if (a.len >= 64 || b.len >= 64)
        return 64;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t swap = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            row[j] = min3(swap, above + 1, row[j - 1] + 1);
            diagonal = above;
        }
    }
    return row[b.len];
}

/* The name below the path that is most like `key`, or empty. */
static al_slice nearest(const reader *r, al_slice key)
{
    al_slice best = {0};
    size_t best_distance = 3 + (key.len > 8);
    size_t n = strlen(r->path) ? strlen(r->path) + 1 : 0;
    for (size_t i = 0; i < SETTINGS_N; i++) {
        const char *path = settings[i].key;
        if (n && (!starts_with(path, r->path) || path[n - 1] != '.'))
            continue;
        al_slice name = {(const uint8_t *)path + n, strcspn(path + n, ".[")};
        size_t d = distance(key, name);
        if (d < best_distance) {
            best = name;
            best_distance = d;
        }
    }
    return best;
}

static void say_unknown(reader *r, const yaml_event_t *e, al_slice key)
{
    al_slice like = nearest(r, key);
    config_place at = place_of(r, e->start_mark);
    const char *in = r->path[0] ? r->path : "the configuration";
    if (like.len)
        config_say(r->cfg, at, "%.*s: there is no such setting in %s; is %.*s meant?", AL_ARG(key),
                   in, AL_ARG(like));
    else
        config_say(r->cfg, at, "%.*s: there is no such setting in %s", AL_ARG(key), in);
}

/* ---- Values */

static bool is_null(const yaml_event_t *e)
{
    const char *v = (const char *)e->data.scalar.value;
    return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (!*v || strcmp(v, "~") == 0 || strcmp(v, "null") == 0);
}

static void read_scalar(reader *r, const yaml_event_t *e)
{
    setting_id id = SETTINGS_N;
    if (find_setting(r->path, &id)) {
        al_slice text = {e->data.scalar.value, e->data.scalar.length};
        if (is_null(e) && !r->n_lists)
            return; /* `redis:` with nothing behind it: not set */
        al_code c = config_put(r->cfg, id, CONFIG_FROM_FILE, place_of(r, e->start_mark), text,
                               r->item, r->free_name);
        r->code = c ? c : r->code;
    } else if (!is_null(e)) {
        config_say(r->cfg, place_of(r, e->start_mark), "%s: expected %s", r->path,
                   expected_here(r));
    }
}

static void read_list(reader *r, unsigned depth)
{
    size_t len = strlen(r->path);
    unsigned level = r->n_lists++;
    yaml_event_t e;
    (void)snprintf(r->path + len, sizeof r->path - len, "[]");
    for (uint32_t i = 0; next_event(r, &e); i++) {
        bool is_end = e.type == YAML_SEQUENCE_END_EVENT;
        if (level < 2)
            r->item[level] = i;
        if (!is_end)
            read_value(r, &e, depth + 1);
        yaml_event_delete(&e);
        if (is_end)
            break;
    }
    if (level < 2)
        r->item[level] = 0;
    r->n_lists--;
    r->path[len] = '\0';
}

static bool is_doubled(reader *r, const seen_key *keys, size_t n, const yaml_event_t *e)
{
    const char *key = (const char *)e->data.scalar.value;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(keys[i].key, key) == 0) {
            config_say(r->cfg, place_of(r, e->start_mark), "%.100s: it stands in line %zu already",
                       key, keys[i].line);
            return true;
        }
    }
    return false;
}

/* Makes the path that of a member; false when there is no such setting. */
static bool enter(reader *r, size_t len, const char *key, bool is_open)
{
    setting_id id = SETTINGS_N;
    int n =
        snprintf(r->path + len, sizeof r->path - len, "%s%s", len ? "." : "", is_open ? "*" : key);
    return n > 0 && (size_t)n < sizeof r->path - len && (is_open || !strpbrk(key, ".[]")) &&
           (find_setting(r->path, &id) || leads_on(r, ".") || leads_on(r, "[]"));
}

/* The value behind a key: its path is the key's, or the open one's. */
static void read_member(reader *r, const yaml_event_t *key, const yaml_event_t *value,
                        unsigned depth)
{
    size_t len = strlen(r->path);
    al_slice name = {key->data.scalar.value, key->data.scalar.length};
    bool is_open = leads_on(r, len ? ".*" : "*");
    bool is_known = enter(r, len, (const char *)key->data.scalar.value, is_open);
    if (is_known) {
        r->free_name = is_open ? name : (al_slice){0};
        read_value(r, value, depth + 1);
        r->free_name = (al_slice){0};
    }
    r->path[len] = '\0';
    if (!is_known) {
        say_unknown(r, key, name);
        skip(r, value);
    }
}

static void read_mapping(reader *r, unsigned depth)
{
    seen_key *keys = NULL;
    size_t n_keys = 0;
    size_t cap_keys = 0;
    yaml_event_t key;
    yaml_event_t value;
    al_arena *names = al_arena_new(1024);
    while (names && next_event(r, &key)) {
        if (key.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&key);
            break;
        }
        if (key.type != YAML_SCALAR_EVENT) {
            config_say(r->cfg, place_of(r, key.start_mark), "expected the name of a setting");
            skip(r, &key);
        }
        if (next_event(r, &value)) {
            seen_key *grown = al_grow(keys, &cap_keys, n_keys, sizeof *keys, 16, KEYS_MAX);
            keys = grown ? grown : keys;
            if (!grown)
                r->code = AL_NOMEM;
            else if (key.type != YAML_SCALAR_EVENT || is_doubled(r, keys, n_keys, &key))
                skip(r, &value);
            else {
                al_slice copy = al_arena_copy(names, al_cstr((const char *)key.data.scalar.value));
                if (copy.ptr)
                    keys[n_keys++] = (seen_key){(const char *)copy.ptr, key.start_mark.line + 1};
                read_member(r, &key, &value, depth);
            }
            yaml_event_delete(&value);
        }
        yaml_event_delete(&key);
    }
    if (!names)
        r->code = AL_NOMEM;
    (void)al_arena_free(names);
    free(keys);
}

static void read_value(reader *r, const yaml_event_t *e, unsigned depth)
{
    if (depth > DEPTH_MAX) {
        say_too_deep(r, e->start_mark);
        return;
    }
    switch ((int)e->type) {
    case YAML_SCALAR_EVENT:
        read_scalar(r, e);
        return;
    case YAML_SEQUENCE_START_EVENT:
        if (leads_on(r, "[]")) {
            read_list(r, depth);
            return;
        }
        break;
    case YAML_MAPPING_START_EVENT:
        if (!r->path[0] || leads_on(r, ".")) {
            read_mapping(r, depth);
            return;
        }
        break;
    case YAML_ALIAS_EVENT:
        config_say(r->cfg, place_of(r, e->start_mark), "%s: anchors and aliases are not read here",
                   r->path);
        return;
    default:
        break;
    }
    config_say(r->cfg, place_of(r, e->start_mark), "%s: expected %s, not a %s",
               r->path[0] ? r->path : "the configuration",
               r->path[0] ? expected_here(r) : "settings, as `listen: 127.0.0.1:8000`",
               e->type == YAML_SEQUENCE_START_EVENT ? "list" : "mapping");
    skip(r, e);
}

/* ---- Documents */

static void read_document(reader *r)
{
    unsigned n_documents = 0;
    yaml_event_t e;
    for (bool is_end = false; !is_end && next_event(r, &e);) {
        is_end = e.type == YAML_STREAM_END_EVENT;
        if (e.type == YAML_DOCUMENT_START_EVENT && n_documents++ > 0) {
            config_say(r->cfg, place_of(r, e.start_mark), "a second document: expected one a file");
            is_end = true;
        } else if (e.type == YAML_SCALAR_EVENT && !is_null(&e)) {
            config_say(r->cfg, place_of(r, e.start_mark),
                       "expected settings, as `listen: 127.0.0.1:8000`");
        } else if (e.type == YAML_MAPPING_START_EVENT || e.type == YAML_SEQUENCE_START_EVENT ||
                   e.type == YAML_ALIAS_EVENT) {
            read_value(r, &e, 0);
        }
        yaml_event_delete(&e);
    }
}

al_code config_read_text(config *c, const char *name, al_slice text, al_err *err)
{
    reader r = {.cfg = c, .name = name, .text = text};
    unsigned before = config_mistakes(c);
    if (!yaml_parser_initialize(&r.yaml))
        return al_fail(err, AL_NOMEM, "%.100s", name);
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, text.ptr ? text.ptr : (const uint8_t *)"", text.len);
    read_document(&r);
    yaml_parser_delete(&r.yaml);
    if (r.code && r.code != AL_INVALID)
        return al_fail(err, r.code, "%.100s", name);
    unsigned n = config_mistakes(c) - before;
    if (n)
        return al_fail(err, AL_INVALID, "%.100s: %u mistake%s", name, n, n > 1 ? "s" : "");
    return AL_OK;
}

al_code config_read_file(config *c, const char *path, al_err *err)
{
    AL_CLEANUP(al_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return al_fail(err, AL_NOT_FOUND, "%.150s: there is no such file", path);
    if (fd < 0)
        return al_fail_errno(err, "%.150s", path);
    al_buf text;
    al_buf_init(&text, FILE_BYTES_MAX + 1);
    al_code code = AL_OK;
    for (ssize_t n = 1; n > 0 && !code;) {
        if (!al_buf_reserve(&text, 16384)) {
            code = al_fail(err, AL_INVALID, "%.150s: over 1 MiB: is this the configuration?", path);
            break;
        }
        n = read(fd, text.ptr + text.len, 16384);
        if (n < 0)
            code = al_fail_errno(err, "%.150s", path);
        else
            text.len += (size_t)n;
    }
    if (!code)
        code = config_read_text(c, path, al_buf_slice(&text), err);
    al_buf_done(&text);
    return code;
}
