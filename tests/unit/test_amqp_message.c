/* Goal: a message is whole when its last byte is there and not before; what a broker may not send
 * is refused at every place; nothing that is kept exceeds its bound. Method: frames put together by
 * hand, in every order of the three kinds. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "inputs/amqp_link.h"
#include "inputs/amqp_message.h"

typedef struct fixture {
    ledger *led;
    ledger_session *l;
    ledger_session *heir;
    amqp_message m;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    al_err err;
    f.led = ledger_new();
    assert_int_equal(ledger_session_begin(f.led, AL_LIT("q"), &f.l, &err), AL_OK);
    assert_int_equal(ledger_session_begin(f.led, AL_LIT("heir"), &f.heir, &err), AL_OK);
    assert_int_equal(amqp_message_init(&f.m, f.l, NULL, &err), AL_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    amqp_message_done(&f->m);
    (void)ledger_session_end(f->l);
    (void)ledger_session_end(f->heir);
    (void)ledger_free(f->led);
    return 0;
}

static amqp_basic_deliver_t delivery(uint64_t tag, const char *key)
{
    return (amqp_basic_deliver_t){.delivery_tag = tag, .routing_key = amqp_text(key)};
}

static const amqp_basic_properties_t plain;

static al_code deliver(amqp_message *m, uint64_t tag)
{
    amqp_basic_deliver_t d = delivery(tag, "k");
    al_err err;
    return amqp_message_deliver(m, &d, &err);
}

static al_code header(amqp_message *m, uint64_t bytes, bool *ret_is_whole)
{
    al_err err;
    return amqp_message_header(m, bytes, &plain, ret_is_whole, &err);
}

static al_code body(amqp_message *m, const char *text, bool *ret_is_whole)
{
    al_err err;
    return amqp_message_body(m, al_cstr(text), ret_is_whole, &err);
}

static void pieces_make_one_body_and_one_key(void **state)
{
    fixture *f = *state;
    amqp_message *m = &f->m;
    bool is_whole = true;
    assert_int_equal(deliver(m, 1), AL_OK);
    assert_int_equal(header(m, 6, &is_whole), AL_OK);
    assert_false(is_whole);
    assert_int_equal(body(m, "abc", &is_whole), AL_OK);
    assert_false(is_whole);
    assert_int_equal(body(m, "", &is_whole), AL_OK);
    assert_int_equal(body(m, "def", &is_whole), AL_OK);
    assert_true(is_whole);
    assert_true(al_slice_eq(al_buf_slice(&m->body), AL_LIT("abcdef")));
    ledger_key in_pieces = m->d.key;
    assert_false(m->d.has_id);
    assert_int_equal(deliver(m, 2), AL_OK);
    assert_int_equal(header(m, 6, &is_whole), AL_OK);
    assert_int_equal(body(m, "abcdef", &is_whole), AL_OK);
    assert_memory_equal(&m->d.key, &in_pieces, sizeof in_pieces);
    assert_int_equal(m->d.tag, 2);
}

static void an_empty_body_is_whole_with_its_header(void **state)
{
    fixture *f = *state;
    bool is_whole = false;
    assert_int_equal(deliver(&f->m, 1), AL_OK);
    assert_int_equal(header(&f->m, 0, &is_whole), AL_OK);
    assert_true(is_whole);
    assert_int_equal(f->m.body.len, 0);
}

static void a_message_id_is_its_key_and_an_empty_one_is_none(void **state)
{
    fixture *f = *state;
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_MESSAGE_ID_FLAG,
                                 .message_id = amqp_text("id")};
    bool is_whole = false;
    al_err err;
    assert_int_equal(deliver(&f->m, 1), AL_OK);
    assert_int_equal(amqp_message_header(&f->m, 0, &p, &is_whole, &err), AL_OK);
    ledger_key expected = ledger_key_of_id(f->l, AL_LIT("id"));
    assert_true(f->m.d.has_id);
    assert_memory_equal(&f->m.d.key, &expected, sizeof expected);
    p.message_id = AMQP_NO_BYTES;
    assert_int_equal(deliver(&f->m, 2), AL_OK);
    assert_int_equal(amqp_message_header(&f->m, 0, &p, &is_whole, &err), AL_OK);
    assert_false(f->m.d.has_id);
}

static void an_heir_has_keys_of_its_own_queue(void **state)
{
    fixture *f = *state;
    amqp_message a;
    amqp_message b;
    bool is_whole = false;
    al_err err;
    assert_int_equal(amqp_message_init(&a, f->l, f->heir, &err), AL_OK);
    assert_int_equal(amqp_message_init(&b, f->heir, NULL, &err), AL_OK);
    for (int i = 0; i < 2; i++) {
        amqp_message *m = i ? &b : &a;
        assert_int_equal(deliver(m, 1), AL_OK);
        assert_int_equal(header(m, 1, &is_whole), AL_OK);
        assert_int_equal(body(m, "x", &is_whole), AL_OK);
    }
    assert_memory_equal(&a.heir_key, &b.d.key, sizeof b.d.key);
    assert_memory_not_equal(&a.d.key, &b.d.key, sizeof b.d.key);
    amqp_message_done(&a);
    amqp_message_done(&b);
}

static void frames_out_of_place_are_refused(void **state)
{
    fixture *f = *state;
    amqp_message *m = &f->m;
    bool is_whole = false;
    assert_int_equal(header(m, 1, &is_whole), AL_IO);
    assert_int_equal(body(m, "x", &is_whole), AL_IO);
    assert_int_equal(deliver(m, 5), AL_OK);
    assert_int_equal(deliver(m, 6), AL_IO);
    assert_int_equal(body(m, "x", &is_whole), AL_IO);
    assert_int_equal(header(m, 2, &is_whole), AL_OK);
    assert_int_equal(header(m, 2, &is_whole), AL_IO);
    assert_int_equal(body(m, "xyz", &is_whole), AL_IO); /* more than was announced */
    assert_int_equal(body(m, "xy", &is_whole), AL_OK);
    assert_true(is_whole);
    assert_int_equal(body(m, "z", &is_whole), AL_IO);
    assert_int_equal(deliver(m, 5), AL_IO); /* tags only grow */
    char longer[300];
    memset(longer, 'k', sizeof longer);
    longer[299] = 0;
    amqp_basic_deliver_t d = delivery(7, longer);
    al_err err;
    assert_int_equal(amqp_message_deliver(m, &d, &err), AL_IO);
}

