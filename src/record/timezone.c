/* Zones: from a name to a list of changes, and from local time to UTC. See timezone.h.
 * Why not libc: tzset and localtime_r work on one process-wide zone, and each index has its own.
 * Shape: a zone is a sorted list of (instant, offset from there on). tzif.c fills it from the tz
 * database, posix_tz.c continues it by rule to the last year that a record can have, so that
 * reading a time is one binary search and never evaluates a rule.
 * Threads: immutable once open. */
#include "record/timezone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/mem.h"
#include "record/timezone_priv.h"

enum { ZONE_NAME_BYTES_MAX = 128, ZONE_FILE_BYTES_MAX = 256 * 1024, PATH_BYTES = 512 };

rec_zone *rec_zone_free(rec_zone *z)
{
    if (z)
        free(z->changes);
    free(z);
    return NULL;
}

al_code rec_zone_add(rec_zone *z, int64_t at_s, int32_t offset_s)
{
    if (z->n_changes && z->changes[z->n_changes - 1].at_s == at_s) {
        z->changes[z->n_changes - 1].offset_s = offset_s;
        return AL_OK;
    }
    zone_change *grown =
        al_grow(z->changes, &z->cap, z->n_changes, sizeof *grown, 64, ZONE_CHANGES_MAX);
    if (!grown)
        return z->n_changes == ZONE_CHANGES_MAX ? AL_LIMIT : AL_NOMEM;
    z->changes = grown;
    z->changes[z->n_changes++] = (zone_change){at_s, offset_s};
    return AL_OK;
}

void rec_zone_note_bounds(rec_zone *z)
{
    z->offset_max_s = z->first_offset_s;
    for (size_t i = 0; i < z->n_changes; i++) {
        z->offset_max_s = AL_MAX(z->offset_max_s, z->changes[i].offset_s);
    }
}

