/* Lines ascend by day; the first is that of the day on which there was a number for the first time,
 * and counts for all days before it, too. */
#include "sphinx/shards.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "record/timestamp.h"

#define FILE_NAME "shards"
enum { FILE_BYTES_MAX = 1 << 20, DAY_CHARS = 8 };

typedef struct from_day {
    int32_t day;
    uint32_t n;
} from_day;

struct shards {
    from_day *at;
    size_t n;
    size_t cap;
};

shards *shards_free(shards *s)
{
    if (!s)
        return NULL;
    free(s->at);
    free(s);
    return NULL;
}

static al_code add(shards *s, int32_t day, uint32_t n, al_err *err)
{
    from_day *grown = al_grow(s->at, &s->cap, s->n, sizeof *grown, 16, FILE_BYTES_MAX);
    if (!grown)
        return al_fail(err, AL_NOMEM, "shards");
    s->at = grown;
    s->at[s->n++] = (from_day){day, n};
    return AL_OK;
}

/* "20261123"; what no day is reads back as another one. */
static bool get_day(al_slice text, int32_t *ret)
{
    char iso[] = "0000-00-00";
    int64_t ns = 0;
    if (text.len != DAY_CHARS)
        return false;
    for (size_t i = 0; i < DAY_CHARS; i++)
        iso[i + (i >= 4) + (i >= 6)] = (char)text.ptr[i];
    if (!rec_time_parse(al_cstr(iso), NULL, &ns))
        return false;
    *ret = rec_day_of(ns);
    return true;
}

static al_code get_line(shards *s, al_slice line, al_err *err)
{
    int32_t day = 0;
    uint64_t n = 0;
    size_t space = al_slice_find(line, ' ', 0);
    bool is_read = get_day(al_slice_sub(line, 0, space), &day) &&
                   al_parse_u64(al_slice_sub(line, space + 1, line.len), &n) && n >= 1 &&
                   n <= SHARDS_MAX;
    if (!is_read || (s->n && day <= s->at[s->n - 1].day))
        return al_fail(err, AL_CORRUPT,
                       "shards: line %zu is '%.*s', expected a later day and a number up to %d, as "
                       "20261123 2",
                       s->n + 1, AL_ARG(line), SHARDS_MAX);
    return add(s, day, (uint32_t)n, err);
}

static al_code get_all(shards *s, al_slice text, al_err *err)
{
    al_code c = AL_OK;
    for (size_t at = 0; at < text.len && !c;) {
        size_t end = al_slice_find(text, '\n', at);
        c = get_line(s, al_slice_sub(text, at, end), err);
        at = end + 1;
    }
    return c;
}

static al_code load(const al_io *io, int dir, shards *s, al_err *err)
{
    al_buf text;
    al_buf_init(&text, FILE_BYTES_MAX);
    al_code c = al_read_file(io, dir, FILE_NAME, FILE_BYTES_MAX, &text, err);
    if (!c)
        c = get_all(s, al_buf_slice(&text), err);
    al_buf_done(&text);
    return c == AL_NOT_FOUND ? AL_OK : c;
}

static al_code save(const al_io *io, int dir, const shards *s, al_err *err)
{
    al_buf text;
    al_buf_init(&text, FILE_BYTES_MAX);
    for (size_t i = 0; i < s->n; i++) {
        rec_day_format(&text, s->at[i].day);
        al_buf_printf(&text, " %u\n", s->at[i].n);
    }
    al_code c = al_buf_code(&text);
    c = c ? al_fail(err, c, "shards")
          : al_publish_file(io, dir, FILE_NAME, al_buf_slice(&text), err);
    al_buf_done(&text);
    return c;
}

/* Decided today for tomorrow and decided anew: the last word counts. */
static al_code decide(shards *s, int32_t today, uint32_t n_now, bool *ret_is_new, al_err *err)
{
    int32_t from = s->n ? today + 1 : today;
    *ret_is_new = !s->n || s->at[s->n - 1].n != n_now;
    if (!*ret_is_new)
        return AL_OK;
    while (s->n && s->at[s->n - 1].day >= from)
        s->n--;
    if (s->n && s->at[s->n - 1].n == n_now)
        return AL_OK;
    return add(s, from, n_now, err);
}

al_code shards_open(const al_io *io, int dir, int32_t today, uint32_t n_now, shards **ret,
                    al_err *err)
{
    assert(n_now >= 1 && n_now <= SHARDS_MAX);
    AL_CLEANUP(shards_freep) shards *s = al_zalloc(1, sizeof *s);
    if (!s)
        return al_fail(err, AL_NOMEM, "shards");
    bool is_new = false;
    al_code c = load(io, dir, s, err);
    if (!c)
        c = decide(s, today, n_now, &is_new, err);
    if (!c && is_new)
        c = save(io, dir, s, err);
    if (!c)
        *ret = AL_TAKE(s);
    return c;
}

uint32_t shards_of_day(const shards *s, int32_t day)
{
    uint32_t n = s->at[0].n;
    for (size_t i = 1; i < s->n && s->at[i].day <= day; i++)
        n = s->at[i].n;
    return n;
}
