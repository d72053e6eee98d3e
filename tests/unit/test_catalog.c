/* Goal: the contract of catalog.h. Method: settings in and out, over closing and opening again;
 * fields from several threads; what must be refused. */
#include "catalog_help.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "catalog/cat_shortcuts.h"

/* What a crash before the first commit leaves: a file of no bytes. */
static void an_empty_file_is_a_first_start(void **state)
{
    fixture *f = *state;
    al_err err;
    cat_index idx;
    char path[100];
    f->cat = catalog_close(f->cat);
    (void)snprintf(path, sizeof path, "%s/catalog.db", f->dir);
    assert_int_equal(truncate(path, 0), 0);
    reopen(f);
    assert_int_equal(catalog_index_get(f->cat, "logs", f->arena, &idx, &err), AL_OK);
    assert_int_equal(idx.n_text_fields, 2);
}

static void the_first_start_makes_the_index_logs(void **state)
{
    fixture *f = *state;
    al_err err;
    for (int round = 0; round < 2; round++) {
        cat_index *all = NULL;
        size_t n = 0;
        assert_int_equal(catalog_indexes(f->cat, f->arena, &all, &n, &err), AL_OK);
        assert_int_equal(n, 1);
        assert_string_equal(all[0].name, "logs");
        assert_int_equal(all[0].intervals, 30);
        assert_true(al_slice_eq(all[0].queue_name, AL_LIT("logstash")));
        assert_true(al_slice_eq(all[0].routing_key, AL_LIT("logstash.#")));
        assert_int_equal(all[0].n_text_fields, 2);
        assert_true(al_slice_eq(all[0].text_fields[1], AL_LIT("stack_info")));
        assert_true(al_slice_eq(all[0].engine, AL_LIT("embedded")));
        reopen(f);
    }
    assert_int_equal(catalog_index_drop(f->cat, "logs", &err), AL_OK);
    reopen(f); /* only the very first start makes it */
    cat_index idx;
    assert_int_equal(catalog_index_get(f->cat, "logs", f->arena, &idx, &err), AL_NOT_FOUND);
}

