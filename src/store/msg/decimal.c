/* Numbers that come back as they were spelled. */
#include "store/msg/decimal.h"

#include <string.h>

uint8_t decimal_read(al_slice text, uint64_t *ret_number, uint8_t *ret_scale)
{
    *ret_number = 0;
    *ret_scale = 0;
    if (text.len == 0 || text.len > MSG_DIGITS_MAX + 1)
        return 0;
    uint64_t number = 0;
    size_t point = text.len;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t digit = (uint8_t)(text.ptr[i] - '0');
        if (digit <= 9) {
            number = number * 10 + digit;
        } else if (text.ptr[i] == '.' && point == text.len && i > 0 && i + 1 < text.len) {
            point = i;
        } else {
            return 0;
        }
    }
    bool has_point = point < text.len;
    if (text.len - has_point > MSG_DIGITS_MAX)
        return 0;
    *ret_number = number;
    *ret_scale = (uint8_t)(text.len - point - has_point);
    bool is_canonical = text.ptr[0] != '0' || point == 1;
    if (has_point)
        return is_canonical ? DECIMAL_SCALED : 0;
    return is_canonical ? DECIMAL_INT | DECIMAL_DIGITS | DECIMAL_SCALED : DECIMAL_DIGITS;
}

static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536"
    "37383940414243444546474849505152535455565758596061626364656667686970717273"
    "7475767778798081828384858687888990919293949596979899";

/* Digits of v in front of `end`, at least `min` of them; returns where they begin. */
static uint8_t *digits_before(uint8_t *end, uint64_t v, unsigned min)
{
    uint8_t *from = end;
    while (v >= 100) {
        from -= 2;
        memcpy(from, pairs + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10) {
        from -= 2;
        memcpy(from, pairs + v * 2, 2);
    } else {
        *--from = (uint8_t)('0' + v);
    }
    while (end - from < (ptrdiff_t)min)
        *--from = '0';
    return from;
}

size_t decimal_write_digits(uint64_t number, unsigned n_digits, uint8_t *to)
{
    uint8_t text[64];
    uint8_t *end = text + sizeof text;
    const uint8_t *from = digits_before(end, number, n_digits);
    size_t n = (size_t)(end - from);
    memcpy(to, from, n);
    return n;
}

size_t decimal_write(uint64_t number, unsigned scale, uint8_t *to)
{
    if (scale == 0)
        return decimal_write_digits(number, 1, to);
    uint8_t text[64];
    uint8_t *end = text + sizeof text;
    const uint8_t *from = digits_before(end, number, scale + 1);
    size_t n_whole = (size_t)(end - from) - scale;
    memcpy(to, from, n_whole);
    to[n_whole] = '.';
    memcpy(to + n_whole + 1, from + n_whole, scale);
    return n_whole + 1 + scale;
}