static void a_body_beyond_the_limit_is_cut_and_its_memory_given_back(void **state)
{
    fixture *f = *state;
    amqp_message *m = &f->m;
    bool is_whole = false;
    char *mib = malloc((1 << 20) + 1);
    memset(mib, 'x', 1 << 20);
    mib[1 << 20] = 0;
    ledger_key keys[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(deliver(m, i + 1), AL_OK);
        assert_int_equal(header(m, 20 << 20, &is_whole), AL_OK);
        assert_true(m->is_cut);
        for (size_t n = 0; n < 20; n++) {
            mib[0] = 'x';
            if (n == 19)
                mib[0] = "01"[i];
            assert_int_equal(body(m, mib, &is_whole), AL_OK);
        }
        assert_true(is_whole);
        assert_int_equal(m->body.len, AMQP_BODY_BYTES_MAX);
        keys[i] = m->d.key;
    }
    assert_memory_not_equal(&keys[0], &keys[1], sizeof keys[0]); /* the rest counts too */
    amqp_message_taken(m);
    assert_true(m->body.cap <= AMQP_BODY_BYTES_KEPT);
    assert_int_equal(deliver(m, 3), AL_OK);
    assert_int_equal(header(m, 1, &is_whole), AL_OK);
    assert_false(m->is_cut);
    assert_int_equal(body(m, "y", &is_whole), AL_OK);
    assert_true(al_slice_eq(al_buf_slice(&m->body), AL_LIT("y")));
    free(mib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_make_one_body_and_one_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_body_is_whole_with_its_header, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_id_is_its_key_and_an_empty_one_is_none, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_heir_has_keys_of_its_own_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frames_out_of_place_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_body_beyond_the_limit_is_cut_and_its_memory_given_back,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
