/* A round: the next rows of the journal, as many as are sent at once -> for each index and day its
 * table -> sent -> the place goes behind them. What fails is tried again after a second, from the
 * same place. One thread does all of it; others look at `state` and wake it.
 *
 * Invariants: (1) the place never goes beyond a row of this shard that the node does not have,
 * unless it refused it or the journal lost it, which is counted; (2) the place on disk is never
 * beyond the one in memory. */
#include "sphinx/mirror.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "record/timestamp.h"
#include "sphinx/day_tables.h"
#include "sphinx/insert.h"
#include "sphinx/sql_conn.h"

enum {
    ROWS_MAX = 4 * INSERT_ROWS_MAX, /* of a round */
    BYTES_MAX = 8 << 20,
    LOOKED_AT_MAX = 200 * 1000, /* rows of others that one round passes over */
    ARENA_BYTES = 256 * 1024,
    NAME_BYTES = SQL_NODE_BYTES_MAX + 16,
    FILE_BYTES_MAX = 200,
};
#define RETRY_NS    AL_NS_PER_S
#define SAVE_NS     AL_NS_PER_S
#define PATIENCE_NS (10 * AL_NS_PER_S)
#define TABLES_NS   (60 * AL_NS_PER_S) /* then the node is asked anew which it has */

typedef struct taken {
    record rec;
    const char *index;
} taken;

struct mirror {
    mirror_options o;
    char file[NAME_BYTES];
    pthread_t thread;
    atomic_bool is_ending;
    /* its thread's */
    sql_conn *conn;
    day_tables *tables;
    int64_t tables_ns; /* when they were asked for */
    al_arena *arena;   /* of a round */
    taken *rows;
    size_t n_rows;
    size_t n_looked;
    size_t bytes;
    bool lacks_memory;
    eng_arrival place;
    eng_arrival next; /* behind the rows of this round */
    eng_arrival saved;
    int64_t saved_ns;
    /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool has_more;
    mirror_state state;
};

/* ---- The place on disk: "frame row" */

static al_code load_place(mirror *m, al_err *err)
{
    al_buf text;
    uint64_t frame = 0;
    uint64_t row = 0;
    al_buf_init(&text, FILE_BYTES_MAX);
    al_code c = al_read_file(m->o.io, m->o.dir, m->file, FILE_BYTES_MAX, &text, err);
    if (!c) {
        al_slice s = al_slice_trim(al_buf_slice(&text));
        size_t space = al_slice_find(s, ' ', 0);
        if (!al_parse_u64(al_slice_sub(s, 0, space), &frame) ||
            !al_parse_u64(al_slice_sub(s, space + 1, s.len), &row) || row > UINT32_MAX)
            c = al_fail(err, AL_CORRUPT, "%s: expected a frame and a row, as 12 345", m->file);
    }
    al_buf_done(&text);
    if (c && c != AL_NOT_FOUND)
        return c;
    m->place = m->saved = (eng_arrival){frame, (uint32_t)row};
    return AL_OK;
}

static bool is_at(eng_arrival a, eng_arrival b)
{
    return a.frame == b.frame && a.row == b.row;
}

/* A failure only makes more be sent again. */
static void save_place(mirror *m)
{
    char text[FILE_BYTES_MAX];
    al_err ignored;
    m->saved_ns = al_mono_ns();
    if (is_at(m->place, m->saved))
        return;
    (void)snprintf(text, sizeof text, "%llu %u\n", (unsigned long long)m->place.frame,
                   m->place.row);
    if (!al_publish_file(m->o.io, m->o.dir, m->file, al_cstr(text), &ignored))
        m->saved = m->place;
}

/* ---- State */

static void tell(mirror *m, const char *why)
{
    {
        AL_LOCKED(&m->lock);
        m->state.place = m->place;
        m->state.is_up = why == NULL;
        (void)snprintf(m->state.why, sizeof m->state.why, "%s", why ? why : "");
    }
    if (m->o.changed)
        m->o.changed(m->o.ctx);
}

static void note_refused(mirror *m, const al_err *err)
{
    {
        AL_LOCKED(&m->lock);
        m->state.n_refused++;
    }
    if (m->o.refused)
        m->o.refused(m->o.ctx, m->o.node, err->msg);
}

static void drop_connection(mirror *m)
{
    m->tables = day_tables_free(m->tables);
    m->conn = sql_close(m->conn);
}

static sql_patience patience(const mirror *m)
{
    return (sql_patience){.deadline_ns = al_mono_ns() + PATIENCE_NS, .cancel = &m->is_ending};
}

/* ---- Rows of the journal */

static bool copy_slice(mirror *m, al_slice *s)
{
    al_slice copy = al_arena_copy(m->arena, *s);
    bool ok = copy.ptr || !s->len;
    m->bytes += s->len;
    *s = copy;
    return ok;
}

