/* Goal: whatever the journal has of a shard is on each of its mirrors once and the same to the
 * byte, whatever happens to the nodes and to us. Method: the real store, real searchds that are
 * killed and stopped while rows come; a mirror that forgot its place. */
#include "unit/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "record/timestamp.h"
#include "sphinx/mirror.h"
#include "sphinx/row.h"
#include "sphinx/searchd.h"
#include "sphinx/sql_conn.h"
#include "sphinx/sql_text.h"
#include "store/store.h"
#include "support/gen.h"
#include "support/rows.h"

enum { SHARDS = 2, ROWS_MAX = 30000, DAYS = 3 };

/* What a node has, by id. */
typedef struct seen {
    size_t n;
    uint64_t ids[ROWS_MAX];
    uint64_t contents[ROWS_MAX];
} seen;

typedef struct place {
    tmpdir dir;
    int fd;
    engine *e;
    shards *shards;
    al_arena *arena;
    const charset *words;
    int32_t today;
    atomic_uint n_refused;
    uint32_t next_shard;
} place;

static al_code names_of(void *ctx, al_arena *arena, const char ***ret, size_t *ret_n, al_err *err)
{
    static const char *names[] = {"logs", "other"};
    (void)ctx;
    (void)arena;
    (void)err;
    *ret = names;
    *ret_n = AL_COUNT(names);
    return AL_OK;
}

static void on_refused(void *ctx, const char *node, const char *why)
{
    place *p = ctx;
    print_message("%s refused: %s\n", node, why);
    atomic_fetch_add(&p->n_refused, 1);
}

static void open_index(engine *e, const char *name)
{
    eng_index_settings s = {.intervals = 30, .keeps_positions = true};
    al_err err = {0};
    (void)snprintf(s.name, sizeof s.name, "%s", name);
    if (engine_index_open(e, &s, &err))
        fail_msg("%s", err.msg);
}

