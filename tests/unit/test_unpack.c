/* Goal: the contract of base/unpack.h. Method: random text packed as one stream, as two behind each
 * other and padded, given in pieces of many sizes; each cut; bytes changed. */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/unpack.h"

enum { TEXT_BYTES = 3 * AL_UNPACK_BYTES };

static uint8_t text[TEXT_BYTES];

static int make_text(void **state)
{
    uint32_t seed = 1;
    (void)state;
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = (uint8_t)("abcdefgh\n"[seed >> 24 & 7]);
    }
    return 0;
}

static void pack(al_packing packing, al_slice plain, al_buf *out)
{
    size_t max = plain.len + plain.len / 2 + 1000;
    uint8_t *room = malloc(max);
    size_t n = 0;
    assert_non_null(room);
    if (packing == AL_PACKING_ZSTD) {
        n = ZSTD_compress(room, max, plain.ptr, plain.len, 1);
        assert_false(ZSTD_isError(n));
    } else {
        z_stream z = {.next_in = (Bytef *)(uintptr_t)plain.ptr,
                      .avail_in = (uInt)plain.len,
                      .next_out = room,
                      .avail_out = (uInt)max};
        assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, 0), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        n = max - z.avail_out;
        (void)deflateEnd(&z);
    }
    al_buf_slice_put(out, (al_slice){room, n});
    free(room);
}

/* In pieces, each on the heap so that asan sees one byte too many. */
static al_code undo(al_packing packing, al_slice packed, size_t piece, bool *ret_is_inside,
                    al_buf *out)
{
    AL_CLEANUP(al_unpacker_freep) al_unpacker *u = NULL;
    al_err err;
    al_code c = al_unpacker_new(packing, AL_ZSTD_WINDOW_LOG_FOREIGN, &u, &err);
    assert_int_equal(c, AL_OK);
    for (size_t at = 0; !c && at < packed.len; at += piece) {
        al_slice part = al_slice_sub(packed, at, at + piece);
        uint8_t *copy = malloc(part.len);
        assert_non_null(copy);
        memcpy(copy, part.ptr, part.len);
        part.ptr = copy;
        while (!c && (part.len || al_unpacker_has_more(u))) {
            al_slice got;
            c = al_unpack(u, &part, &got, &err);
            if (!c) {
                assert_true(got.len <= AL_UNPACK_BYTES);
                al_buf_slice_put(out, got);
            }
        }
        free(copy);
    }
    *ret_is_inside = al_unpacker_is_inside(u);
    assert_true(al_unpacker_held(u) >= AL_UNPACK_BYTES);
    return c;
}

static void streams_come_back_in_any_pieces(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 7, 1000, AL_UNPACK_BYTES, SIZE_MAX / 2};
    /* Where the first stream ends: around what is given out at once. */
    static const size_t ends[] = {0, 1, AL_UNPACK_BYTES - 1, AL_UNPACK_BYTES, AL_UNPACK_BYTES + 1};
    for (al_packing p = AL_PACKING_GZIP; p <= AL_PACKING_ZSTD; p++) {
        for (size_t e = 0; e < sizeof ends / sizeof ends[0]; e++) {
            al_buf packed;
            al_buf_init(&packed, SIZE_MAX);
            pack(p, (al_slice){text, ends[e]}, &packed);
            pack(p, (al_slice){text + ends[e], TEXT_BYTES - ends[e]}, &packed);
            for (size_t i = 0; p == AL_PACKING_GZIP && i < 512; i++)
                al_buf_u8(&packed, 0);
            assert_int_equal(al_packing_of(al_buf_slice(&packed)), p);
            for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
                al_buf got;
                bool is_inside = true;
                al_buf_init(&got, SIZE_MAX);
                assert_int_equal(undo(p, al_buf_slice(&packed), pieces[i], &is_inside, &got),
                                 AL_OK);
                assert_false(is_inside);
                assert_int_equal(got.len, TEXT_BYTES);
                assert_memory_equal(got.ptr, text, TEXT_BYTES);
                al_buf_done(&got);
            }
            al_buf_done(&packed);
        }
    }
}

