/* Goal: the contract of cat_users.h. Method: users, tokens and sessions made, changed and dropped,
 * looked at before and after the catalogue was closed and opened; what must be refused; each
 * allocation failing once; a file of the version before; readers beside a writer. */
#include "catalog_help.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "catalog/cat_users.h"

static cat_users *users_of(const fixture *f)
{
    return catalog_users(f->cat);
}

static al_code add(fixture *f, const char *name, cat_role role)
{
    al_err err;
    cat_user user = {.role = role, .made_ns = 7};
    (void)snprintf(user.name, sizeof user.name, "%s", name);
    (void)snprintf(user.password, sizeof user.password, "hash of %s", name);
    return cat_user_add(users_of(f), &user, &err);
}

static cat_secret_hash hash_of(unsigned n)
{
    cat_secret_hash h = {{0}};
    memcpy(h.bytes + 13, &n, sizeof n); /* the beginning alone does not tell them apart */
    return h;
}

static al_code add_token(fixture *f, const char *user, const char *name, unsigned n)
{
    al_err err;
    cat_token token = {.made_ns = 5};
    cat_secret_hash hash = hash_of(n);
    (void)snprintf(token.name, sizeof token.name, "%s", name);
    return cat_token_add(users_of(f), user, &token, &hash, &err);
}

static al_code add_session(fixture *f, const char *user, unsigned n, int64_t now_ns, int64_t end_ns)
{
    al_err err;
    char password[100];
    cat_secret_hash hash = hash_of(n);
    (void)snprintf(password, sizeof password, "hash of %s", user);
    return cat_session_add(users_of(f), user, password, &hash, now_ns, end_ns, &err);
}

/* "name:role", or "-". */
static const char *token_is(fixture *f, unsigned n)
{
    static char text[100];
    cat_asker a;
    cat_secret_hash hash = hash_of(n);
    if (!cat_whose_token(users_of(f), &hash, &a))
        return "-";
    (void)snprintf(text, sizeof text, "%s:%s", a.name, cat_role_name(a.role));
    return text;
}

static const char *session_is(fixture *f, unsigned n, int64_t now_ns)
{
    static char text[100];
    cat_asker a;
    cat_secret_hash hash = hash_of(n);
    if (!cat_whose_session(users_of(f), &hash, now_ns, &a))
        return "-";
    (void)snprintf(text, sizeof text, "%s:%s", a.name, cat_role_name(a.role));
    return text;
}

/* "name:role[token,token] ..." */
static const char *all(fixture *f)
{
    static char text[4096];
    cat_user *users = NULL;
    size_t n = 0;
    size_t at = 0;
    al_err err;
    assert_int_equal(cat_users_list(users_of(f), f->arena, &users, &n, &err), AL_OK);
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s:%s[", i ? " " : "", users[i].name,
                               cat_role_name(users[i].role));
        for (size_t k = 0; k < users[i].n_tokens; k++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", k ? "," : "",
                                   users[i].tokens[k].name);
        at += (size_t)snprintf(text + at, sizeof text - at, "]");
    }
    return text;
}

static void users_are_kept_changed_and_dropped(void **state)
{
    fixture *f = *state;
    al_err err;
    cat_user got;
    cat_role role = CAT_WRITER;
    assert_false(cat_users_exist(users_of(f)));
    assert_int_equal(add(f, "zoe", CAT_ADMIN), AL_OK);
    assert_int_equal(add(f, "ann", CAT_READER), AL_OK);
    assert_int_equal(add(f, "ann", CAT_ADMIN), AL_EXISTS);
    assert_true(cat_users_exist(users_of(f)));
    for (int round = 0; round < 2; round++) {
        assert_string_equal(all(f), "ann:reader[] zoe:admin[]");
        reopen(f);
    }
    assert_int_equal(cat_user_get(users_of(f), "ann", f->arena, &got, &err), AL_OK);
    assert_string_equal(got.password, "hash of ann");
    assert_int_equal(got.made_ns, 7);
    assert_int_equal(cat_user_change(users_of(f), "ann", &role, NULL, &err), AL_OK);
    assert_int_equal(cat_user_change(users_of(f), "ann", NULL, "other", &err), AL_OK);
    assert_int_equal(cat_user_change(users_of(f), "bob", &role, NULL, &err), AL_NOT_FOUND);
    assert_int_equal(cat_user_get(users_of(f), "bob", f->arena, &got, &err), AL_NOT_FOUND);
    reopen(f);
    assert_int_equal(cat_user_get(users_of(f), "ann", f->arena, &got, &err), AL_OK);
    assert_string_equal(got.password, "other");
    assert_int_equal(got.role, CAT_WRITER);
    assert_int_equal(cat_user_drop(users_of(f), "ann", true, &err), AL_OK);
    assert_int_equal(cat_user_drop(users_of(f), "ann", true, &err), AL_NOT_FOUND);
    reopen(f);
    assert_string_equal(all(f), "zoe:admin[]");
}

