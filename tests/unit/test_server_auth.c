/* Goal: what login is made of: passwords, secrets, counting tries, reading what askers show, whose
 * a route is. Method: each alone, with clocks and addresses of the test's own. */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "server/access.h"
#include "server/secret.h"
#include "server/throttle.h"

static void passwords_fit_or_not(void **state)
{
    (void)state;
    char one[CAT_PASSWORD_HASH_MAX + 1];
    char two[CAT_PASSWORD_HASH_MAX + 1];
    al_err err;
    al_slice password = AL_LIT("p\0ssword");
    assert_int_equal(secret_hash_password(password, one, &err), AL_OK);
    assert_int_equal(secret_hash_password(password, two, &err), AL_OK);
    assert_string_not_equal(one, two); /* salt */
    assert_int_equal(strncmp(one, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    assert_true(secret_password_fits(one, password));
    assert_true(secret_password_fits(two, password));
    assert_false(secret_password_fits(one, AL_LIT("p\0ssworD")));
    assert_false(secret_password_fits(one, AL_LIT("p")));
    assert_false(secret_password_fits(one, (al_slice){0}));
    assert_false(secret_password_fits("", (al_slice){0}));
    assert_false(secret_password_fits("", password));
    assert_false(secret_password_fits("nonsense", password));
}

/* That of whom nobody knows must cost what a real one does. */
static void the_decoy_is_a_hash_of_the_same_cost(void **state)
{
    (void)state;
    char decoy[CAT_PASSWORD_HASH_MAX + 1];
    secret_decoy(decoy);
    assert_int_equal(SECRET_PASSWORD_MEMORY / 1024, 19456);
    assert_int_equal(SECRET_PASSWORD_PASSES, 2);
    assert_int_equal(
        crypto_pwhash_str_needs_rehash(decoy, SECRET_PASSWORD_PASSES, SECRET_PASSWORD_MEMORY), 0);
}

static void secrets_are_new_each_time(void **state)
{
    (void)state;
    char one[SECRET_TEXT_BYTES + 1];
    char two[SECRET_TEXT_BYTES + 1];
    char csrf[SECRET_CSRF_BYTES + 1];
    char other[SECRET_CSRF_BYTES + 1];
    secret_make(one);
    secret_make(two);
    assert_int_equal(strlen(one), SECRET_TEXT_BYTES);
    assert_int_equal(strncmp(one, "alco_", 5), 0);
    assert_int_equal(
        strspn(one + 5, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
        SECRET_TEXT_BYTES - 5);
    assert_string_not_equal(one, two);
    cat_secret_hash h = secret_hash(al_cstr(one));
    cat_secret_hash again = secret_hash(al_cstr(one));
    cat_secret_hash of_two = secret_hash(al_cstr(two));
    assert_memory_equal(&h, &again, sizeof h);
    assert_memory_not_equal(&h, &of_two, sizeof h);
    secret_csrf(al_cstr(one), csrf);
    secret_csrf(al_cstr(two), other);
    assert_int_equal(strlen(csrf), SECRET_CSRF_BYTES);
    assert_string_not_equal(csrf, other);
    assert_true(secret_eq(al_cstr(csrf), al_cstr(csrf)));
    assert_false(secret_eq(al_cstr(csrf), al_cstr(other)));
    assert_false(secret_eq(al_cstr(csrf), al_slice_sub(al_cstr(csrf), 0, 42)));
    assert_false(secret_eq(al_cstr(csrf), (al_slice){0}));
    secret_forget((al_slice){(const uint8_t *)one, sizeof one});
    for (size_t i = 0; i < sizeof one; i++)
        assert_int_equal(one[i], 0);
}

static const throttle_rate three = {.at_once = 3, .interval_s = 10};

static void tries_are_counted_by_key(void **state)
{
    (void)state;
    AL_CLEANUP(throttle_freep) throttle *t = NULL;
    al_err err;
    uint32_t wait_s = 0;
    int64_t now_ns = 1000 * AL_NS_PER_S;
    assert_int_equal(throttle_new(&t, &err), AL_OK);
    for (int i = 0; i < 3; i++)
        assert_true(throttle_try(t, AL_LIT("a"), three, now_ns, &wait_s));
    for (int i = 0; i < 5; i++) { /* refused tries cost nothing more */
        assert_false(throttle_try(t, AL_LIT("a"), three, now_ns, &wait_s));
        assert_int_equal(wait_s, 10);
    }
    assert_true(throttle_try(t, AL_LIT("b"), three, now_ns, &wait_s));
    assert_true(throttle_try(t, (al_slice){0}, three, now_ns, &wait_s));
    now_ns += 10 * AL_NS_PER_S - 1;
    assert_false(throttle_try(t, AL_LIT("a"), three, now_ns, &wait_s));
    assert_int_equal(wait_s, 1);
    now_ns += 1;
    assert_true(throttle_try(t, AL_LIT("a"), three, now_ns, &wait_s));
    assert_false(throttle_try(t, AL_LIT("a"), three, now_ns, &wait_s));
    now_ns += 1000 * AL_NS_PER_S; /* no more than three are saved up */
    for (int i = 0; i < 4; i++)
        assert_int_equal(throttle_try(t, AL_LIT("a"), three, now_ns, &wait_s), i < 3);
    throttle_forgive(t, AL_LIT("a"), three, false);
    assert_true(throttle_try(t, AL_LIT("a"), three, now_ns, &wait_s));
    assert_false(throttle_try(t, AL_LIT("a"), three, now_ns, &wait_s));
    throttle_forgive(t, AL_LIT("a"), three, true);
    for (int i = 0; i < 4; i++)
        assert_int_equal(throttle_try(t, AL_LIT("a"), three, now_ns, &wait_s), i < 3);
    throttle_forgive(t, AL_LIT("never seen"), three, true);
}

/* A hundred thousand others that try once each do not make it forget who tried too often. */
static void who_tried_most_is_forgotten_last(void **state)
{
    (void)state;
    AL_CLEANUP(throttle_freep) throttle *t = NULL;
    al_err err;
    uint32_t wait_s = 0;
    assert_int_equal(throttle_new(&t, &err), AL_OK);
    while (throttle_try(t, AL_LIT("victim"), three, AL_NS_PER_S, &wait_s))
        continue;
    for (int i = 0; i < 100000; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%d", i);
        assert_true(throttle_try(t, al_cstr(key), three, AL_NS_PER_S, &wait_s));
    }
    assert_false(throttle_try(t, AL_LIT("victim"), three, AL_NS_PER_S, &wait_s));
}

static void bearers_are_read(void **state)
{
    (void)state;
    al_slice token;
    assert_true(access_bearer(AL_LIT("Bearer abc"), &token));
    assert_true(al_slice_eq(token, AL_LIT("abc")));
    assert_true(access_bearer(AL_LIT("bEARER   abc  "), &token));
    assert_true(al_slice_eq(token, AL_LIT("abc")));
    assert_true(access_bearer(AL_LIT("Bearer "), &token));
    assert_int_equal(token.len, 0);
    static const char *const none[] = {"", "Bearer", "Basic abc", "Bearerabc", " Bearer abc"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_false(access_bearer(al_cstr(none[i]), &token));
    assert_false(access_bearer((al_slice){0}, &token));
}

/* All values of `a`, joined by commas. */
static const char *cookies(const char *header)
{
    static char text[100];
    al_slice value;
    size_t at = 0;
    size_t n = 0;
    text[0] = '\0';
    while (access_next_cookie(al_cstr(header), "a", &at, &value))
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s,", AL_ARG(value));
    return text;
}

static void cookies_are_read(void **state)
{
    (void)state;
    assert_string_equal(cookies("a=1"), "1,");
    assert_string_equal(cookies("b=2; a=1; c=3"), "1,");
    assert_string_equal(cookies("a=1;a=2 ;  a=x=y"), "1,2,x=y,");
    assert_string_equal(cookies("a=; aa=1; ba=2; A=3"), ",");
    assert_string_equal(cookies(";;; =; a"), "");
    assert_string_equal(cookies(""), "");
}

static const char *client(const char *peer, const char *forwarded)
{
    static char text[ACCESS_CLIENT_BYTES_MAX];
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    const struct sockaddr *addr = NULL;
    if (peer && inet_pton(AF_INET, peer, &four.sin_addr) == 1)
        addr = (const struct sockaddr *)&four;
    else if (peer && inet_pton(AF_INET6, peer, &six.sin6_addr) == 1)
        addr = (const struct sockaddr *)&six;
    access_client(addr, forwarded ? al_cstr(forwarded) : (al_slice){0}, text);
    return text;
}

static void clients_are_told_apart(void **state)
{
    (void)state;
    assert_string_equal(client("10.1.2.3", NULL), "10.1.2.3");
    assert_string_equal(client("10.1.2.3", "9.9.9.9"), "10.1.2.3"); /* says whoever it is */
    assert_string_equal(client("127.0.0.1", "9.9.9.9"), "9.9.9.9");
    assert_string_equal(client("::1", "8.8.8.8, 9.9.9.9 "), "9.9.9.9");
    assert_string_equal(client(NULL, "9.9.9.9"), "9.9.9.9");
    assert_string_equal(client(NULL, NULL), "");
    assert_string_equal(client("127.0.0.1", ""), "");
    assert_string_equal(client("::ffff:10.1.2.3", NULL), "10.1.2.3");
    assert_string_equal(client("2001:db8:1:2:3:4:5:6", NULL), "20010db800010002/64");
    assert_string_equal(client("::1", "2001:db8:1:2:ffff::1"), "20010db800010002/64");
    assert_string_equal(client("127.0.0.1", "an address much longer than one of any kind could be"),
                        "");
}

static void roles_may_what_they_may(void **state)
{
    (void)state;
    static const bool may[][CAT_ROLES] = {
        [FOR_ADMINS] = {[CAT_ADMIN] = true},
        [FOR_READERS] = {[CAT_READER] = true, [CAT_ADMIN] = true},
        [FOR_WRITERS] = {[CAT_WRITER] = true, [CAT_ADMIN] = true},
        [FOR_USERS] = {true, true, true},
        [FOR_ALL] = {true, true, true},
    };
    for (int who = 0; who <= FOR_ALL; who++)
        for (int role = 0; role < CAT_ROLES; role++)
            assert_int_equal(access_allows((route_who)who, (cat_role)role), may[who][role]);
    const route forgotten = {.method = "GET", .path = "/new"};
    assert_int_equal(forgotten.who, FOR_ADMINS);
}

static int start(void **state)
{
    al_err err;
    (void)state;
    return secret_start(&err) ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_fit_or_not),
        cmocka_unit_test(the_decoy_is_a_hash_of_the_same_cost),
        cmocka_unit_test(secrets_are_new_each_time),
        cmocka_unit_test(tries_are_counted_by_key),
        cmocka_unit_test(who_tried_most_is_forgotten_last),
        cmocka_unit_test(bearers_are_read),
        cmocka_unit_test(cookies_are_read),
        cmocka_unit_test(clients_are_told_apart),
        cmocka_unit_test(roles_may_what_they_may),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
