/* Goal: bit-packed numbers come back, alone and together, and searches over them say what a loop
 * over the plain numbers says. Method: random numbers of every width and many lengths; the packed
 * bytes stand on a heap copy of exactly their size, so that a read behind them is seen. */
#include "unit/store_help.h"

#include "base/checked.h"
#include "store/codec/bits.h"

static uint64_t mask_of(unsigned width)
{
    return width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

static uint8_t *exact_copy(const al_buf *b)
{
    uint8_t *p = malloc(b->len ? b->len : 1);
    if (b->len)
        memcpy(p, b->ptr, b->len);
    return p;
}

static const size_t lengths[] = {0, 1, 2, 7, 8, 9, 63, 64, 65, 255, 256, 257, 700};

static void every_width_comes_back(void **state)
{
    (void)state;
    rng r = rng_of(rng_env("ALCO_SEED", 21));
    uint64_t v[700];
    uint64_t got[700];
    for (unsigned width = 0; width <= 64; width++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            size_t n = lengths[k];
            for (size_t i = 0; i < n; i++)
                v[i] = rng_below(&r, 5) ? rng_next(&r) & mask_of(width) : mask_of(width);
            al_buf b;
            al_buf_init(&b, SIZE_MAX);
            bits_pack(v, n, width, &b);
            assert_int_equal(b.len, (n * width + 7) / 8);
            assert_int_equal(bits_bytes(n, width), b.len);
            uint8_t *p = exact_copy(&b);
            memset(got, 0xa5, sizeof got);
            bits_unpack(p, n, width, got);
            for (size_t i = 0; i < n; i++) {
                assert_true(got[i] == v[i]);
                assert_true(bits_get(p, width, i) == v[i]);
            }
            for (size_t i = n; i < 700; i++)
                assert_true(got[i] == UINT64_C(0xa5a5a5a5a5a5a5a5));
            free(p);
            al_buf_done(&b);
        }
}

/* The layout is a promise: bit i * width, least significant first. */
static void the_bytes_are_as_written_down(void **state)
{
    (void)state;
    static const uint64_t v[] = {1, 2, 3, 4, 5};
    static const uint8_t expected[] = {0xd1, 0x58}; /* 101 100 011 010 001 */
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    bits_pack(v, 5, 3, &b);
    assert_int_equal(b.len, sizeof expected);
    assert_memory_equal(b.ptr, expected, sizeof expected);
    al_buf_done(&b);
}

static void numbers_of_32_bits_come_back(void **state)
{
    (void)state;
    rng r = rng_of(rng_env("ALCO_SEED", 22));
    uint32_t v[700];
    uint32_t got[700];
    for (unsigned width = 0; width <= 32; width++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            size_t n = lengths[k];
            for (size_t i = 0; i < n; i++)
                v[i] = (uint32_t)(rng_next(&r) & mask_of(width));
            al_buf b;
            al_buf_init(&b, SIZE_MAX);
            bits_pack32(v, n, width, &b);
            uint8_t *p = exact_copy(&b);
            bits_unpack32(p, n, width, got);
            assert_memory_equal(got, v, n * sizeof *v);
            free(p);
            al_buf_done(&b);
        }
}

static void bytes_become_bits(void **state)
{
    (void)state;
    rng r = rng_of(rng_env("ALCO_SEED", 23));
    for (int round = 0; round < 1000; round++) {
        uint8_t is[64];
        uint64_t expected = 0;
        for (unsigned i = 0; i < 64; i++) {
            is[i] = (uint8_t)rng_below(&r, 2);
            expected |= (uint64_t)is[i] << i;
        }
        assert_true(bits_of_bytes(is) == expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_comes_back),
        cmocka_unit_test(the_bytes_are_as_written_down),
        cmocka_unit_test(numbers_of_32_bits_come_back),
        cmocka_unit_test(bytes_become_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
