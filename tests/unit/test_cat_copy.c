/* Copies of catalog.db while another process writes to it, moves its log into it, closes and opens
 * it: each is whole and of one moment. */
#include "unit/test.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catalog/catalog.h"
#include "support/rng.h"
#include "support/tmpdir.h"

enum { COPIES = 25, PUTS = 40, TEXT_BYTES_MAX = 60000 };

/* ---- The owner: note a gets n, then note b; each stands alone in its transaction, and both are n
 * in decimal in front of as many bytes as the turn says, so that pages move and the log fills. */

static void put(catalog *cat, const char *name, unsigned n, rng *r)
{
    static char text[TEXT_BYTES_MAX + 16];
    al_err err = {0};
    int len = snprintf(text, sizeof text, "%u ", n);
    size_t fill = rng_below(r, TEXT_BYTES_MAX);
    memset(text + len, 'a' + (int)(n % 26), fill);
    if (catalog_note_put(cat, al_cstr(name), (al_slice){(uint8_t *)text, (size_t)len + fill}, &err))
        _exit(3);
}

static void own(const char *dir, atomic_uint *n_done)
{
    rng r = rng_of(7);
    for (unsigned n = 1;;) {
        catalog *cat = NULL;
        al_err err = {0};
        if (catalog_open(dir, &cat, &err))
            _exit(2);
        for (int i = 0; i < PUTS; i++, n++) {
            put(cat, "a", n, &r);
            put(cat, "b", n, &r);
            atomic_store(n_done, n);
        }
        (void)catalog_close(cat);
    }
}

/* ---- A copy */

typedef struct seen {
    unsigned a;
    unsigned b;
} seen;

static al_code take_note(void *ctx, al_slice name, al_slice text, al_err *err)
{
    seen *s = ctx;
    unsigned n = (unsigned)strtoul((const char *)text.ptr, NULL, 10);
    (void)err;
    for (size_t i = al_slice_find(text, ' ', 0) + 1; i < text.len; i++)
        assert_int_equal(text.ptr[i], 'a' + n % 26); /* all of one time */
    *(al_slice_eq(name, AL_LIT("a")) ? &s->a : &s->b) = n;
    return AL_OK;
}

static void check(const char *dir, unsigned least, const atomic_uint *n_done)
{
    catalog *cat = NULL;
    al_err err = {0};
    seen s = {0};
    if (catalog_open(dir, &cat, &err))
        fail_msg("%s", err.msg);
    assert_false(catalog_is_new(cat));
    assert_int_equal(catalog_notes(cat, take_note, &s, &err), AL_OK);
    (void)catalog_close(cat);
    assert_true(s.a == s.b || s.a == s.b + 1);
    assert_true(s.b >= least);
    assert_true(s.b <= atomic_load(n_done) + 1);
}

static void copies_beside_an_owner_are_of_one_moment(void **state)
{
    (void)state;
    tmpdir d;
    char from[300];
    char to[300];
    al_err err = {0};
    tmpdir_init(&d, "catcopy");
    assert_int_equal(mkdir(tmpdir_join(&d, "from", from, sizeof from), 0750), 0);
    atomic_uint *n_done =
        mmap(NULL, sizeof *n_done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(n_done != MAP_FAILED);
    assert_int_equal(mkdir(tmpdir_join(&d, "to", to, sizeof to), 0750), 0);
    assert_int_equal(catalog_copy(from, to, &err), AL_NOT_FOUND);
    pid_t owner = fork();
    assert_true(owner >= 0);
    if (owner == 0)
        own(from, n_done);
    for (unsigned i = 0; i < COPIES; i++) {
        unsigned least = atomic_load(n_done);
        while (least < 10 * (i + 1)) {
            assert_int_equal(waitpid(owner, NULL, WNOHANG), 0);
            (void)usleep(100); /* between two looks */
            least = atomic_load(n_done);
        }
        al_code c = catalog_copy(from, to, &err);
        if (c)
            fail_msg("copy %u: %s", i, err.msg);
        check(to, least, n_done);
    }
    assert_int_equal(kill(owner, SIGKILL), 0);
    (void)waitpid(owner, NULL, 0);
    unsigned least = atomic_load(n_done);
    assert_int_equal(catalog_copy(from, to, &err), AL_OK); /* what a kill leaves, too */
    check(to, least, n_done);
    print_message("# %u copies beside %u changes\n", COPIES, least);
    (void)munmap(n_done, sizeof *n_done);
    tmpdir_done(&d);
}

static void a_damaged_one_is_named(void **state)
{
    (void)state;
    tmpdir d;
    char from[300];
    char to[300];
    char path[400];
    al_err err = {0};
    tmpdir_init(&d, "catcopy");
    assert_int_equal(mkdir(tmpdir_join(&d, "from", from, sizeof from), 0750), 0);
    assert_int_equal(mkdir(tmpdir_join(&d, "to", to, sizeof to), 0750), 0);
    (void)snprintf(path, sizeof path, "%s/catalog.db", from);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 2000; i++)
        (void)fputs("no catalogue ", f);
    (void)fclose(f);
    assert_int_equal(catalog_copy(from, to, &err), AL_CORRUPT);
    assert_non_null(strstr(err.msg, "catalog.db"));
    (void)snprintf(path, sizeof path, "%s/catalog.db", to);
    assert_int_equal(access(path, R_OK), 0); /* what there was */
    tmpdir_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_beside_an_owner_are_of_one_moment),
        cmocka_unit_test(a_damaged_one_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