/* How many changes are at or before the instant. */
static size_t changes_until(const rec_zone *z, int64_t at_s)
{
    size_t low = 0;
    size_t high = z->n_changes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->changes[middle].at_s <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int32_t rec_zone_offset_at(const rec_zone *z, int64_t at_s)
{
    size_t n = changes_until(z, at_s);
    return n ? z->changes[n - 1].offset_s : z->first_offset_s;
}

/* Period i lies between change i-1 and change i. The instants that may have this local time lie
 * between local - offset_max and local - offset_min: almost always within one period. */
int64_t rec_zone_to_utc(const rec_zone *z, int64_t local_s)
{
    size_t i = changes_until(z, local_s - z->offset_max_s);
    for (;; i++) {
        int32_t offset = i ? z->changes[i - 1].offset_s : z->first_offset_s;
        int64_t utc = local_s - offset;
        if (i == z->n_changes)
            return utc; /* the last period has no end, and began before */
        const zone_change *next = &z->changes[i];
        if (utc < next->at_s)
            return utc; /* it did not begin later: else the gap below had caught it */
        if (local_s - next->offset_s < next->at_s)
            return utc; /* skipped by this change: keep the offset from before it */
    }
}

/* ---- Names and files */

static al_code read_file(const char *path, uint8_t **ret, size_t *ret_n, al_err *err)
{
    AL_CLEANUP(al_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? AL_NOT_FOUND
                                                   : al_fail_errno(err, "open %s", path);
    AL_CLEANUP(al_freep) uint8_t *bytes = al_alloc(ZONE_FILE_BYTES_MAX, 1);
    if (!bytes)
        return al_fail(err, AL_NOMEM, "no memory for %s", path);
    size_t n = 0;
    while (n < ZONE_FILE_BYTES_MAX) {
        ssize_t got = read(fd, bytes + n, ZONE_FILE_BYTES_MAX - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return al_fail_errno(err, "read %s", path);
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *ret = AL_TAKE(bytes);
    *ret_n = n;
    return AL_OK;
}

/* A zone from a TZif file. AL_NOT_FOUND when there is none; AL_INVALID when it cannot be used. */
static al_code open_path(const char *path, rec_zone **ret, al_err *err)
{
    AL_CLEANUP(al_freep) uint8_t *bytes = NULL;
    AL_CLEANUP(rec_zone_freep) rec_zone *z = NULL;
    size_t n = 0;
    al_code c = read_file(path, &bytes, &n, err);
    if (c)
        return c;
    z = al_zalloc(1, sizeof *z);
    if (!z)
        return al_fail(err, AL_NOMEM, "no memory for a time zone");
    al_err inner;
    c = rec_zone_decode_tzif((al_slice){bytes, n}, z, &inner);
    if (c) /* a file that does not check out is, to the caller, a name that cannot be used */
        return al_fail(err, c == AL_NOMEM ? AL_NOMEM : AL_INVALID, "time zone file %s: %s", path,
                       inner.msg);
    rec_zone_note_bounds(z);
    *ret = AL_TAKE(z);
    return AL_OK;
}

static const char *environment(const char *name)
{
    return getenv(name); /* NOLINT(concurrency-mt-unsafe): nothing in this program calls setenv */
}

/* A name that stays inside the database: no dots that climb, no absolute path. */
static bool is_zone_name(al_slice name)
{
    static const char others[] = "_+-/";
    if (name.len == 0 || name.len > ZONE_NAME_BYTES_MAX || name.ptr[0] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!is_letter && !(c >= '0' && c <= '9') && !(c && strchr(others, c)))
            return false;
    }
    return true;
}

static al_code open_named(al_slice name, rec_zone **ret, al_err *err)
{
    char path[PATH_BYTES];
    const char *dir = environment("TZDIR");
    if (!dir || !*dir)
        dir = "/usr/share/zoneinfo";
    int n = snprintf(path, sizeof path, "%s/%.*s", dir, AL_ARG(name));
    if (!is_zone_name(name) || n < 0 || (size_t)n >= sizeof path)
        return al_fail(err, AL_INVALID,
                       "time zone '%.*s': expected utc, local or a name such as Europe/Moscow",
                       AL_ARG(name));
    al_code c = open_path(path, ret, err);
    if (c == AL_NOT_FOUND || c == AL_IO)
        return al_fail(err, AL_INVALID,
                       "time zone '%.*s' is not known here: no file %s (is the package tzdata "
                       "installed?)",
                       AL_ARG(name), path);
    return c;
}

static bool is_utc(al_slice name)
{
    return name.len == 3 && (name.ptr[0] | 0x20) == 'u' && (name.ptr[1] | 0x20) == 't' &&
           (name.ptr[2] | 0x20) == 'c';
}

/* A zone from a POSIX rule alone. */
static al_code open_rule(al_slice rule, rec_zone **ret, al_err *err)
{
    AL_CLEANUP(rec_zone_freep) rec_zone *z = al_zalloc(1, sizeof *z);
    if (!z)
        return al_fail(err, AL_NOMEM, "no memory for a time zone");
    al_code c = rec_zone_add_rule(z, rule, err);
    if (c)
        return c;
    rec_zone_note_bounds(z);
    *ret = AL_TAKE(z);
    return AL_OK;
}

/* As libc reads it: TZ, else /etc/localtime, else UTC. */
static al_code open_local(rec_zone **ret, al_err *err)
{
    const char *tz = environment("TZ");
    *ret = NULL;
    if (!tz) {
        al_code c = open_path("/etc/localtime", ret, err);
        return c == AL_NOT_FOUND ? AL_OK : c;
    }
    al_slice name = al_cstr(*tz == ':' ? tz + 1 : tz);
    if (name.len == 0 || is_utc(name))
        return AL_OK;
    if (name.ptr[0] == '/') {
        al_code c = open_path((const char *)name.ptr, ret, err);
        return c == AL_NOT_FOUND
                   ? al_fail(err, AL_INVALID, "time zone file %.*s is not there", AL_ARG(name))
                   : c;
    }
    if (open_named(name, ret, err) == AL_OK || open_rule(name, ret, err) == AL_OK)
        return AL_OK;
    return al_fail(err, AL_INVALID,
                   "TZ=%.*s in the environment is neither a zone known here nor a rule",
                   AL_ARG(name));
}

al_code rec_zone_open(al_slice name, rec_zone **ret, al_err *err)
{
    rec_zone *z = NULL;
    al_code c = AL_OK;
    if (al_slice_eq(name, AL_LIT("local")))
        c = open_local(&z, err);
    else if (!is_utc(name))
        c = open_named(name, &z, err);
    if (c)
        return c;
    *ret = z;
    return AL_OK;
}
