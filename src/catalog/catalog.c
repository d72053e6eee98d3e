/* The catalogue: what is in the file, held in memory.
 * Shape: entries (one an index) sorted by name, each with its settings in an arena of its own and a
 * hash of its fields. Reads take `lock` for reading and copy out. New fields are put into memory
 * under `lock` and marked dirty; the writer thread collects what is dirty after FLUSH_DELAY_MS and
 * writes it in one transaction. IDLE_MS after the last write free pages of the file and its log are
 * given back.
 * Locks, in this order: db_lock (the file; held over disk writes), lock (memory; never held over
 * disk; that of users is another), wake_lock (the writer's sleep).
 * Invariant: a field is in the file, or dirty, or its index is being dropped (db_lock held). */
#include "catalog/catalog.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/thread.h"
#include "catalog/cat_check.h"
#include "catalog/cat_db.h"
#include "catalog/cat_fields.h"
#include "catalog/cat_users.h"
#include "catalog/catalog_priv.h"

enum { FLUSH_DELAY_MS = 200, IDLE_MS = 2000, FLUSH_FIELDS_MAX = 4096 };

typedef struct entry {
    al_arena *arena;
    cat_index idx; /* in the arena */
    cat_fields fields;
} entry;

struct catalog {
    pthread_mutex_t db_lock;
    cat_db *db;        /* guarded by db_lock */
    bool is_log_dirty; /* guarded by db_lock */
    cat_users *users;  /* immutable after open; has a lock of its own */
    pthread_rwlock_t lock;
    /* guarded by lock */
    entry **entries; /* by name */
    size_t n;
    size_t cap;
    /* guarded by wake_lock */
    pthread_mutex_t wake_lock;
    pthread_cond_t wake;
    bool has_dirty;
    bool is_stopping;
    pthread_t writer;
    bool has_writer; /* immutable after open */
};

#define READING(cat) AL_READING(&(cat)->lock)
#define WRITING(cat) AL_WRITING(&(cat)->lock)

static entry *entry_free(entry *e)
{
    if (!e)
        return NULL;
    cat_fields_done(&e->fields);
    (void)al_arena_free(e->arena);
    free(e);
    return NULL;
}

AL_DEFINE_CLEANUP(entry, entry_free);

static al_code entry_new(const cat_index *idx, entry **ret, al_err *err)
{
    AL_CLEANUP(entry_freep) entry *e = al_zalloc(1, sizeof *e);
    if (e)
        e->arena = al_arena_new(1024);
    if (!e || !e->arena)
        return al_fail(err, AL_NOMEM, "index '%s'", idx->name);
    al_code c = cat_index_copy(idx, e->arena, &e->idx, err);
    if (c)
        return c;
    *ret = AL_TAKE(e);
    return AL_OK;
}