static bool copy_record(mirror *m, const record *r, record *ret)
{
    field *fields = al_arena_alloc(m->arena, (size_t)r->n_fields + 1, sizeof *fields);
    *ret = *r;
    bool ok = fields && copy_slice(m, &ret->message);
    for (uint32_t i = 0; ok && i < r->n_fields; i++) {
        fields[i] = r->fields[i];
        ok = copy_slice(m, &fields[i].name) && copy_slice(m, &fields[i].val.text);
    }
    ret->fields = fields;
    return ok;
}

static bool is_ours(const mirror *m, const record *r)
{
    return r->id % shards_of_day(m->o.shards, rec_day_of(r->time_ns)) == m->o.shard;
}

static eng_flow take_row(void *ctx, const eng_row *row, eng_arrival at)
{
    mirror *m = ctx;
    m->n_looked++;
    if (is_ours(m, row->rec)) {
        taken *t = &m->rows[m->n_rows];
        if (!copy_record(m, row->rec, &t->rec)) {
            m->lacks_memory = true;
            return ENG_STOP;
        }
        t->index = row->index;
        m->n_rows++;
    }
    m->next = at;
    bool goes_on = m->n_rows < ROWS_MAX && m->bytes < BYTES_MAX && m->n_looked < LOOKED_AT_MAX;
    return goes_on ? ENG_MORE : ENG_STOP;
}

/* Is each of them there? One that was dropped meanwhile is no gap. */
static bool are_known(const mirror *m, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        eng_index_stats ignored;
        al_err why;
        if (engine_index_stats(m->o.journal, names[i], &ignored, &why))
            return false;
    }
    return true;
}

/* The journal does not reach back to the place: from its end on, and it is said. */
static al_code pass_gap(mirror *m, const char *const *names, size_t n, al_err *err)
{
    if (!are_known(m, names, n))
        return al_fail(err, AL_AGAIN, "an index was dropped");
    al_code c = engine_tail_end(m->o.journal, &m->place, err);
    if (c)
        return c;
    {
        AL_LOCKED(&m->lock);
        m->state.n_gaps++;
    }
    m->next = m->place;
    return AL_OK;
}

static al_code read_journal(mirror *m, al_err *err)
{
    const char **names = NULL;
    size_t n = 0;
    al_arena_reset(m->arena);
    m->n_rows = m->n_looked = m->bytes = 0;
    m->next = m->place;
    al_code c = m->o.indexes(m->o.ctx, m->arena, &names, &n, err);
    if (c || n == 0)
        return c;
    query *all = query_all();
    if (!all)
        return al_fail(err, AL_NOMEM, "read the journal");
    eng_scope scope = {.indexes = names, .n_indexes = n, .to_ns = INT64_MAX, .q = all};
    eng_budget budget = {.cancel = &m->is_ending};
    eng_arrival reached = m->place;
    c = engine_tail(m->o.journal, &scope, m->place, &budget, take_row, m, &reached, NULL, err);
    (void)query_unref(all);
    if (c == AL_NOT_FOUND)
        return pass_gap(m, names, n, err);
    if (c || m->lacks_memory)
        return c ? c : al_fail(err, AL_NOMEM, "read the journal");
    bool is_cut = m->n_rows == ROWS_MAX || m->bytes >= BYTES_MAX || m->n_looked >= LOOKED_AT_MAX;
    if (!is_cut)
        m->next = reached;
    return AL_OK;
}

/* ---- To the node */

static al_code connect(mirror *m, al_err *err)
{
    sql_patience p = patience(m);
    if (!m->conn) {
        al_code c = sql_connect(m->o.node, p.deadline_ns, &m->conn, err);
        if (c)
            return c;
    }
    if (m->tables && al_mono_ns() - m->tables_ns < TABLES_NS)
        return AL_OK;
    m->tables = day_tables_free(m->tables);
    m->tables_ns = al_mono_ns();
    return day_tables_new(m->conn, &p, &m->tables, err);
}

/* The first `n` of `recs` are of one table; those that are refused are passed. */
static al_code send_rows(mirror *m, const insert_table *table, uint32_t step, record *recs,
                         size_t n, al_err *err)
{
    const insert_into to = {.conn = m->conn, .table = table, .words = m->o.words, .step = step};
    while (n) {
        sql_patience p = patience(m);
        size_t n_there = 0;
        al_code c = insert_rows(&to, recs, n, &p, &n_there, err);
        bool is_refused = c == AL_INVALID || c == AL_LIMIT;
        if (c && !is_refused)
            return c;
        if (is_refused)
            note_refused(m, err);
        recs += n_there + is_refused;
        n -= n_there + is_refused;
    }
    return AL_OK;
}