static void settings_come_back_after_a_restart(void **state)
{
    fixture *f = *state;
    al_err err;
    cat_index idx;
    al_slice names[] = {AL_LIT("body"), AL_LIT("a\0b"), AL_LIT("\xff")};
    assert_int_equal(catalog_index_defaults("web_1", f->arena, &idx, &err), AL_OK);
    assert_true(al_slice_eq(idx.queue_name, AL_LIT("logstash.web_1")));
    idx.intervals = 7;
    idx.max_bytes = UINT64_C(1) << 40;
    idx.durable = true;
    idx.num_processes = 3;
    idx.routing_key = AL_LIT("logstash.web.#, logstash.nginx");
    idx.timestamp_zone = AL_LIT("Europe/Moscow");
    idx.text_fields = names;
    idx.n_text_fields = 3;
    assert_int_equal(catalog_index_create(f->cat, &idx, &err), AL_OK);
    idx.intervals = 9;
    assert_int_equal(catalog_index_change(f->cat, &idx, &err), AL_OK);
    reopen(f);
    cat_index got;
    assert_int_equal(catalog_index_get(f->cat, "web_1", f->arena, &got, &err), AL_OK);
    assert_int_equal(got.intervals, 9);
    assert_true(got.max_bytes == UINT64_C(1) << 40);
    assert_true(got.durable);
    assert_int_equal(got.num_processes, 3);
    assert_true(al_slice_eq(got.routing_key, AL_LIT("logstash.web.#,logstash.nginx")));
    assert_true(al_slice_eq(got.timestamp_zone, idx.timestamp_zone));
    static const al_slice no_keys[] = {{0}, {(const uint8_t *)" ", 1}};
    for (size_t i = 0; i < 2; i++) {
        cat_index none = got;
        none.routing_key = no_keys[i];
        assert_int_equal(catalog_index_change(f->cat, &none, &err), AL_OK);
        assert_int_equal(catalog_index_get(f->cat, "web_1", f->arena, &none, &err), AL_OK);
        assert_int_equal(none.routing_key.len, 0);
    }
    assert_int_equal(got.n_text_fields, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(al_slice_eq(got.text_fields[i], names[i]));
}

static void bad_settings_are_named(void **state)
{
    fixture *f = *state;
    al_err err;
    cat_index good;
    static const char *const bad_names[] = {"",    "a b",      "a,b",
                                            "a.b", "\xd0\xb6", "aaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof bad_names / sizeof bad_names[0]; i++)
        assert_int_equal(catalog_index_defaults(bad_names[i], f->arena, &good, &err), AL_INVALID);
    assert_int_equal(catalog_index_defaults("x", f->arena, &good, &err), AL_OK);
    struct {
        const char *word;
        cat_index idx;
    } bad[8];
    for (size_t i = 0; i < 8; i++)
        bad[i].idx = good;
    bad[0].word = "intervals", bad[0].idx.intervals = 0;
    bad[1].word = "intervals", bad[1].idx.intervals = 36501;
    bad[2].word = "num_processes", bad[2].idx.num_processes = 0;
    bad[3].word = "engine", bad[3].idx.engine = AL_LIT("lucene");
    bad[4].word = "queue_name", bad[4].idx.queue_name = AL_LIT("");
    bad[5].word = "routing_key 'a,,b'", bad[5].idx.routing_key = AL_LIT("a,,b");
    bad[6].word = "exchange", bad[6].idx.exchange = AL_LIT("a\nb");
    bad[7].word = "text_fields", bad[7].idx.n_text_fields = 1000;
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(catalog_index_create(f->cat, &bad[i].idx, &err), AL_INVALID);
        assert_non_null(strstr(err.msg, bad[i].word));
    }
    assert_int_equal(catalog_index_create(f->cat, &good, &err), AL_OK);
    assert_int_equal(catalog_index_create(f->cat, &good, &err), AL_EXISTS);
    cat_index same_queue = good;
    (void)snprintf(same_queue.name, sizeof same_queue.name, "y");
    assert_int_equal(catalog_index_create(f->cat, &same_queue, &err), AL_EXISTS);
    assert_non_null(strstr(err.msg, "logstash.x"));
    assert_int_equal(catalog_index_change(f->cat, &same_queue, &err), AL_NOT_FOUND);
    assert_int_equal(catalog_index_drop(f->cat, "nothere", &err), AL_NOT_FOUND);
}

static void fields_get_their_first_flags_and_are_kept(void **state)
{
    fixture *f = *state;
    al_err err;
    cat_field *all = NULL;
    size_t n = 0;
    assert_false(catalog_is_field(f->cat, "logs", AL_LIT("host")));
    assert_int_equal(catalog_field_seen(f->cat, "logs", AL_LIT("host")), AL_OK);
    assert_true(catalog_is_field(f->cat, "logs", AL_LIT("host")));
    assert_int_equal(catalog_field_seen(f->cat, "logs", AL_LIT("exc_info")), AL_OK);
    assert_int_equal(catalog_field_seen(f->cat, "logs", AL_LIT("b\0c")), AL_OK);
    assert_int_equal(catalog_field_seen(f->cat, "logs", AL_LIT("b")), AL_OK);
    assert_int_equal(catalog_field_seen(f->cat, "nothere", AL_LIT("b")), AL_NOT_FOUND);
    cat_field set = {.name = AL_LIT("b"), .excluded = true};
    assert_int_equal(catalog_field_set(f->cat, "logs", &set, &err), AL_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(catalog_fields(f->cat, "logs", f->arena, &all, &n, &err), AL_OK);
        assert_int_equal(n, 4);
        assert_true(al_slice_eq(all[0].name, AL_LIT("b")));
        assert_true(all[0].excluded);
        assert_false(all[0].display);
        assert_true(al_slice_eq(all[1].name, AL_LIT("b\0c")));
        assert_true(all[1].display);
        assert_true(all[2].context);
        assert_false(all[2].filtered);
        assert_true(all[3].filtered);
        reopen(f);
    }
    assert_int_equal(catalog_index_drop(f->cat, "logs", &err), AL_OK);
    cat_index idx;
    assert_int_equal(catalog_index_defaults("logs", f->arena, &idx, &err), AL_OK);
    assert_int_equal(catalog_index_create(f->cat, &idx, &err), AL_OK);
    assert_false(catalog_is_field(f->cat, "logs", AL_LIT("host"))); /* went with the index */
}

static void *see_many(void *arg)
{
    for (int i = 0; i < CAT_FIELDS_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "f%d", i);
        assert_int_equal(catalog_field_seen(arg, "logs", al_cstr(name)), AL_OK);
    }
    return NULL;
}