/* Where `name` stands, or where it belongs. */
static size_t place_locked(const catalog *cat, const char *name, bool *ret_found)
{
    size_t low = 0;
    size_t high = cat->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (strcmp(cat->entries[mid]->idx.name, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *ret_found = low < cat->n && strcmp(cat->entries[low]->idx.name, name) == 0;
    return low;
}

static entry *find_locked(const catalog *cat, const char *name)
{
    bool is_found = false;
    size_t i = place_locked(cat, name, &is_found);
    return is_found ? cat->entries[i] : NULL;
}

/* Makes room for one more index. */
static al_code reserve_locked(catalog *cat, al_err *err)
{
    if (cat->n == CAT_INDEXES_MAX)
        return al_fail(err, AL_LIMIT, "there are %d indexes already", CAT_INDEXES_MAX);
    entry **grown = al_grow(cat->entries, &cat->cap, cat->n, sizeof(void *), 8, CAT_INDEXES_MAX);
    if (!grown)
        return al_fail(err, AL_NOMEM, "one more index");
    cat->entries = grown;
    return AL_OK;
}

/* Takes e, whose name is not there; room is reserved. */
static void insert_locked(catalog *cat, entry *e)
{
    bool is_found = false;
    size_t i = place_locked(cat, e->idx.name, &is_found);
    assert(!is_found);
    assert(cat->n < cat->cap);
    memmove(cat->entries + i + 1, cat->entries + i, (cat->n - i) * sizeof(void *));
    cat->entries[i] = e;
    cat->n++;
}

/* ---- The writer */

/* db_lock held, `lock` not. Takes up to FLUSH_FIELDS_MAX dirty fields of one index; their names
 * stay where they are until db_lock is given back: only dropping the index frees them. */
static size_t collect_dirty(catalog *cat, char *ret_index, cat_field *ret)
{
    size_t n = 0;
    WRITING(cat);
    for (size_t i = 0; i < cat->n && n == 0; i++) {
        entry *e = cat->entries[i];
        for (size_t s = 0; e->fields.n_dirty && s < e->fields.n_slots && n < FLUSH_FIELDS_MAX;
             s++) {
            cat_known *k = e->fields.slots[s];
            if (!k || !k->is_dirty)
                continue;
            ret[n++] = k->field;
            k->is_dirty = false;
            e->fields.n_dirty--;
        }
        if (n)
            (void)snprintf(ret_index, CAT_INDEX_NAME_MAX + 1, "%s", e->idx.name);
    }
    return n;
}

static void mark_dirty_again(catalog *cat, const char *index, const cat_field *f, size_t n)
{
    WRITING(cat);
    entry *e = find_locked(cat, index);
    for (size_t i = 0; e && i < n; i++) {
        cat_known *k = cat_fields_find(&e->fields, f[i].name);
        if (k && !k->is_dirty) {
            k->is_dirty = true;
            e->fields.n_dirty++;
        }
    }
}

static al_code write_fields(catalog *cat, const char *index, const cat_field *f, size_t n,
                            al_err *err)
{
    al_code c = cat_db_begin(cat->db, err);
    if (c)
        return c;
    cat->is_log_dirty = true;
    for (size_t i = 0; !c && i < n; i++)
        c = cat_db_put_field(cat->db, index, &f[i], err);
    if (!c)
        c = cat_db_commit(cat->db, err);
    if (c)
        cat_db_rollback(cat->db);
    return c;
}

al_code catalog_flush(catalog *cat, al_err *err)
{
    AL_CLEANUP(al_freep) cat_field *fields = al_alloc(FLUSH_FIELDS_MAX, sizeof *fields);
    if (!fields)
        return al_fail(err, AL_NOMEM, "write fields");
    AL_LOCKED(&cat->db_lock);
    for (;;) {
        char index[CAT_INDEX_NAME_MAX + 1];
        size_t n = collect_dirty(cat, index, fields);
        if (n == 0)
            return AL_OK;
        al_code c = write_fields(cat, index, fields, n, err);
        if (c) {
            mark_dirty_again(cat, index, fields, n);
            return c;
        }
    }
}

static void tidy_if_idle(catalog *cat)
{
    al_err err;
    AL_LOCKED(&cat->db_lock);
    if (cat->is_log_dirty && cat_db_tidy(cat->db, &err) == AL_OK)
        cat->is_log_dirty = false; /* else it is tried again after the next write */
}

static void *write_behind(void *arg)
{
    catalog *cat = arg;
    for (;;) {
        bool is_stopping = false;
        bool has_dirty = false;
        {
            AL_LOCKED(&cat->wake_lock);
            bool is_awake = true;
            while (!cat->has_dirty && !cat->is_stopping && is_awake)
                is_awake = al_cond_wait_until(&cat->wake, &cat->wake_lock,
                                              al_mono_ns() + IDLE_MS * AL_NS_PER_MS);
            int64_t until = al_mono_ns() + FLUSH_DELAY_MS * AL_NS_PER_MS;
            while (cat->has_dirty && !cat->is_stopping &&
                   al_cond_wait_until(&cat->wake, &cat->wake_lock, until))
                continue;
            is_stopping = cat->is_stopping;
            has_dirty = cat->has_dirty;
            cat->has_dirty = false;
        }
        al_err err;
        if (has_dirty && catalog_flush(cat, &err)) {
            AL_LOCKED(&cat->wake_lock);
            cat->has_dirty = true; /* the disk may be full: again after the delay */
        }
        if (is_stopping)
            return NULL;
        if (!has_dirty)
            tidy_if_idle(cat);
    }
}

static void wake_writer(catalog *cat)
{
    AL_LOCKED(&cat->wake_lock);
    cat->has_dirty = true;
    (void)pthread_cond_signal(&cat->wake);
}

/* ---- Open and close */

static al_code take_index(void *ctx, const cat_index *idx, al_err *err)
{
    entry *e = NULL;
    al_code c = reserve_locked(ctx, err);
    if (!c)
        c = entry_new(idx, &e, err);
    if (!c)
        insert_locked(ctx, e); /* names are unique in the file */
    return c;
}

static al_code take_field(void *ctx, const char *index, const cat_field *f, al_err *err)
{
    entry *e = find_locked(ctx, index);
    if (!e)
        return AL_OK; /* of an index that is gone */
    cat_known *k = cat_fields_add(&e->fields, f->name);
    if (!k)
        return al_fail(err, AL_NOMEM, "fields of index '%s'", index);
    al_slice name = k->field.name;
    k->field = *f;
    k->field.name = name;
    return AL_OK;
}

/* A new file has the index `logs` from its first commit on. */
static al_code open_db(const char *dir, cat_db **ret, al_err *err)
{
    AL_CLEANUP(al_closep) int fd = -1;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(1024);
    cat_index first;
    if (!arena)
        return al_fail(err, AL_NOMEM, "open catalogue");
    al_code c = catalog_index_defaults("logs", arena, &first, err);
    if (!c)
        c = al_dir_open(dir, true, &fd, err); /* makes it */
    return c ? c : cat_db_open(dir, &first, ret, err);
}

al_code catalog_open(const char *dir, catalog **ret, al_err *err)
{
    catalog *cat = al_zalloc(1, sizeof *cat);
    if (!cat)
        return al_fail(err, AL_NOMEM, "open catalogue");
    (void)pthread_mutex_init(&cat->db_lock, NULL);
    (void)pthread_mutex_init(&cat->wake_lock, NULL);
    (void)pthread_rwlock_init(&cat->lock, NULL);
    al_cond_init(&cat->wake);
    al_code c = open_db(dir, &cat->db, err);
    if (!c)
        c = cat_db_read(cat->db, take_index, take_field, cat, err);
    if (!c)
        c = cat_users_open(cat->db, &cat->db_lock, &cat->is_log_dirty, &cat->users, err);
    if (!c)
        c = al_thread_start(&cat->writer, "catalog", write_behind, cat, err);
    if (c) {
        (void)catalog_close(cat);
        return c;
    }
    cat->has_writer = true;
    *ret = cat;
    return AL_OK;
}

cat_users *catalog_users(catalog *cat)
{
    return cat->users;
}

bool catalog_is_new(catalog *cat)
{
    AL_LOCKED(&cat->db_lock);
    return cat_db_is_new(cat->db);
}

static void stop_writer(catalog *cat)
{
    {
        AL_LOCKED(&cat->wake_lock);
        cat->is_stopping = true;
        (void)pthread_cond_signal(&cat->wake);
    }
    (void)pthread_join(cat->writer, NULL);
    al_err err;
    if (catalog_flush(cat, &err) == AL_OK) /* else: they are seen again when the log is replayed */
        tidy_if_idle(cat);
}

catalog *catalog_close(catalog *cat)
{
    if (!cat)
        return NULL;
    if (cat->has_writer)
        stop_writer(cat);
    for (size_t i = 0; i < cat->n; i++)
        (void)entry_free(cat->entries[i]);
    free(cat->entries);
    (void)cat_users_close(cat->users);
    (void)cat_db_close(cat->db);
    (void)pthread_cond_destroy(&cat->wake);
    (void)pthread_rwlock_destroy(&cat->lock);
    (void)pthread_mutex_destroy(&cat->wake_lock);
    (void)pthread_mutex_destroy(&cat->db_lock);
    free(cat);
    return NULL;
}

/* ---- Indexes */

static al_code check_queue_locked(const catalog *cat, const cat_index *idx, al_err *err)
{
    for (size_t i = 0; i < cat->n; i++) {
        const cat_index *other = &cat->entries[i]->idx;
        if (strcmp(other->name, idx->name) != 0 && al_slice_eq(other->queue_name, idx->queue_name))
            return al_fail(err, AL_EXISTS, "queue_name '%.*s' is index '%s's",
                           AL_ARG(idx->queue_name), other->name);
    }
    return AL_OK;
}

static al_code check_new(catalog *cat, const cat_index *idx, al_err *err)
{
    WRITING(cat);
    if (find_locked(cat, idx->name))
        return al_fail(err, AL_EXISTS, "index '%s' exists", idx->name);
    al_code c = check_queue_locked(cat, idx, err);
    return c ? c : reserve_locked(cat, err);
}

static al_code check_change(catalog *cat, const cat_index *idx, al_err *err)
{
    READING(cat);
    if (!find_locked(cat, idx->name))
        return al_fail(err, AL_NOT_FOUND, "no index '%s'", idx->name);
    return check_queue_locked(cat, idx, err);
}

/* Gives the index of this name the settings of `changed`, which gets the old ones. */
static void exchange_locked(catalog *cat, entry *changed)
{
    assert(changed);
    entry *e = find_locked(cat, changed->idx.name);
    assert(e); /* db_lock is held since check_change */
    al_arena *old = e->arena;
    e->arena = changed->arena;
    e->idx = changed->idx;
    changed->arena = old;
}

/* First the file, then memory, where nothing can fail any more. */
static al_code put_index(catalog *cat, const cat_index *given, bool is_new, al_err *err)
{
    AL_CLEANUP(entry_freep) entry *e = NULL;
    uint8_t keys[CAT_KEYS_BYTES_MAX];
    cat_index tidy = *given;
    const cat_index *idx = &tidy;
    al_code c = cat_index_check(given, err);
    if (c)
        return c;
    tidy.routing_key = cat_keys_tidy(given->routing_key, keys);
    c = entry_new(idx, &e, err);
    if (c)
        return c;
    AL_LOCKED(&cat->db_lock);
    c = is_new ? check_new(cat, idx, err) : check_change(cat, idx, err);
    if (!c)
        c = cat_db_put_index(cat->db, idx, err);
    if (c)
        return c;
    cat->is_log_dirty = true;
    WRITING(cat);
    if (is_new)
        insert_locked(cat, AL_TAKE(e));
    else
        exchange_locked(cat, e);
    return AL_OK;
}

al_code catalog_index_create(catalog *cat, const cat_index *idx, al_err *err)
{
    return put_index(cat, idx, true, err);
}

al_code catalog_index_change(catalog *cat, const cat_index *idx, al_err *err)
{
    return put_index(cat, idx, false, err);
}

al_code catalog_index_drop(catalog *cat, const char *name, al_err *err)
{
    __attribute__((unused)) AL_CLEANUP(entry_freep) entry *gone = NULL;
    AL_LOCKED(&cat->db_lock);
    al_code c = cat_db_drop_index(cat->db, name, err);
    if (c)
        return c;
    cat->is_log_dirty = true;
    WRITING(cat);
    bool is_found = false;
    size_t i = place_locked(cat, name, &is_found);
    if (!is_found)
        return al_fail(err, AL_NOT_FOUND, "no index '%s'", name);
    gone = cat->entries[i];
    cat->n--;
    memmove(cat->entries + i, cat->entries + i + 1, (cat->n - i) * sizeof(void *));
    return AL_OK;
}

al_code catalog_index_get(catalog *cat, const char *name, al_arena *arena, cat_index *ret,
                          al_err *err)
{
    READING(cat);
    const entry *e = find_locked(cat, name);
    if (!e)
        return al_fail(err, AL_NOT_FOUND, "no index '%.40s'", name);
    return cat_index_copy(&e->idx, arena, ret, err);
}

al_code catalog_indexes(catalog *cat, al_arena *arena, cat_index **ret, size_t *ret_n, al_err *err)
{
    READING(cat);
    cat_index *all = al_arena_alloc(arena, cat->n + 1, sizeof *all);
    if (!all)
        return al_fail(err, AL_NOMEM, "list indexes");
    for (size_t i = 0; i < cat->n; i++) {
        al_code c = cat_index_copy(&cat->entries[i]->idx, arena, &all[i], err);
        if (c)
            return c;
    }
    *ret = all;
    *ret_n = cat->n;
    return AL_OK;
}

/* ---- Fields */

bool catalog_is_field(catalog *cat, const char *index, al_slice name)
{
    READING(cat);
    const entry *e = find_locked(cat, index);
    return e && cat_fields_find(&e->fields, name);
}

static al_code add_field(catalog *cat, const char *index, al_slice name)
{
    WRITING(cat);
    entry *e = find_locked(cat, index);
    if (!e)
        return AL_NOT_FOUND;
    if (cat_fields_find(&e->fields, name))
        return AL_OK;
    if (e->fields.n == CAT_FIELDS_MAX)
        return AL_LIMIT;
    cat_known *k = cat_fields_add(&e->fields, name);
    if (!k)
        return AL_NOMEM;
    k->is_dirty = true;
    e->fields.n_dirty++;
    return AL_OK;
}

al_code catalog_field_seen(catalog *cat, const char *index, al_slice name)
{
    if (catalog_is_field(cat, index, name))
        return AL_OK;
    al_code c = add_field(cat, index, name);
    if (!c)
        wake_writer(cat);
    return c;
}

static int by_name(const void *a, const void *b)
{
    return al_slice_cmp(((const cat_field *)a)->name, ((const cat_field *)b)->name);
}

al_code catalog_fields(catalog *cat, const char *index, al_arena *arena, cat_field **ret,
                       size_t *ret_n, al_err *err)
{
    size_t n = 0;
    cat_field *all = NULL;
    {
        READING(cat);
        const entry *e = find_locked(cat, index);
        if (!e)
            return al_fail(err, AL_NOT_FOUND, "no index '%.40s'", index);
        all = al_arena_alloc(arena, e->fields.n + 1, sizeof *all);
        if (!all)
            return al_fail(err, AL_NOMEM, "list fields");
        for (size_t i = 0; i < e->fields.n_slots; i++) {
            if (!e->fields.slots[i])
                continue;
            all[n] = e->fields.slots[i]->field;
            all[n].name = al_arena_copy(arena, all[n].name);
            if (!all[n++].name.ptr)
                return al_fail(err, AL_NOMEM, "list fields");
        }
    }
    qsort(all, n, sizeof *all, by_name);
    *ret = all;
    *ret_n = n;
    return AL_OK;
}

static al_code set_in_memory(catalog *cat, const char *index, const cat_field *f, al_err *err)
{
    WRITING(cat);
    entry *e = find_locked(cat, index);
    cat_known *k = e ? cat_fields_find(&e->fields, f->name) : NULL;
    if (e && !k)
        k = cat_fields_add(&e->fields, f->name);
    if (!k)
        return al_fail(err, AL_LIMIT, "index '%s' has %d fields already", index, CAT_FIELDS_MAX);
    if (k->is_dirty) {
        k->is_dirty = false;
        e->fields.n_dirty--;
    }
    al_slice name = k->field.name;
    k->field = *f;
    k->field.name = name;
    return AL_OK;
}

static al_code check_settable(catalog *cat, const char *index, const cat_field *f, al_err *err)
{
    READING(cat);
    const entry *e = find_locked(cat, index);
    if (!e)
        return al_fail(err, AL_NOT_FOUND, "no index '%.40s'", index);
    if (!cat_fields_find(&e->fields, f->name) && e->fields.n == CAT_FIELDS_MAX)
        return al_fail(err, AL_LIMIT, "index '%s' has %d fields already", index, CAT_FIELDS_MAX);
    return AL_OK;
}

al_code catalog_field_set(catalog *cat, const char *index, const cat_field *f, al_err *err)
{
    AL_LOCKED(&cat->db_lock);
    al_code c = check_settable(cat, index, f, err);
    if (!c)
        c = write_fields(cat, index, f, 1, err);
    return c ? c : set_in_memory(cat, index, f, err);
}

/* ---- What is only in the file */

al_code catalog_use_db(catalog *cat, bool writes, catalog_db_fn *fn, void *ctx, al_err *err)
{
    AL_LOCKED(&cat->db_lock);
    cat->is_log_dirty = cat->is_log_dirty || writes;
    return fn(ctx, cat->db, err);
}

/* ---- Notes: only in the file, they are read once */

al_code catalog_note_put(catalog *cat, al_slice name, al_slice text, al_err *err)
{
    AL_LOCKED(&cat->db_lock);
    cat->is_log_dirty = true;
    return cat_db_put_note(cat->db, name, text, err);
}

al_code catalog_notes(catalog *cat,
                      al_code (*fn)(void *ctx, al_slice name, al_slice text, al_err *err),
                      void *ctx, al_err *err)
{
    AL_LOCKED(&cat->db_lock);
    return cat_db_read_notes(cat->db, fn, ctx, err);
}