static void there_is_always_an_admin(void **state)
{
    fixture *f = *state;
    al_err err;
    cat_role reader = CAT_READER;
    assert_int_equal(add(f, "ann", CAT_READER), AL_INVALID);
    assert_int_equal(add(f, "ann", CAT_WRITER), AL_INVALID);
    assert_int_equal(add(f, "ann", CAT_ADMIN), AL_OK);
    assert_int_equal(cat_user_change(users_of(f), "ann", &reader, NULL, &err), AL_EXISTS);
    assert_non_null(strstr(err.msg, "'ann' is the last admin"));
    assert_int_equal(cat_user_drop(users_of(f), "ann", true, &err), AL_EXISTS);
    assert_int_equal(add(f, "bob", CAT_READER), AL_OK);
    assert_int_equal(cat_user_drop(users_of(f), "ann", false, &err), AL_EXISTS);
    assert_int_equal(add(f, "eve", CAT_ADMIN), AL_OK);
    assert_int_equal(cat_user_change(users_of(f), "ann", &reader, NULL, &err), AL_OK);
    assert_int_equal(cat_user_drop(users_of(f), "eve", false, &err), AL_EXISTS);
    assert_int_equal(cat_user_drop(users_of(f), "ann", false, &err), AL_OK);
    assert_int_equal(cat_user_drop(users_of(f), "bob", false, &err), AL_OK);
    assert_int_equal(cat_user_drop(users_of(f), "eve", false, &err), AL_OK);
    assert_false(cat_users_exist(users_of(f)));
    reopen(f);
    assert_false(cat_users_exist(users_of(f)));
}

