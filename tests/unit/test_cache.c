/* Goal: what the cache of segments gives up, in which order, and that it stays within its bound.
 * Method: things that count their references and say how large they are. */
#include "test.h"

#include "store/cache.h"

enum { MAX = 1000 * 1000, OVERHEAD = 128 };

typedef struct thing {
    int refs;
    size_t spare; /* bytes that it would give back */
    bool is_asked;
} thing;

static void *ref(void *p)
{
    ((thing *)p)->refs++;
    return p;
}

static void *unref(void *p)
{
    ((thing *)p)->refs--;
    return NULL;
}

static size_t shrink(void *p)
{
    thing *t = p;
    size_t n = t->refs == 1 ? t->spare : 0;
    t->spare -= n;
    t->is_asked = true;
    return n;
}

static const cache_kind cheap = {ref, unref, NULL, true};
static const cache_kind dear = {ref, unref, NULL, false};
static const cache_kind shrinks = {ref, unref, shrink, false};

static cache_key key_of(uint32_t item)
{
    return (cache_key){.index_id = 1, .item = item, .seg_id = 7};
}

static void put(cache *c, uint32_t item, thing *t, const cache_kind *kind, size_t bytes)
{
    cache_key k = key_of(item);
    cache_put(c, &k, t, kind, bytes - OVERHEAD);
}

static bool has(cache *c, uint32_t item, thing *t)
{
    cache_key k = key_of(item);
    void *p = cache_get(c, &k);
    assert_true(p == NULL || p == t);
    if (p)
        (void)unref(p);
    assert_int_equal(t->refs, p != NULL);
    return p != NULL;
}

static void what_was_not_asked_for_longest_goes(void **state)
{
    (void)state;
    thing t[6] = {0};
    AL_CLEANUP(cache_freep) cache *c = cache_new(MAX);
    for (uint32_t i = 0; i < 4; i++)
        put(c, i, &t[i], &dear, MAX / 4);
    assert_true(has(c, 0, &t[0])); /* and so it is the newest */
    put(c, 4, &t[4], &dear, MAX / 4);
    assert_false(has(c, 1, &t[1]));
    assert_true(has(c, 0, &t[0]) && has(c, 2, &t[2]) && has(c, 3, &t[3]) && has(c, 4, &t[4]));
    put(c, 5, &t[5], &dear, MAX / 4 + OVERHEAD + 1); /* too large to be worth it */
    assert_false(has(c, 5, &t[5]));
    put(c, 4, &t[5], &dear, MAX / 8); /* somebody was faster */
    assert_int_equal(t[5].refs, 0);
}

static void cheap_things_have_a_share_and_go_first(void **state)
{
    (void)state;
    thing t[12] = {0};
    AL_CLEANUP(cache_freep) cache *c = cache_new(MAX);
    for (uint32_t i = 0; i < 4; i++)
        put(c, i, &t[i], &cheap, MAX / 10);
    put(c, 4, &t[4], &dear, MAX / 10); /* a quarter is two tenths */
    assert_false(has(c, 0, &t[0]));
    assert_false(has(c, 1, &t[1]));
    assert_true(has(c, 2, &t[2]) && has(c, 3, &t[3]));
    for (uint32_t i = 5; i < 12; i++)
        put(c, i, &t[i], &dear, MAX / 10);
    assert_true(has(c, 2, &t[2]) && has(c, 3, &t[3])); /* all is just full */
    cache_key k = key_of(4);
    cache_grow(c, &k, 1);
    assert_false(has(c, 2, &t[2]));
    assert_true(has(c, 3, &t[3]) && has(c, 4, &t[4]));
}

static void things_shrink_before_any_goes(void **state)
{
    (void)state;
    thing t[5] = {{.spare = MAX / 8}, {.spare = MAX / 8}, {.spare = MAX / 8}, {0}, {0}};
    AL_CLEANUP(cache_freep) cache *c = cache_new(MAX);
    for (uint32_t i = 0; i < 3; i++)
        put(c, i, &t[i], &shrinks, MAX / 4);
    (void)ref(&t[0]); /* in use */
    put(c, 3, &t[3], &dear, MAX / 4);
    put(c, 4, &t[4], &dear, MAX / 8);
    (void)unref(&t[0]);
    assert_int_equal(t[0].spare, MAX / 8);
    assert_int_equal(t[1].spare, 0);
    assert_false(t[2].is_asked); /* it was enough */
    for (uint32_t i = 0; i < 5; i++)
        assert_true(has(c, i, &t[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_asked_for_longest_goes),
        cmocka_unit_test(cheap_things_have_a_share_and_go_first),
        cmocka_unit_test(things_shrink_before_any_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