static void a_cut_is_seen_and_what_came_is_good(void **state)
{
    (void)state;
    for (al_packing p = AL_PACKING_GZIP; p <= AL_PACKING_ZSTD; p++) {
        al_buf packed;
        al_buf_init(&packed, SIZE_MAX);
        pack(p, (al_slice){text, 2000}, &packed);
        for (size_t n = 1; n < packed.len; n++) {
            al_buf got;
            bool is_inside = false;
            al_buf_init(&got, SIZE_MAX);
            assert_int_equal(
                undo(p, al_slice_sub(al_buf_slice(&packed), 0, n), 100, &is_inside, &got), AL_OK);
            assert_true(is_inside);
            assert_true(got.len <= 2000);
            if (got.len)
                assert_memory_equal(got.ptr, text, got.len);
            al_buf_done(&got);
        }
        al_buf_done(&packed);
    }
}

static void what_is_not_packed_is_corrupt(void **state)
{
    (void)state;
    static const char *const bad[] = {"no packed bytes at all", "\x1f\x8b\xff\xff\xff\xff",
                                      "\x28\xb5\x2f\xfd\x08 a reserved bit"};
    for (al_packing p = AL_PACKING_GZIP; p <= AL_PACKING_ZSTD; p++) {
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            al_buf got;
            bool is_inside = false;
            al_buf_init(&got, SIZE_MAX);
            assert_int_equal(undo(p, al_cstr(bad[i]), 3, &is_inside, &got), AL_CORRUPT);
            assert_int_equal(got.len, 0);
            al_buf_done(&got);
        }
    }
    /* Zeros are padding behind a stream, not before one. */
    static const uint8_t zeros[20] = {0};
    al_buf got;
    bool is_inside = false;
    al_buf_init(&got, SIZE_MAX);
    assert_int_equal(undo(AL_PACKING_GZIP, (al_slice){zeros, sizeof zeros}, 20, &is_inside, &got),
                     AL_CORRUPT);
    al_buf_done(&got);
    assert_int_equal(al_packing_of(AL_LIT("plain")), AL_PACKING_NONE);
    assert_int_equal(al_packing_of(AL_LIT("\x28\xb5\x2f")), AL_PACKING_NONE);
    assert_int_equal(al_packing_of(AL_LIT("")), AL_PACKING_NONE);
}

/* The frame's header asks for the window; nothing of that size is allocated. */
static void a_window_that_is_too_large_is_refused(void **state)
{
    (void)state;
    static const struct {
        int log;
        int max;
        al_code code;
    } cases[] = {{23, AL_ZSTD_WINDOW_LOG_FOREIGN, AL_OK},
                 {24, AL_ZSTD_WINDOW_LOG_FOREIGN, AL_CORRUPT},
                 {24, AL_ZSTD_WINDOW_LOG_OWN, AL_OK},
                 {28, AL_ZSTD_WINDOW_LOG_OWN, AL_CORRUPT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* RFC 8878: magic, descriptor (nothing), window (exponent << 3), an empty raw last block */
        const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0, (uint8_t)((cases[i].log - 10) << 3),
                                 1,    0,    0};
        AL_CLEANUP(al_unpacker_freep) al_unpacker *u = NULL;
        al_slice rest = {frame, sizeof frame};
        al_slice got;
        al_err err;
        assert_int_equal(al_unpacker_new(AL_PACKING_ZSTD, cases[i].max, &u, &err), AL_OK);
        assert_int_equal(al_unpack(u, &rest, &got, &err), cases[i].code);
        if (cases[i].code == AL_OK) {
            assert_int_equal(got.len, 0);
            assert_int_equal(rest.len, 0);
            assert_false(al_unpacker_is_inside(u));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_come_back_in_any_pieces),
        cmocka_unit_test(a_cut_is_seen_and_what_came_is_good),
        cmocka_unit_test(what_is_not_packed_is_corrupt),
        cmocka_unit_test(a_window_that_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, make_text, NULL);
}
