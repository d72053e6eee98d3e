/* Goal: the file input from a file to a search: every record once, over refusals, restarts and a
 * dropped index. Method: real files, the model engine, which holds what ingest hands it; a restart
 * is a second input that is given the memory which the first one left with the engine. Waiting is
 * for a commit, never for time. */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/thread.h"
#include "inputs/files.h"
#include "support/model_engine.h"
#include "support/tmpdir.h"

typedef struct fixture {
    tmpdir dir;
    char glob[600];
    char path[512];
    catalog *cat;
    ingest *in;
    engine *eng;
    files_input *files;
    al_buf memory; /* what a restart begins with */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* guarded by lock */
    unsigned news; /* commits and lines said */
    char said[1024];
} fixture;

static void note_news(void *ctx)
{
    fixture *f = ctx;
    AL_LOCKED(&f->lock);
    f->news++;
    (void)pthread_cond_broadcast(&f->changed);
}

static void note_said(void *ctx, const char *line)
{
    fixture *f = ctx;
    {
        AL_LOCKED(&f->lock);
        size_t n = strlen(f->said);
        (void)snprintf(f->said + n, sizeof f->said - n, "%s\n", line);
    }
    note_news(f);
}

static void append(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void begin(fixture *f)
{
    al_err err = {0};
    files_spec spec;
    char text[700];
    if (catalog_open(f->dir.path, &f->cat, &err) || ingest_new(f->cat, &f->in, &err) ||
        files_new(f->in, &f->files, &err))
        fail_msg("%s", err.msg);
    if (f->memory.len) /* as the engine does at open */
        ingest_hooks(f->in)->mark(ingest_hooks(f->in)->ctx, al_buf_slice(&f->memory));
    if (model_engine_open(ingest_hooks(f->in), &f->eng, &err) || ingest_attach(f->in, f->eng, &err))
        fail_msg("%s", err.msg);
    ingest_on_commit(f->in, note_news, f);
    (void)snprintf(text, sizeof text, "system=%s", f->glob);
    if (files_spec_parse(text, &spec, &err) || files_start(f->files, &spec, 1, note_said, f, &err))
        fail_msg("%s", err.msg);
}

/* Stops, keeping the memory that was durable. */
static void end(fixture *f)
{
    files_stop(f->files);
    ingest_stop(f->in);
    al_buf_clear(&f->memory);
    assert_int_equal(ingest_hooks(f->in)->marks_dump(ingest_hooks(f->in)->ctx, &f->memory), AL_OK);
    f->eng = engine_close(f->eng);
    f->files = files_free(f->files);
    f->in = ingest_free(f->in);
    f->cat = catalog_close(f->cat);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    tmpdir_init(&f->dir, "files");
    (void)tmpdir_join(&f->dir, "app*.log", f->glob, sizeof f->glob);
    (void)tmpdir_join(&f->dir, "app.log", f->path, sizeof f->path);
    al_buf_init(&f->memory, 1 << 20);
    (void)pthread_mutex_init(&f->lock, NULL);
    al_cond_init(&f->changed);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    tmpdir_done(&f->dir);
    al_buf_done(&f->memory);
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
    return 0;
}

/* ---- What was stored: messages, each with '|' behind it, in order */

static eng_flow add_message(void *ctx, const eng_row *row)
{
    al_buf *out = ctx;
    al_buf_slice_put(out, row->rec->message);
    al_buf_u8(out, '|');
    return ENG_MORE;
}

static void read_stored(fixture *f, al_buf *out)
{
    AL_CLEANUP(query_unrefp) query *all = query_all();
    const char *index = "system";
    eng_search s = {.scope = {.indexes = &index, .n_indexes = 1, .to_ns = INT64_MAX, .q = all}};
    eng_budget budget = {0};
    eng_answer answer;
    al_err err = {0};
    al_buf_clear(out);
    if (engine_search(f->eng, &s, &budget, add_message, out, &answer, &err))
        fail_msg("%s", err.msg);
    al_buf_u8(out, 0);
    assert_int_equal(al_buf_code(out), AL_OK);
}

/* Until exactly this is stored; fails when more is there than wanted. */
static void wait_stored(fixture *f, const char *want)
{
    al_buf got;
    al_buf_init(&got, 1 << 20);
    for (;;) {
        unsigned seen = 0;
        {
            AL_LOCKED(&f->lock);
            seen = f->news;
        }
        read_stored(f, &got);
        if (strcmp((const char *)got.ptr, want) == 0)
            break;
        if (strlen((const char *)got.ptr) >= strlen(want))
            fail_msg("stored '%s', want '%s'", (const char *)got.ptr, want);
        AL_LOCKED(&f->lock);
        while (f->news == seen)
            (void)pthread_cond_wait(&f->changed, &f->lock);
    }
    al_buf_done(&got);
}

static void wait_said(fixture *f, const char *part)
{
    AL_LOCKED(&f->lock);
    while (!strstr(f->said, part))
        (void)pthread_cond_wait(&f->changed, &f->lock);
}

/* ---- Tests */

static void lines_are_found_and_followed(void **state)
{
    fixture *f = *state;
    append(f->path, "2026-11-22 13:40:01 a\n  more\n2026-11-22 13:40:02 b\n");
    begin(f);
    wait_stored(f, "2026-11-22 13:40:01 a\n  more|2026-11-22 13:40:02 b|");
    append(f->path, "2026-11-22 13:40:03 c\n");
    wait_stored(f, "2026-11-22 13:40:01 a\n  more|2026-11-22 13:40:02 b|2026-11-22 13:40:03 c|");
    char second[512];
    append(tmpdir_join(&f->dir, "app2.log", second, sizeof second), "2026-11-22 13:40:04 d\n");
    wait_stored(f, "2026-11-22 13:40:01 a\n  more|2026-11-22 13:40:02 b|2026-11-22 13:40:03 c|"
                   "2026-11-22 13:40:04 d|");
    assert_true(ingest_is_field(f->in, "system", AL_LIT("file")));
    assert_true(ingest_is_field(f->in, "system", AL_LIT("host")));
    assert_false(ingest_is_field(f->in, "system", AL_LIT("app")));
    end(f);
}

/* Each begin opens an empty model engine: only what is new since the end before it may come. */
static void a_restart_goes_on_where_it_was(void **state)
{
    fixture *f = *state;
    append(f->path, "2026-11-22 13:40:01 a\n");
    begin(f);
    wait_stored(f, "2026-11-22 13:40:01 a|");
    end(f);

    char old[512];
    char rotated[512];
    append(f->path, "2026-11-22 13:40:02 b\n");
    assert_int_equal(rename(f->path, tmpdir_join(&f->dir, "old", old, sizeof old)), 0);
    begin(f); /* the glob does not name it any more */
    end(f);

    assert_int_equal(rename(old, tmpdir_join(&f->dir, "app.log.1", rotated, sizeof rotated)), 0);
    append(f->path, "2026-11-22 13:40:03 c\n");
    begin(f); /* its name begins as it did: the rest, and the new file */
    wait_stored(f, "2026-11-22 13:40:02 b|2026-11-22 13:40:03 c|");
    end(f);
    begin(f);
    append(f->path, "2026-11-22 13:40:04 d\n");
    wait_stored(f, "2026-11-22 13:40:04 d|");
    end(f);
}

static void refused_batches_come_again(void **state)
{
    fixture *f = *state;
    begin(f);
    model_engine_refuse(f->eng, true);
    append(f->path, "2026-11-22 13:40:01 a\n2026-11-22 13:40:02 b\n");
    append(f->path, "2026-11-22 13:40:03 c\n");
    model_engine_refuse(f->eng, false);
    wait_stored(f, "2026-11-22 13:40:01 a|2026-11-22 13:40:02 b|2026-11-22 13:40:03 c|");
    end(f);
}

static void stopping_does_not_wait_for_room(void **state)
{
    fixture *f = *state;
    begin(f);
    model_engine_refuse(f->eng, true);
    append(f->path, "2026-11-22 13:40:01 a\n");
    end(f);
    begin(f); /* it was not stored, and is not lost */
    wait_stored(f, "2026-11-22 13:40:01 a|");
    end(f);
}

static void a_dropped_index_is_told_and_made_again(void **state)
{
    fixture *f = *state;
    al_err err = {0};
    begin(f);
    if (ingest_index_drop(f->in, "system", &err))
        fail_msg("%s", err.msg);
    append(f->path, "2026-11-22 13:40:01 a\n");
    wait_said(f, "files for index 'system' wait: no index 'system'");
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    cat_index idx;
    if (catalog_index_defaults("system", arena, &idx, &err) ||
        ingest_index_create(f->in, &idx, &err))
        fail_msg("%s", err.msg);
    wait_stored(f, "2026-11-22 13:40:01 a|");
    end(f);
}

static void specs_are_checked(void **state)
{
    (void)state;
    al_err err;
    files_spec spec;
    assert_int_equal(files_spec_parse("system=/var/log/*.log", &spec, &err), AL_OK);
    assert_string_equal(spec.index, "system");
    assert_string_equal(spec.glob, "/var/log/*.log");
    static const char *const bad[] = {"",        "system",     "=/var/log/x",
                                      "system=", "no-name=/x", "a23456789012345678901=/x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(files_spec_parse(bad[i], &spec, &err), AL_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_found_and_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restart_goes_on_where_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_batches_come_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopping_does_not_wait_for_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dropped_index_is_told_and_made_again, set_up, tear_down),
        cmocka_unit_test(specs_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
