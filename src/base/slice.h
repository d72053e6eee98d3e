#pragma once
/* slice.h: borrowed bytes. Log text is hostile: it may hold NULs, escapes and any encoding, so a
 * slice is never a C string. Any thread. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct al_slice {
    const uint8_t *ptr; /* may be NULL when len is 0 */
    size_t len;         /* bytes */
} al_slice;

#define AL_LIT(s) ((al_slice){(const uint8_t *)("" s), sizeof(s) - 1})
/* For "%.*s" with text that came from outside: at most 200 bytes of it. */
#define AL_ARG(s)                                                                                  \
    (int)((s).len < 200 ? (s).len : 200), (const char *)((s).ptr ? (s).ptr : (const uint8_t *)"")

/* The bytes of a C string; it must outlive the slice. */
al_slice al_cstr(const char *s);
bool al_slice_eq(al_slice a, al_slice b);
/* As memcmp, the shorter first when one is a prefix of the other. */
int al_slice_cmp(al_slice a, al_slice b);
bool al_slice_starts(al_slice s, al_slice prefix);
bool al_slice_ends(al_slice s, al_slice suffix);
/* Bytes [from, to) of s; both are clamped to its length. */
al_slice al_slice_sub(al_slice s, size_t from, size_t to);
/* Without ASCII white space at both ends. */
al_slice al_slice_trim(al_slice s);
/* Index of the first `byte` at or after `from`, or s.len. */
size_t al_slice_find(al_slice s, uint8_t byte, size_t from);

/* Decimal digits only, the whole slice, in range; false otherwise and *ret is untouched. */
bool al_parse_u64(al_slice s, uint64_t *ret);
/* As al_parse_u64 with an optional '-'. */
bool al_parse_i64(al_slice s, int64_t *ret);
/* "512MiB", "10GB", "1000": bytes with an optional unit k M G T (powers of 1000) or Ki Mi Gi Ti
 * (1024), with or without a final B. */
bool al_parse_bytes(al_slice s, uint64_t *ret);