static void names_are_checked(void **state)
{
    fixture *f = *state;
    char longest[CAT_USER_NAME_MAX + 1];
    static const char *const bad[] = {"", " ", "a b", "-a", ".", "a/b", "a%", "\xc3\xa4", "a\n"};
    assert_int_equal(add(f, "ann@example.org", CAT_ADMIN), AL_OK);
    assert_int_equal(add(f, "7-of_9+x", CAT_ADMIN), AL_OK);
    memset(longest, 'x', sizeof longest);
    longest[CAT_USER_NAME_MAX] = '\0';
    assert_int_equal(add(f, longest, CAT_ADMIN), AL_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(add(f, bad[i], CAT_ADMIN), AL_INVALID);
    for (size_t i = 1; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(add_token(f, longest, bad[i], 1), AL_INVALID);
    assert_false(cat_user_name_is_good(AL_LIT("a\0b"), 64));
    assert_false(cat_user_name_is_good(AL_LIT("abc"), 2));
}

static void tokens_name_their_user(void **state)
{
    fixture *f = *state;
    al_err err;
    cat_role reader = CAT_READER;
    assert_int_equal(add(f, "ann", CAT_ADMIN), AL_OK);
    assert_int_equal(add(f, "bob", CAT_WRITER), AL_OK);
    assert_int_equal(add_token(f, "eve", "x", 1), AL_NOT_FOUND);
    assert_int_equal(add_token(f, "bob", "shipper", 1), AL_OK);
    assert_int_equal(add_token(f, "bob", "shipper", 2), AL_EXISTS);
    assert_int_equal(add_token(f, "ann", "shipper", 3), AL_OK);
    assert_int_equal(add_token(f, "bob", "", 4), AL_OK); /* gets a name */
    assert_int_equal(add_token(f, "bob", "", 5), AL_OK);
    for (int round = 0; round < 2; round++) {
        assert_string_equal(all(f), "ann:admin[shipper] bob:writer[shipper,token-1,token-2]");
        assert_string_equal(token_is(f, 1), "bob:writer");
        assert_string_equal(token_is(f, 2), "-");
        assert_string_equal(token_is(f, 3), "ann:admin");
        assert_string_equal(token_is(f, 5), "bob:writer");
        assert_string_equal(session_is(f, 1, 0), "-");
        reopen(f);
    }
    assert_int_equal(cat_user_change(users_of(f), "bob", &reader, NULL, &err), AL_OK);
    assert_string_equal(token_is(f, 1), "bob:reader");
    assert_int_equal(cat_token_drop(users_of(f), "bob", "shipper", &err), AL_OK);
    assert_int_equal(cat_token_drop(users_of(f), "bob", "shipper", &err), AL_NOT_FOUND);
    assert_int_equal(cat_token_drop(users_of(f), "eve", "shipper", &err), AL_NOT_FOUND);
    assert_string_equal(token_is(f, 1), "-");
    assert_string_equal(token_is(f, 3), "ann:admin");
    assert_int_equal(cat_user_drop(users_of(f), "bob", true, &err), AL_OK);
    assert_string_equal(token_is(f, 4), "-");
    assert_int_equal(add(f, "bob", CAT_ADMIN), AL_OK); /* another one of that name */
    reopen(f);
    assert_string_equal(token_is(f, 4), "-");
    assert_string_equal(token_is(f, 5), "-");
}

static void sessions_end(void **state)
{
    fixture *f = *state;
    al_err err;
    cat_secret_hash one = hash_of(1);
    assert_int_equal(add(f, "ann", CAT_ADMIN), AL_OK);
    assert_int_equal(add_session(f, "ann", 1, 100, 200), AL_OK);
    assert_int_equal(add_session(f, "ann", 2, 100, 300), AL_OK);
    assert_int_equal(add_session(f, "eve", 3, 100, 300), AL_NOT_FOUND);
    for (int round = 0; round < 2; round++) {
        assert_string_equal(session_is(f, 1, 199), "ann:admin");
        assert_string_equal(session_is(f, 1, 200), "-");
        assert_string_equal(session_is(f, 2, 200), "ann:admin");
        assert_string_equal(token_is(f, 1), "-");
        reopen(f);
    }
    assert_int_equal(cat_session_drop(users_of(f), &one, &err), AL_OK);
    assert_int_equal(cat_session_drop(users_of(f), &one, &err), AL_OK);
    assert_string_equal(session_is(f, 1, 100), "-");
    assert_int_equal(add_session(f, "ann", 4, 300, 400), AL_OK); /* forgets those that ended */
    assert_string_equal(session_is(f, 2, 299), "-");
    reopen(f);
    assert_string_equal(session_is(f, 2, 299), "-");
    assert_string_equal(session_is(f, 4, 399), "ann:admin");
    assert_int_equal(cat_user_change(users_of(f), "ann", NULL, "new", &err), AL_OK);
    assert_string_equal(session_is(f, 4, 399), "-");
    assert_int_equal(add_session(f, "ann", 5, 300, 400), AL_NOT_FOUND); /* by the old password */
    reopen(f);
    assert_string_equal(session_is(f, 4, 399), "-");
}

static void numbers_are_bounded(void **state)
{
    fixture *f = *state;
    assert_int_equal(add(f, "ann", CAT_ADMIN), AL_OK);
    for (unsigned i = 0; i < CAT_SESSIONS_PER_USER_MAX + 5; i++)
        assert_int_equal(add_session(f, "ann", i, 100 + i, 1000), AL_OK);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < CAT_SESSIONS_PER_USER_MAX + 5; i++)
            assert_string_equal(session_is(f, i, 500), i < 5 ? "-" : "ann:admin");
        reopen(f);
    }
    assert_int_equal(add_session(f, "ann", 99, 200, 1000), AL_OK); /* the oldest is known again */
    assert_string_equal(session_is(f, 5, 500), "-");
    assert_string_equal(session_is(f, 6, 500), "ann:admin");
    for (unsigned i = 0; i < CAT_TOKENS_PER_USER_MAX; i++)
        assert_int_equal(add_token(f, "ann", "", 1000 + i), AL_OK);
    assert_int_equal(add_token(f, "ann", "", 5000), AL_LIMIT);
    assert_string_equal(token_is(f, 5000), "-");
}

