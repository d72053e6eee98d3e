/* Goal: what is stored keeps its shard whatever the settings say later. Method: the same directory
 * opened on one day after another; files that are none. */
#include "test.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/io.h"
#include "record/timestamp.h"
#include "sphinx/shards.h"
#include "support/tmpdir.h"

enum { DAY = 20780 }; /* 2026-11-23 */

static void expect(int dir, int32_t today, uint32_t n_now, const uint32_t *of_days, size_t n)
{
    shards *s = NULL;
    al_err err;
    assert_int_equal(shards_open(al_io_posix(), dir, today, n_now, &s, &err), AL_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(shards_of_day(s, DAY - 1 + (int32_t)i), of_days[i]);
    (void)shards_free(s);
}

#define EXPECT(dir, today, n_now, ...)                                                             \
    do {                                                                                           \
        const uint32_t of_days[] = {__VA_ARGS__};                                                  \
        expect(dir, today, n_now, of_days, AL_COUNT(of_days));                                     \
    } while (0)

static void a_new_number_counts_from_the_next_day(void **state)
{
    (void)state;
    tmpdir t;
    tmpdir_init(&t, "shards");
    int dir = open(t.path, O_RDONLY | O_DIRECTORY);
    EXPECT(dir, DAY, 2, 2, 2, 2, 2, 2);
    EXPECT(dir, DAY, 3, 2, 2, 3, 3, 3); /* DAY - 1, DAY, DAY + 1, … */
    EXPECT(dir, DAY, 4, 2, 2, 4, 4, 4); /* decided anew on the same day */
    EXPECT(dir, DAY, 2, 2, 2, 2, 2, 2); /* and taken back */
    EXPECT(dir, DAY, 3, 2, 2, 3, 3, 3);
    EXPECT(dir, DAY + 1, 3, 2, 2, 3, 3, 3);
    EXPECT(dir, DAY + 2, 1, 2, 2, 3, 3, 1);
    EXPECT(dir, DAY + 9, SHARDS_MAX, 2, 2, 3, 3, 1, 1);
    (void)close(dir);
    tmpdir_done(&t);
}

static void what_is_no_such_file_is_named(void **state)
{
    (void)state;
    static const char *const files[] = {
        "20261123",
        "20261123 \n",
        "20261123 0\n",
        "20261123 65\n",
        "2026112 2\n",
        "x\n",
        "20261340 2\n",
        "20261123  2\n",
        "20261123 2 \n",
        "\n",
        "20261123 2\n20261123 3\n",
        "20261123 2\n20261122 3\n",
        "20261123 2\n\n",
    };
    tmpdir t;
    tmpdir_init(&t, "shards");
    int dir = open(t.path, O_RDONLY | O_DIRECTORY);
    for (size_t i = 0; i < AL_COUNT(files); i++) {
        shards *s = NULL;
        al_err err = {0};
        al_code c = al_publish_file(al_io_posix(), dir, "shards", al_cstr(files[i]), &err);
        assert_int_equal(c, AL_OK);
        c = shards_open(al_io_posix(), dir, DAY, 2, &s, &err);
        if (c != AL_CORRUPT)
            fail_msg("'%s': %d", files[i], (int)c);
        assert_non_null(strstr(err.msg, "line"));
    }
    (void)close(dir);
    tmpdir_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_number_counts_from_the_next_day),
        cmocka_unit_test(what_is_no_such_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
