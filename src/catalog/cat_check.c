/* Settings of an index: limits, defaults, copies.
 * Limits that belong to AMQP (255 bytes of a name) are checked here too, so that what the catalogue
 * holds can always be declared at a broker. Time zones are checked by ingest, which knows them. */
#include "catalog/cat_check.h"

#include <stdio.h>
#include <string.h>

bool cat_name_is_good(const char *name)
{
    size_t n = strnlen(name, CAT_INDEX_NAME_MAX + 1);
    if (n == 0 || n > CAT_INDEX_NAME_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    return true;
}

static bool has_control(al_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            return true;
    return false;
}

static al_code check_short(const char *setting, al_slice s, al_err *err)
{
    if (s.len == 0 || s.len > CAT_SHORT_BYTES_MAX || has_control(s))
        return al_fail(err, AL_INVALID, "%s '%.*s': expected 1 to %d printable bytes", setting,
                       AL_ARG(s), CAT_SHORT_BYTES_MAX);
    return AL_OK;
}

/* None at all is fine: then no broker sends anything. */
static al_code check_keys(al_slice keys, al_err *err)
{
    if (al_slice_trim(keys).len == 0)
        return AL_OK;
    if (keys.len > CAT_KEYS_BYTES_MAX)
        return al_fail(err, AL_INVALID, "routing_key: %zu bytes, expected at most %d", keys.len,
                       CAT_KEYS_BYTES_MAX);
    for (size_t at = 0; at <= keys.len;) {
        size_t comma = al_slice_find(keys, ',', at);
        al_slice key = al_slice_trim(al_slice_sub(keys, at, comma));
        if (key.len == 0 || key.len > CAT_SHORT_BYTES_MAX || has_control(key))
            return al_fail(err, AL_INVALID,
                           "routing_key '%.*s': expected keys of 1 to %d printable bytes between "
                           "the commas, or nothing at all",
                           AL_ARG(al_slice_sub(keys, 0, 100)), CAT_SHORT_BYTES_MAX);
        at = comma + 1;
    }
    return AL_OK;
}

al_slice cat_keys_tidy(al_slice keys, uint8_t *out)
{
    size_t n = 0;
    if (al_slice_trim(keys).len == 0)
        return (al_slice){out, 0};
    for (size_t at = 0; at <= keys.len;) {
        size_t comma = al_slice_find(keys, ',', at);
        al_slice key = al_slice_trim(al_slice_sub(keys, at, comma));
        if (at)
            out[n++] = ',';
        memcpy(out + n, key.ptr, key.len);
        n += key.len;
        at = comma + 1;
    }
    return (al_slice){out, n};
}

static al_code check_text_fields(const cat_index *idx, al_err *err)
{
    if (idx->n_text_fields > CAT_TEXT_FIELDS_MAX)
        return al_fail(err, AL_INVALID, "text_fields: %zu names, expected at most %d",
                       idx->n_text_fields, CAT_TEXT_FIELDS_MAX);
    for (size_t i = 0; i < idx->n_text_fields; i++)
        if (idx->text_fields[i].len == 0 || idx->text_fields[i].len > CAT_TEXT_FIELD_BYTES_MAX)
            return al_fail(err, AL_INVALID, "text_fields: '%.*s': expected 1 to %d bytes",
                           AL_ARG(idx->text_fields[i]), CAT_TEXT_FIELD_BYTES_MAX);
    return AL_OK;
}

al_code cat_index_check(const cat_index *idx, al_err *err)
{
    if (!cat_name_is_good(idx->name))
        return al_fail(err, AL_INVALID,
                       "name '%s': expected 1 to %d letters, digits or underscores", idx->name,
                       CAT_INDEX_NAME_MAX);
    if (idx->intervals < 1 || idx->intervals > CAT_INTERVALS_MAX)
        return al_fail(err, AL_INVALID, "intervals %u: expected 1 to %d days", idx->intervals,
                       CAT_INTERVALS_MAX);
    if (idx->num_processes < 1 || idx->num_processes > CAT_PROCESSES_MAX)
        return al_fail(err, AL_INVALID, "num_processes %u: expected 1 to %d", idx->num_processes,
                       CAT_PROCESSES_MAX);
    if (idx->max_bytes > INT64_MAX)
        return al_fail(err, AL_INVALID, "max_bytes %llu: expected less than 2^63",
                       (unsigned long long)idx->max_bytes);
    if (!al_slice_eq(idx->engine, AL_LIT("embedded")) &&
        !al_slice_eq(idx->engine, AL_LIT("sphinx")))
        return al_fail(err, AL_INVALID, "engine '%.*s': expected embedded or sphinx",
                       AL_ARG(idx->engine));
    al_code c = check_short("queue_name", idx->queue_name, err);
    if (!c)
        c = check_short("exchange", idx->exchange, err);
    if (!c)
        c = check_short("timestamp_zone", idx->timestamp_zone, err);
    if (!c)
        c = check_keys(idx->routing_key, err);
    if (!c)
        c = check_text_fields(idx, err);
    return c;
}

al_code cat_index_copy(const cat_index *from, al_arena *arena, cat_index *ret, al_err *err)
{
    cat_index to = *from;
    al_slice *names = al_arena_alloc(arena, from->n_text_fields + 1, sizeof *names);
    al_slice *texts[] = {&to.queue_name, &to.exchange, &to.routing_key, &to.timestamp_zone,
                         &to.engine};
    if (!names)
        return al_fail(err, AL_NOMEM, "copy index '%s'", from->name);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = al_arena_copy(arena, *texts[i]);
        if (!texts[i]->ptr)
            return al_fail(err, AL_NOMEM, "copy index '%s'", from->name);
    }
    for (size_t i = 0; i < from->n_text_fields; i++) {
        names[i] = al_arena_copy(arena, from->text_fields[i]);
        if (!names[i].ptr)
            return al_fail(err, AL_NOMEM, "copy index '%s'", from->name);
    }
    to.text_fields = names;
    *ret = to;
    return AL_OK;
}

al_code catalog_index_defaults(const char *name, al_arena *arena, cat_index *ret, al_err *err)
{
    static const al_slice text_fields[] = {{(const uint8_t *)"exc_info", 8},
                                           {(const uint8_t *)"stack_info", 10}};
    if (!cat_name_is_good(name))
        return al_fail(err, AL_INVALID,
                       "index name '%.40s': expected 1 to %d letters, digits or underscores", name,
                       CAT_INDEX_NAME_MAX);
    char queue[sizeof "logstash." + CAT_INDEX_NAME_MAX];
    bool is_first = strcmp(name, "logs") == 0;
    (void)snprintf(queue, sizeof queue, is_first ? "logstash" : "logstash.%s", name);
    cat_index idx = {
        .intervals = CAT_INTERVALS_DEFAULT,
        .queue_name = al_cstr(queue),
        .exchange = AL_LIT("logstash"),
        .routing_key = AL_LIT("logstash.#"),
        .num_processes = 1,
        .timestamp_zone = AL_LIT("utc"),
        .text_fields = text_fields,
        .n_text_fields = sizeof text_fields / sizeof text_fields[0],
        .engine = AL_LIT("embedded"),
    };
    (void)snprintf(idx.name, sizeof idx.name, "%s", name);
    return cat_index_copy(&idx, arena, ret, err);
}
