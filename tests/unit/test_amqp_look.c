/* Goal: a consumer that the broker has lost is given up; one that is only quiet, paused or busy, or
 * whose queue others read too, is not; and a broker that counts otherwise is not asked for ever.
 * Method: answers put together by hand, on a clock of the test's own. */
#include "test.h"

#include "base/clock.h"
#include "inputs/amqp_look.h"

enum { EVERY_MS = AMQP_LOOK_EVERY_MS };

typedef struct consumer {
    amqp_look look;
    unsigned n_given_up;
    int64_t now_ns;
} consumer;

/* An answer `after_ms` the one before. */
static bool answer(consumer *c, int after_ms, uint64_t last_tag, uint32_t n_consumers,
                   int64_t n_sessions)
{
    c->now_ns += after_ms * AL_NS_PER_MS;
    return amqp_look_is_lost(&c->look, &c->n_given_up, c->now_ns, last_tag, n_consumers,
                             n_sessions);
}

static void begin(consumer *c)
{
    c->look = (amqp_look){0};
}

static void a_lost_one_is_given_up_at_the_second_look(void **state)
{
    (void)state;
    consumer c = {.now_ns = 1};
    assert_false(answer(&c, 0, 7, 1, 1));
    assert_false(answer(&c, EVERY_MS, 7, 0, 1));
    assert_false(answer(&c, EVERY_MS - 1, 7, 0, 1)); /* too early to count */
    assert_true(answer(&c, 1, 7, 0, 1));
}

static void one_lost_at_birth_is_given_up_too(void **state)
{
    (void)state;
    consumer c = {.now_ns = 1};
    assert_false(answer(&c, 0, 0, 3, 4));
    assert_true(answer(&c, EVERY_MS, 0, 3, 4));
}

static void whoever_gets_messages_or_is_counted_stays(void **state)
{
    (void)state;
    consumer c = {.now_ns = 1};
    for (uint64_t tag = 1; tag < 20; tag++)
        assert_false(answer(&c, EVERY_MS, tag, 3, 4)); /* a neighbour is lost */
    for (int i = 0; i < 20; i++)
        assert_false(answer(&c, EVERY_MS, 20, 4, 4)); /* quiet, or paused by a full store */
    for (int i = 0; i < 20; i++)
        assert_false(answer(&c, EVERY_MS, 20, 7, 4)); /* other programs read it too */
    for (int i = 0; i < 20; i++)
        assert_false(answer(&c, EVERY_MS, 20, i % 2 ? 3 : 4, 4)); /* sessions come and go */
}

static void a_count_that_is_never_right_is_believed_three_times(void **state)
{
    (void)state;
    consumer c = {.now_ns = 1};
    int n = 0;
    for (int session = 0; session < 20; session++) {
        begin(&c);
        for (int i = 0; i < 20; i++) {
            if (answer(&c, EVERY_MS, 0, 0, 1)) {
                n++;
                break;
            }
        }
    }
    assert_int_equal(n, AMQP_LOOK_GIVEN_UP_MAX);
    begin(&c);
    assert_false(answer(&c, EVERY_MS, 0, 1, 1)); /* once it was right it is believed again */
    assert_false(answer(&c, EVERY_MS, 0, 0, 1));
    assert_true(answer(&c, EVERY_MS, 0, 0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_one_is_given_up_at_the_second_look),
        cmocka_unit_test(one_lost_at_birth_is_given_up_too),
        cmocka_unit_test(whoever_gets_messages_or_is_counted_stays),
        cmocka_unit_test(a_count_that_is_never_right_is_believed_three_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