static void ten_thousand_fields_from_two_threads_and_no_more(void **state)
{
    fixture *f = *state;
    al_err err;
    pthread_t t;
    assert_int_equal(al_thread_start(&t, "see", see_many, f->cat, &err), AL_OK);
    (void)see_many(f->cat);
    (void)pthread_join(t, NULL);
    assert_int_equal(catalog_field_seen(f->cat, "logs", AL_LIT("one more")), AL_LIMIT);
    cat_field set = {.name = AL_LIT("one more")};
    assert_int_equal(catalog_field_set(f->cat, "logs", &set, &err), AL_LIMIT);
    assert_int_equal(catalog_flush(f->cat, &err), AL_OK);
    reopen(f);
    cat_field *all = NULL;
    size_t n = 0;
    assert_int_equal(catalog_fields(f->cat, "logs", f->arena, &all, &n, &err), AL_OK);
    assert_int_equal(n, CAT_FIELDS_MAX);
}

/* The SQLite log is emptied when nothing was written for a while: waits for that condition. */
static void the_log_is_emptied_when_idle(void **state)
{
    fixture *f = *state;
    char path[100];
    struct stat st;
    assert_int_equal(catalog_field_seen(f->cat, "logs", AL_LIT("x")), AL_OK);
    assert_int_equal(catalog_flush(f->cat, NULL), AL_OK);
    (void)snprintf(path, sizeof path, "%s/catalog.db-wal", f->dir);
    int64_t deadline = al_mono_ns() + 60 * AL_NS_PER_S;
    do {
        struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
        (void)nanosleep(&pause, NULL);
        assert_int_equal(stat(path, &st), 0);
    } while (st.st_size > 0 && al_mono_ns() < deadline);
    assert_int_equal(st.st_size, 0);
}

static off_t bytes_of_file(const fixture *f)
{
    char path[100];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/catalog.db", f->dir);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

/* Closing does what being idle does. */
static void what_was_dropped_takes_no_room(void **state)
{
    fixture *f = *state;
    al_err err;
    reopen(f);
    off_t empty = bytes_of_file(f);
    (void)see_many(f->cat);
    reopen(f);
    off_t full = bytes_of_file(f);
    assert_true(full > empty + (off_t)CAT_FIELDS_MAX * 10);
    assert_int_equal(catalog_index_drop(f->cat, "logs", &err), AL_OK);
    reopen(f);
    assert_true(bytes_of_file(f) <= empty);
}

static void a_second_owner_and_a_foreign_file_are_refused(void **state)
{
    fixture *f = *state;
    al_err err;
    catalog *second = NULL;
    assert_int_equal(catalog_open(f->dir, &second, &err), AL_AGAIN);
    assert_non_null(strstr(err.msg, "in use"));
    f->cat = catalog_close(f->cat);
    char path[100];
    (void)snprintf(path, sizeof path, "%s/catalog.db", f->dir);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    for (int i = 0; i < 1000; i++)
        assert_true(fputs("this is no database at all", out) >= 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(catalog_open(f->dir, &second, &err), AL_CORRUPT);
}

static unsigned n_files(const char *dir)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static void a_look_at_the_file_changes_nothing(void **state)
{
    fixture *f = *state;
    al_err err = {0};
    cat_index idx;
    char path[100];
    const char **names = NULL;
    size_t n = 0;
    assert_true(catalog_is_new(f->cat));
    assert_int_equal(catalog_index_defaults("web", f->arena, &idx, &err), AL_OK);
    assert_int_equal(catalog_index_create(f->cat, &idx, &err), AL_OK);
    assert_int_equal(catalog_peek(f->dir, f->arena, &names, &n, &err), AL_OK); /* from the log */
    assert_int_equal(n, 2);
    reopen(f);
    assert_false(catalog_is_new(f->cat));
    f->cat = catalog_close(f->cat);
    unsigned before = n_files(f->dir);
    assert_int_equal(catalog_peek(f->dir, f->arena, &names, &n, &err), AL_OK);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "logs");
    assert_string_equal(names[1], "web");
    assert_int_equal(n_files(f->dir), before);
    (void)snprintf(path, sizeof path, "%s/catalog.db", f->dir);
    assert_int_equal(truncate(path, 5000), 0);
    assert_int_equal(catalog_peek(f->dir, f->arena, &names, &n, &err), AL_CORRUPT);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(catalog_peek(f->dir, f->arena, &names, &n, &err), AL_NOT_FOUND);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(catalog_peek(f->dir, f->arena, &names, &n, &err), AL_NOT_FOUND);
    assert_int_equal(n_files(f->dir), before - 1);
}

static al_code note_to_text(void *ctx, al_slice name, al_slice text, al_err *err)
{
    (void)err;
    size_t n = strlen(ctx);
    (void)snprintf((char *)ctx + n, 200 - n, "%.*s=%.*s;", AL_ARG(name), AL_ARG(text));
    return AL_OK;
}

static const char *notes_of(fixture *f, char to[200])
{
    al_err err;
    to[0] = 0;
    assert_int_equal(catalog_notes(f->cat, note_to_text, to, &err), AL_OK);
    return to;
}

static void notes_are_kept_replaced_and_removed(void **state)
{
    fixture *f = *state;
    al_err err;
    char text[200];
    assert_string_equal(notes_of(f, text), "");
    assert_int_equal(catalog_note_put(f->cat, AL_LIT("b"), AL_LIT("1"), &err), AL_OK);
    assert_int_equal(catalog_note_put(f->cat, AL_LIT("a"), AL_LIT("2"), &err), AL_OK);
    assert_int_equal(catalog_note_put(f->cat, AL_LIT("b"), AL_LIT("3"), &err), AL_OK);
    assert_string_equal(notes_of(f, text), "a=2;b=3;");
    reopen(f);
    assert_string_equal(notes_of(f, text), "a=2;b=3;");
    assert_int_equal(catalog_note_put(f->cat, AL_LIT("a"), (al_slice){0}, &err), AL_OK);
    assert_int_equal(catalog_note_put(f->cat, AL_LIT("none"), (al_slice){0}, &err), AL_OK);
    reopen(f);
    assert_string_equal(notes_of(f, text), "b=3;");
}

static al_code make_shortcut(fixture *f, const char *index, const char *name, const char *url,
                             al_err *err)
{
    cat_shortcut s = {.description = AL_LIT("what <it> is"), .url = al_cstr(url)};
    (void)snprintf(s.name, sizeof s.name, "%s", name);
    (void)snprintf(s.index, sizeof s.index, "%s", index);
    return catalog_shortcut_create(f->cat, &s, err);
}

/* "name=url;..." of an index. */
static const char *shortcuts_of(fixture *f, const char *index, char text[200])
{
    cat_shortcut *all = NULL;
    size_t n = 0;
    al_err err;
    assert_int_equal(catalog_shortcuts(f->cat, index, f->arena, &all, &n, &err), AL_OK);
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(all[i].index, index);
        (void)snprintf(text + strlen(text), 200 - strlen(text), "%s=%.*s;", all[i].name,
                       AL_ARG(all[i].url));
    }
    return text;
}