/* Rows that follow each other in the journal and go into one table are sent together. */
static al_code send_all(mirror *m, al_err *err)
{
    int32_t today = rec_day_of(al_now_ns());
    record *recs = al_arena_alloc(m->arena, m->n_rows, sizeof *recs);
    if (!recs)
        return al_fail(err, AL_NOMEM, "send rows");
    for (size_t from = 0; from < m->n_rows;) {
        sql_patience p = patience(m);
        const insert_table *table;
        const taken *first = &m->rows[from];
        uint32_t step = shards_of_day(m->o.shards, rec_day_of(first->rec.time_ns));
        al_code c =
            day_tables_of(m->tables, first->index, first->rec.time_ns, today, &p, &table, err);
        if (c)
            return c;
        size_t to = from;
        while (to < m->n_rows && strcmp(m->rows[to].index, first->index) == 0 &&
               rec_day_of(m->rows[to].rec.time_ns) == rec_day_of(first->rec.time_ns)) {
            recs[to - from] = m->rows[to].rec;
            to++;
        }
        c = send_rows(m, table, step, recs, to - from, err);
        if (c)
            return c;
        from = to;
    }
    return AL_OK;
}

/* ---- The thread */

static al_code run_round(mirror *m, bool *ret_is_idle, al_err *err)
{
    al_code c = connect(m, err);
    if (!c)
        c = read_journal(m, err);
    if (!c && m->n_rows)
        c = send_all(m, err);
    if (c)
        return c;
    *ret_is_idle = is_at(m->next, m->place);
    m->place = m->next;
    AL_LOCKED(&m->lock);
    m->state.n_rows += m->n_rows;
    return AL_OK;
}

/* Until there is more, the end, or `deadline_ns`. */
static void wait_for_more(mirror *m, int64_t deadline_ns, bool is_for_more)
{
    AL_LOCKED(&m->lock);
    while (!atomic_load(&m->is_ending) && !(is_for_more && m->has_more))
        if (!al_cond_wait_until(&m->woken, &m->lock, deadline_ns))
            break;
    m->has_more = false;
}

static void *run(void *ctx)
{
    mirror *m = ctx;
    while (!atomic_load(&m->is_ending)) {
        bool is_idle = false;
        al_err err = {0};
        al_code c = run_round(m, &is_idle, &err);
        if (c) {
            drop_connection(m);
            tell(m, err.msg);
            wait_for_more(m, al_mono_ns() + RETRY_NS, false);
            continue;
        }
        if (!is_idle || !m->state.is_up)
            tell(m, NULL);
        if (is_idle || al_mono_ns() - m->saved_ns >= SAVE_NS)
            save_place(m);
        if (is_idle)
            wait_for_more(m, al_mono_ns() + RETRY_NS, true);
    }
    save_place(m);
    drop_connection(m);
    return NULL;
}

/* ---- Face */

static void done(mirror *m)
{
    (void)al_arena_free(m->arena);
    free(m->rows);
    (void)pthread_cond_destroy(&m->woken);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

al_code mirror_start(const mirror_options *o, mirror **ret, al_err *err)
{
    mirror *m = al_zalloc(1, sizeof *m);
    if (!m)
        return al_fail(err, AL_NOMEM, "mirror");
    m->o = *o;
    (void)pthread_mutex_init(&m->lock, NULL);
    al_cond_init(&m->woken);
    (void)snprintf(m->file, sizeof m->file, "mirror-%s", o->node);
    for (char *at = m->file; *at; at++)
        if (*at == ':' || *at == '/')
            *at = '-';
    (void)snprintf(m->state.why, sizeof m->state.why, "not connected yet");
    m->arena = al_arena_new(ARENA_BYTES);
    m->rows = al_alloc(ROWS_MAX, sizeof *m->rows);
    al_code c = m->arena && m->rows ? load_place(m, err) : al_fail(err, AL_NOMEM, "mirror");
    m->state.place = m->place;
    if (!c)
        c = al_thread_start(&m->thread, "alco-mirror", run, m, err);
    if (c) {
        done(m);
        return c;
    }
    *ret = m;
    return AL_OK;
}

mirror *mirror_stop(mirror *m)
{
    if (!m)
        return NULL;
    atomic_store(&m->is_ending, true);
    mirror_wake(m);
    (void)pthread_join(m->thread, NULL);
    done(m);
    return NULL;
}

void mirror_wake(mirror *m)
{
    AL_LOCKED(&m->lock);
    m->has_more = true;
    (void)pthread_cond_signal(&m->woken);
}

void mirror_look(mirror *m, mirror_state *ret)
{
    AL_LOCKED(&m->lock);
    *ret = m->state;
}
