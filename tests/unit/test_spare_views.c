/* Goal: views go from question to question, never to two at once, and large ones are not kept.
 * Method: threads that take, mark, check and give back. */
#include "test.h"

#include <pthread.h>

#include "store/spare_views.h"

static spare_views spare;

static void what_was_given_is_taken_again(void **state)
{
    (void)state;
    block_view *views[SPARE_VIEWS_MAX + 2];
    spare_views_init(&spare);
    for (size_t i = 0; i < SPARE_VIEWS_MAX + 2; i++) {
        views[i] = spare_views_take(&spare);
        assert_non_null(views[i]);
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(views[k], views[i]);
    }
    spare_views_give(&spare, NULL);
    for (size_t i = 0; i < SPARE_VIEWS_MAX + 2; i++)
        spare_views_give(&spare, views[i]);
    assert_int_equal(spare.n, SPARE_VIEWS_MAX);
    block_view *last = spare_views_take(&spare);
    assert_ptr_equal(last, views[SPARE_VIEWS_MAX - 1]);
    spare_views_give(&spare, last);
    spare_views_done(&spare);
}

static al_code read_nothing(const block_source *s, uint8_t *to, uint64_t off, size_t n, al_err *err)
{
    (void)s;
    (void)to;
    (void)off;
    (void)n;
    return al_fail(err, AL_IO, "cannot be read");
}

static void one_that_grew_large_is_not_kept(void **state)
{
    (void)state;
    spare_views_init(&spare);
    block_view *v = spare_views_take(&spare);
    const block_source large = {.read = read_nothing, .bytes = (size_t)3 * SPARE_VIEW_BYTES};
    al_err err;
    assert_int_equal(block_view_open_source(v, &large, &err), AL_IO);
    assert_true(block_view_bytes(v) > (size_t)2 * SPARE_VIEW_BYTES);
    spare_views_give(&spare, v);
    assert_int_equal(spare.n, 0);
    spare_views_done(&spare);
}

static void *take_and_give(void *failed)
{
    for (int i = 0; i < 5000; i++) {
        block_view *v = spare_views_take(&spare);
        al_err err;
        static const uint8_t no_block[64];
        /* Two threads in one view would be told of by the thread sanitizer. */
        if (!v ||
            block_view_open_slice(v, (al_slice){no_block, sizeof no_block}, &err) != AL_CORRUPT)
            *(bool *)failed = true;
        spare_views_give(&spare, v);
    }
    return NULL;
}

static void threads_have_views_of_their_own(void **state)
{
    (void)state;
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    bool failed[THREADS] = {false};
    spare_views_init(&spare);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &failed[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(failed[i]);
    }
    spare_views_done(&spare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_given_is_taken_again),
        cmocka_unit_test(one_that_grew_large_is_not_kept),
        cmocka_unit_test(threads_have_views_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