static void shortcuts_are_kept_and_go_with_their_index(void **state)
{
    fixture *f = *state;
    al_err err;
    char text[200];
    cat_index idx;
    cat_shortcut s;
    assert_int_equal(catalog_index_defaults("web", f->arena, &idx, &err), AL_OK);
    assert_int_equal(catalog_index_create(f->cat, &idx, &err), AL_OK);
    assert_int_equal(make_shortcut(f, "web", "b", "x=1", &err), AL_OK);
    assert_int_equal(make_shortcut(f, "web", "a", "/grep/web/?y=2#z", &err), AL_OK);
    assert_int_equal(make_shortcut(f, "logs", "c", "", &err), AL_OK);
    assert_int_equal(make_shortcut(f, "logs", "a", "", &err), AL_EXISTS); /* also of another */
    assert_non_null(strstr(err.msg, "'web'"));
    assert_int_equal(make_shortcut(f, "no", "d", "", &err), AL_NOT_FOUND);
    static const char *const bad[] = {"", "a b", "a-b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(make_shortcut(f, "logs", bad[i], "", &err), AL_INVALID);
    assert_int_equal(make_shortcut(f, "logs", "d", "a\nb", &err), AL_INVALID);
    reopen(f);
    assert_string_equal(shortcuts_of(f, "web", text), "a=/grep/web/?y=2#z;b=x=1;");
    assert_string_equal(shortcuts_of(f, "no", text), "");
    assert_int_equal(catalog_shortcut_get(f->cat, AL_LIT("a"), f->arena, &s, &err), AL_OK);
    assert_true(al_slice_eq(s.description, AL_LIT("what <it> is")) && s.default_field.len == 0);
    assert_true(al_slice_eq(cat_shortcut_query(&s), AL_LIT("y=2")));
    s.url = AL_LIT("/grep/web/#?y=2");
    assert_int_equal(cat_shortcut_query(&s).len, 0);
    s.url = AL_LIT("y=2#?z");
    assert_true(al_slice_eq(cat_shortcut_query(&s), AL_LIT("y=2")));
    s.url = AL_LIT("/grep/web/");
    s.default_field = AL_LIT("host");
    assert_int_equal(cat_shortcut_query(&s).len, 0);
    assert_int_equal(catalog_shortcut_change(f->cat, &s, &err), AL_OK);
    (void)snprintf(s.index, sizeof s.index, "logs");
    assert_int_equal(catalog_shortcut_change(f->cat, &s, &err), AL_NOT_FOUND); /* it is web's */
    assert_int_equal(catalog_shortcut_drop(f->cat, "logs", AL_LIT("b"), &err), AL_NOT_FOUND);
    assert_int_equal(catalog_shortcut_drop(f->cat, "web", AL_LIT("b"), &err), AL_OK);
    reopen(f);
    assert_string_equal(shortcuts_of(f, "web", text), "a=/grep/web/;");
    assert_int_equal(catalog_shortcut_get(f->cat, AL_LIT("a"), f->arena, &s, &err), AL_OK);
    assert_true(al_slice_eq(s.default_field, AL_LIT("host")));
    assert_int_equal(catalog_index_drop(f->cat, "web", &err), AL_OK);
    assert_int_equal(catalog_index_create(f->cat, &idx, &err), AL_OK);
    assert_string_equal(shortcuts_of(f, "web", text), "");
    assert_string_equal(shortcuts_of(f, "logs", text), "c=;");
}

static void numbers_of_indexes_are_never_given_again(void **state)
{
    fixture *f = *state;
    al_err err;
    cat_index idx;
    uint64_t logs = 0;
    uint64_t web = 0;
    uint64_t again = 0;
    assert_int_equal(catalog_index_defaults("web", f->arena, &idx, &err), AL_OK);
    assert_int_equal(catalog_index_create(f->cat, &idx, &err), AL_OK);
    assert_int_equal(catalog_index_number(f->cat, "logs", &logs, &err), AL_OK);
    assert_int_equal(catalog_index_number(f->cat, "web", &web, &err), AL_OK);
    assert_true(logs > 0 && web > 0 && web != logs);
    reopen(f);
    assert_int_equal(catalog_index_number(f->cat, "web", &again, &err), AL_OK);
    assert_int_equal(again, web);
    assert_int_equal(catalog_index_drop(f->cat, "web", &err), AL_OK);
    assert_int_equal(catalog_index_number(f->cat, "web", &again, &err), AL_NOT_FOUND);
    assert_int_equal(catalog_index_create(f->cat, &idx, &err), AL_OK);
    assert_int_equal(catalog_index_number(f->cat, "web", &again, &err), AL_OK);
    assert_true(again != web && again != logs);
}

static void a_file_of_version_1_gets_what_it_lacks(void **state)
{
    fixture *f = *state;
    al_err err;
    char text[200];
    cat_index idx;
    assert_int_equal(catalog_index_defaults("web", f->arena, &idx, &err), AL_OK);
    assert_int_equal(catalog_index_create(f->cat, &idx, &err), AL_OK);
    f->cat = catalog_close(f->cat);
    change_file(f, "DROP TABLE notes; DROP TABLE users; DROP TABLE tokens; DROP TABLE sessions;"
                   "DROP TABLE shortcuts; DROP TABLE index_numbers;"
                   "PRAGMA user_version=1");
    reopen(f);
    assert_int_equal(catalog_index_get(f->cat, "web", f->arena, &idx, &err), AL_OK);
    assert_int_equal(catalog_note_put(f->cat, AL_LIT("a"), AL_LIT("1"), &err), AL_OK);
    assert_int_equal(make_shortcut(f, "web", "a", "x=1", &err), AL_OK);
    reopen(f);
    assert_string_equal(notes_of(f, text), "a=1;");
    assert_string_equal(shortcuts_of(f, "web", text), "a=x=1;");
    f->cat = catalog_close(f->cat);
    change_file(f, "PRAGMA user_version=5");
    assert_int_equal(catalog_open(f->dir, &f->cat, &err), AL_TOO_NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_start_makes_the_index_logs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_file_is_a_first_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(settings_come_back_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_settings_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fields_get_their_first_flags_and_are_kept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(ten_thousand_fields_from_two_threads_and_no_more, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_log_is_emptied_when_idle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_dropped_takes_no_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_look_at_the_file_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(notes_are_kept_replaced_and_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shortcuts_are_kept_and_go_with_their_index, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(numbers_of_indexes_are_never_given_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_version_1_gets_what_it_lacks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_owner_and_a_foreign_file_are_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