/* Each allocation of a round fails once: an error, and what was there is as it was. */
static void without_memory_nothing_changes(void **state)
{
    fixture *f = *state;
    assert_int_equal(add(f, "ann", CAT_ADMIN), AL_OK);
    for (unsigned long at = 1;; at++) {
        al_mem_fail_at(at);
        al_code user = add(f, "bob", CAT_READER);
        al_code token = add_token(f, "ann", "t", 1);
        al_code session = add_session(f, "ann", 2, 1, 1000);
        unsigned long calls = al_mem_calls();
        al_mem_fail_at(0);
        assert_true(user == AL_OK || user == AL_NOMEM);
        assert_true(token == AL_OK || token == AL_NOMEM);
        assert_true(session == AL_OK || session == AL_NOMEM);
        reopen(f);
        al_err err;
        assert_int_equal(cat_user_drop(users_of(f), "bob", true, &err),
                         user ? AL_NOT_FOUND : AL_OK);
        assert_string_equal(token_is(f, 1), token ? "-" : "ann:admin");
        assert_string_equal(session_is(f, 2, 500), session ? "-" : "ann:admin");
        assert_int_equal(cat_token_drop(users_of(f), "ann", "t", &err),
                         token ? AL_NOT_FOUND : AL_OK);
        cat_secret_hash two = hash_of(2);
        assert_int_equal(cat_session_drop(users_of(f), &two, &err), AL_OK);
        if (at > calls)
            break;
    }
}

static void a_file_of_version_3_has_no_users(void **state)
{
    fixture *f = *state;
    f->cat = catalog_close(f->cat);
    change_file(f, "DROP TABLE users; DROP TABLE tokens; DROP TABLE sessions;"
                   "PRAGMA user_version=3");
    reopen(f);
    assert_false(cat_users_exist(users_of(f)));
    assert_int_equal(add(f, "ann", CAT_ADMIN), AL_OK);
    assert_int_equal(add_token(f, "ann", "t", 1), AL_OK);
    reopen(f);
    assert_string_equal(token_is(f, 1), "ann:admin");
}

static void a_damaged_table_is_noticed(void **state)
{
    fixture *f = *state;
    static const char *const damages[] = {
        "INSERT INTO users VALUES('eve','root','x',1)",
        "INSERT INTO users VALUES(printf('%0100d',1),'admin','x',1)",
        "INSERT INTO users VALUES('eve'||char(0)||'x','admin','x',1)",
        "INSERT INTO tokens VALUES(x'00','ann','t',1)",
        "INSERT INTO sessions VALUES(zeroblob(32),printf('%0100d',1),1,2)",
    };
    assert_int_equal(add(f, "ann", CAT_ADMIN), AL_OK);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        al_err err;
        f->cat = catalog_close(f->cat);
        change_file(f, damages[i]);
        assert_int_equal(catalog_open(f->dir, &f->cat, &err), AL_CORRUPT);
        assert_null(f->cat);
        change_file(f, "DELETE FROM users WHERE name<>'ann'; DELETE FROM tokens;"
                       "DELETE FROM sessions");
        reopen(f);
    }
    f->cat = catalog_close(f->cat); /* of somebody who is gone: passed over */
    change_file(f, "INSERT INTO tokens VALUES(zeroblob(32),'gone','t',1)");
    reopen(f);
    assert_string_equal(token_is(f, 0), "-");
}

static atomic_bool is_over;

static void *ask_all_the_time(void *arg)
{
    fixture *f = arg;
    while (!atomic_load(&is_over)) {
        cat_asker a;
        cat_secret_hash mine = hash_of(1);
        cat_secret_hash coming = hash_of(2);
        if (!cat_whose_token(users_of(f), &mine, &a) || strcmp(a.name, "ann") != 0)
            return (void *)"lost";
        if (cat_whose_session(users_of(f), &coming, 500, &a) && strcmp(a.name, "ann") != 0)
            return (void *)"another's";
    }
    return NULL;
}

static void askers_are_not_disturbed_by_changes(void **state)
{
    fixture *f = *state;
    pthread_t threads[2];
    al_err err;
    cat_secret_hash two = hash_of(2);
    assert_int_equal(add(f, "ann", CAT_ADMIN), AL_OK);
    assert_int_equal(add_token(f, "ann", "t", 1), AL_OK);
    atomic_store(&is_over, false);
    for (int i = 0; i < 2; i++)
        assert_int_equal(al_thread_start(&threads[i], "ask", ask_all_the_time, f, &err), AL_OK);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(add(f, "bob", CAT_READER), AL_OK);
        assert_int_equal(add_token(f, "bob", "t", 3), AL_OK);
        assert_int_equal(add_session(f, "ann", 2, 1, 1000), AL_OK);
        assert_int_equal(cat_session_drop(users_of(f), &two, &err), AL_OK);
        assert_int_equal(cat_user_drop(users_of(f), "bob", true, &err), AL_OK);
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < 2; i++) {
        void *said = NULL;
        (void)pthread_join(threads[i], &said);
        assert_null(said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(users_are_kept_changed_and_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_is_always_an_admin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tokens_name_their_user, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sessions_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_nothing_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_version_3_has_no_users, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_table_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(askers_are_not_disturbed_by_changes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