static void place_init(place *p)
{
    al_err err = {0};
    char path[300];
    *p = (place){.today = rec_day_of(al_now_ns())};
    tmpdir_init(&p->dir, "mirror");
    store_options o = {.path = tmpdir_join(&p->dir, "data", path, sizeof path)};
    if (store_open(&o, NULL, &p->e, &err))
        fail_msg("%s", err.msg);
    open_index(p->e, "logs");
    open_index(p->e, "other");
    p->fd = open(p->dir.path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(shards_open(al_io_posix(), p->fd, p->today, SHARDS, &p->shards, &err), AL_OK);
    p->arena = al_arena_new(4096);
    assert_int_equal(charset_new(p->arena, AL_LIT(CHARSET_TABLE), &p->words), AL_OK);
}

static void place_done(place *p)
{
    (void)engine_close(p->e);
    (void)shards_free(p->shards);
    (void)al_arena_free(p->arena);
    (void)close(p->fd);
    tmpdir_done(&p->dir);
}

static mirror *start(place *p, const char *node, uint32_t shard)
{
    mirror *m = NULL;
    al_err err = {0};
    mirror_options o = {.journal = p->e,
                        .node = node,
                        .shard = shard,
                        .shards = p->shards,
                        .words = p->words,
                        .io = al_io_posix(),
                        .dir = p->fd,
                        .indexes = names_of,
                        .refused = on_refused,
                        .ctx = p};
    if (mirror_start(&o, &m, &err))
        fail_msg("%s", err.msg);
    return m;
}

/* ---- The journal */

typedef struct sharded {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
    al_code code;
    uint32_t shard;
} sharded;

static eng_id_class ids_of(void *ctx, int64_t time_ns)
{
    const sharded *s = ctx;
    (void)time_ns;
    return (eng_id_class){SHARDS, s->shard};
}

static void on_done(void *ctx, al_code code, const al_err *err)
{
    sharded *s = ctx;
    (void)err;
    AL_LOCKED(&s->lock);
    s->code = code;
    s->is_done = true;
    (void)pthread_cond_broadcast(&s->changed);
}

/* Times within the days that have tables, and some far from them. */
static void append_some(place *p, const char *index, uint64_t seed, size_t n)
{
    gen_stream g = gen_stream_of(seed);
    g.odd_percent = 10;
    rec_batch *b = gen_batch(&g, n);
    for (size_t i = 0; i < b->n; i++) {
        int64_t day = p->today - (int64_t)(i % DAYS) + 1;
        if (i % 50 == 0)
            day = i % 100 ? 3 : p->today + 400;
        b->recs[i].time_ns = day * AL_NS_PER_DAY + (int64_t)(seed * 1000 + i / 7);
    }
    sharded s = {.shard = p->next_shard++ % SHARDS};
    (void)pthread_mutex_init(&s.lock, NULL);
    al_cond_init(&s.changed);
    eng_append a = {.index = index, .batch = b, .ids = ids_of, .done = on_done, .ctx = &s};
    al_err err = {0};
    if (engine_append(p->e, &a, &err))
        fail_msg("%s", err.msg);
    AL_LOCKED(&s.lock);
    while (!s.is_done)
        (void)pthread_cond_wait(&s.changed, &s.lock);
    assert_int_equal(s.code, AL_OK);
}

typedef struct of_shard {
    seen *s;
    uint32_t shard;
} of_shard;

static eng_flow take_expected(void *ctx, const eng_row *row)
{
    of_shard *o = ctx;
    if (row->rec->id % SHARDS != o->shard)
        return ENG_MORE;
    assert_true(o->s->n < ROWS_MAX);
    o->s->ids[o->s->n] = row->rec->id;
    o->s->contents[o->s->n++] = rows_content(row->rec);
    return ENG_MORE;
}

static void expected_of(place *p, const char *index, uint32_t shard, seen *ret)
{
    query *all = query_all();
    eng_search q = {.scope = {.indexes = &index, .n_indexes = 1, .to_ns = INT64_MAX, .q = all}};
    eng_answer a = {0};
    al_err err = {0};
    of_shard o = {.s = ret, .shard = shard};
    ret->n = 0;
    assert_int_equal(engine_search(p->e, &q, NULL, take_expected, &o, &a, &err), AL_OK);
    (void)query_unref(all);
}

/* ---- The nodes */

static void put_tables(al_buf *out, const char *index, int32_t today)
{
    for (int32_t day = today - DAYS + 2; day <= today + 1; day++) {
        al_buf name;
        al_buf_init(&name, 100);
        al_buf_printf(&name, "%s_", index);
        rec_day_format(&name, day);
        al_buf_printf(
            out,
            "index %.*s\n{\n type = rt\n path = %%s/%.*s\n rt_field = logline\n rt_field = "
            "js\n rt_field = long_words\n rt_attr_string = logline\n rt_attr_json = js\n "
            "rt_attr_string = src\n charset_table = %s\n}\n",
            AL_ARG(al_buf_slice(&name)), AL_ARG(al_buf_slice(&name)), CHARSET_TABLE);
        al_buf_done(&name);
    }
}

static void node_init(searchd *s, int32_t today)
{
    al_buf text;
    al_buf_init(&text, 1 << 20);
    put_tables(&text, "logs", today);
    put_tables(&text, "other", today);
    al_buf_u8(&text, 0);
    searchd_init(s, (const char *)text.ptr);
    al_buf_done(&text);
}

static bool take_row(void *ctx, const al_slice *values, unsigned n)
{
    seen *s = ctx;
    record r;
    al_err err = {0};
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    assert_int_equal(n, 4);
    row_columns row = {.logline = values[1], .js = values[2], .src = values[3]};
    assert_true(al_parse_u64(values[0], &row.id));
    if (row_decode(&row, arena, &r, &err))
        fail_msg("%s", err.msg);
    assert_true(s->n < ROWS_MAX);
    s->ids[s->n] = row.id;
    s->contents[s->n++] = rows_content(&r);
    return true;
}

static seen *sorted;
static int by_id(const void *a, const void *b)
{
    uint64_t x = sorted->ids[*(const size_t *)a];
    uint64_t y = sorted->ids[*(const size_t *)b];
    return x < y ? -1 : x > y;
}

/* All tables of the index, by id. */
static void read_node(const char *node, const char *index, int32_t today, seen *ret)
{
    static seen raw;
    static size_t order[ROWS_MAX];
    sql_conn *c = NULL;
    al_err err = {0};
    sql_patience p = {.deadline_ns = al_mono_ns() + 60 * AL_NS_PER_S};
    if (sql_connect(node, p.deadline_ns, &c, &err))
        fail_msg("%s", err.msg);
    raw.n = 0;
    for (int32_t day = today - DAYS + 2; day <= today + 1; day++) {
        al_buf text;
        sql_answer a;
        al_buf_init(&text, 1000);
        al_buf_printf(&text, "SELECT id, logline, js, src FROM %s_", index);
        rec_day_format(&text, day);
        al_buf_printf(&text, " LIMIT %d OPTION max_matches=%d", ROWS_MAX, ROWS_MAX);
        if (sql_ask(c, al_buf_slice(&text), &p, take_row, &raw, &a, &err))
            fail_msg("%s", err.msg);
        al_buf_done(&text);
    }
    (void)sql_close(c);
    for (size_t i = 0; i < raw.n; i++)
        order[i] = i;
    sorted = &raw;
    if (raw.n)
        qsort(order, raw.n, sizeof *order, by_id);
    ret->n = raw.n;
    for (size_t i = 0; i < raw.n; i++) {
        ret->ids[i] = raw.ids[order[i]];
        ret->contents[i] = raw.contents[order[i]];
    }
}

static void check_node(place *p, const char *node, uint32_t shard)
{
    static seen want;
    static seen got;
    static const char *const indexes[] = {"logs", "other"};
    for (size_t k = 0; k < AL_COUNT(indexes); k++) {
        expected_of(p, indexes[k], shard, &want);
        read_node(node, indexes[k], p->today, &got);
        if (got.n != want.n)
            fail_msg("%s of %s: %zu rows, expected %zu", indexes[k], node, got.n, want.n);
        assert_memory_equal(got.ids, want.ids, want.n * sizeof *want.ids);
        assert_memory_equal(got.contents, want.contents, want.n * sizeof *want.contents);
    }
}

/* Until it has all that the journal has now. */
static void wait_for(place *p, mirror *m)
{
    eng_arrival end;
    al_err err;
    mirror_state s;
    assert_int_equal(engine_tail_end(p->e, &end, &err), AL_OK);
    do {
        mirror_wake(m);
        (void)sched_yield();
        mirror_look(m, &s);
    } while (!s.is_up || s.place.frame < end.frame ||
             (s.place.frame == end.frame && s.place.row < end.row));
    assert_int_equal(s.n_gaps, 0);
}

static void each_mirror_has_each_row_of_its_shard_once(void **state)
{
    (void)state;
    static place p;
    static searchd nodes[3]; /* the first two are mirrors of shard 0 */
    mirror *mirrors[3];
    place_init(&p);
    uint64_t seed = (uint64_t)al_now_ns() % 100000;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint32_t i = 0; i < 3; i++) {
        node_init(&nodes[i], p.today);
        mirrors[i] = start(&p, nodes[i].node, i / 2);
    }
    for (uint64_t round = 0; round < 12; round++) {
        append_some(&p, round % 3 ? "logs" : "other", seed + round * 7, 600);
        for (uint32_t i = 0; i < 3; i++)
            mirror_wake(mirrors[i]);
        if (round == 2)
            wait_for(&p, mirrors[0]);
        if (round == 3)
            searchd_kill(&nodes[0]);
        if (round == 5) { /* forgets where it was, and all is sent again */
            mirrors[2] = mirror_stop(mirrors[2]);
            char file[64];
            (void)snprintf(file, sizeof file, "mirror-%s", nodes[2].node);
            *strchr(file, ':') = '-';
            (void)unlinkat(p.fd, file, 0);
            mirrors[2] = start(&p, nodes[2].node, 1);
        }
        if (round == 6)
            assert_int_equal(kill(nodes[1].pid, SIGSTOP), 0);
        if (round == 7) {
            al_err err;
            assert_int_equal(engine_compact(p.e, NULL, NULL, &err), AL_OK);
            searchd_start(&nodes[0]);
        }
        if (round == 8) {
            mirrors[0] = mirror_stop(mirrors[0]);
            mirrors[0] = start(&p, nodes[0].node, 0);
        }
        if (round == 9)
            assert_int_equal(kill(nodes[1].pid, SIGCONT), 0);
    }
    for (uint32_t i = 0; i < 3; i++)
        wait_for(&p, mirrors[i]);
    assert_int_equal(atomic_load(&p.n_refused), 0);
    for (uint32_t i = 0; i < 3; i++) {
        mirror_state s;
        mirror_look(mirrors[i], &s);
        print_message("%s: %llu rows sent\n", nodes[i].node, (unsigned long long)s.n_rows);
        check_node(&p, nodes[i].node, i / 2);
        mirrors[i] = mirror_stop(mirrors[i]);
        searchd_done(&nodes[i]);
    }
    place_done(&p);
}

static void a_node_that_lacks_a_table_is_waited_for(void **state)
{
    (void)state;
    static place p;
    static searchd node;
    place_init(&p);
    node_init(&node, p.today - 30);
    mirror *m = start(&p, node.node, 0);
    append_some(&p, "logs", 1, 20);
    mirror_state s;
    do {
        mirror_wake(m);
        (void)sched_yield();
        mirror_look(m, &s);
    } while (!strstr(s.why, "serves no table logs_"));
    assert_false(s.is_up);
    assert_int_equal(s.place.frame, 0);
    (void)mirror_stop(m);
    searchd_done(&node);
    place_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mirror_has_each_row_of_its_shard_once),
        cmocka_unit_test(a_node_that_lacks_a_table_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
