/* Numbers as spelled. See record.h for the contract.
 * A spelling is taken apart into sign, significant digits and the exponent of the first of them;
 * nothing is converted, so that 70-bit integers and 400-digit fractions compare exactly, and an
 * exponent of a thousand digits costs a thousand steps. */
#include "record/json.h"

/* value = sign * d1.d2d3... * 10^(exponent + shift) */
typedef struct decimal {
    int sign; /* 0: the number is zero and the rest means nothing */
    const uint8_t *digits;
    const uint8_t *digits_end; /* may hold one '.', which is skipped */
    int64_t shift;
    bool is_exponent_negative;
    al_slice exponent; /* digits without leading zeros; empty: 0 */
} decimal;

static bool parse_decimal(al_slice s, decimal *ret)
{
    static const uint8_t nothing[1];
    const uint8_t *p = s.len ? s.ptr : nothing;
    const uint8_t *end = p + s.len;
    decimal d = {.sign = 1};
    if (json_number_end(p, end) != end || s.len == 0)
        return false;
    if (*p == '-') {
        d.sign = -1;
        p++;
    }
    const uint8_t *mantissa_end = p;
    const uint8_t *point = NULL;
    while (mantissa_end < end && (*mantissa_end | 0x20) != 'e') {
        if (*mantissa_end == '.')
            point = mantissa_end;
        mantissa_end++;
    }
    const uint8_t *units = (point ? point : mantissa_end) - 1; /* the digit of 10^0 */
    while (p < mantissa_end && (*p == '0' || *p == '.'))
        p++;
    if (p == mantissa_end)
        d.sign = 0;
    d.digits = p;
    d.digits_end = mantissa_end;
    d.shift = p <= units ? units - p : units + 1 - p;
    p = mantissa_end < end ? mantissa_end + 1 : end;
    if (p < end && (*p == '-' || *p == '+'))
        d.is_exponent_negative = *p++ == '-';
    while (p < end && *p == '0')
        p++;
    d.exponent = (al_slice){p, (size_t)(end - p)};
    *ret = d;
    return true;
}

/* The sign of (exponent of a) - (exponent of b), shifts included. The written exponents may have
 * any length: their difference is built from the left and can never come back to within reach of
 * the shifts once it is larger than they are. */
static int cmp_exponents(const decimal *a, const decimal *b)
{
    const int64_t beyond = INT64_C(1) << 56; /* more than any shift, which is a length in memory */
    int64_t diff = 0;
    int sign_a = a->is_exponent_negative ? -1 : 1;
    int sign_b = b->is_exponent_negative ? -1 : 1;
    size_t n = a->exponent.len > b->exponent.len ? a->exponent.len : b->exponent.len;
    for (size_t i = n; i > 0 && diff < beyond && diff > -beyond; i--) {
        int x = i <= a->exponent.len ? a->exponent.ptr[a->exponent.len - i] - '0' : 0;
        int y = i <= b->exponent.len ? b->exponent.ptr[b->exponent.len - i] - '0' : 0;
        x *= sign_a;
        y *= sign_b;
        diff = diff * 10 + x - y;
    }
    diff += a->shift - b->shift;
    return (diff > 0) - (diff < 0);
}

/* The next digit, '0' behind the last one; false when there was none. */
static bool take_digit(decimal *d, uint8_t *ret)
{
    if (d->digits < d->digits_end && *d->digits == '.')
        d->digits++;
    *ret = '0';
    if (d->digits == d->digits_end)
        return false;
    *ret = *d->digits++;
    return true;
}

static int cmp_digits(decimal a, decimal b)
{
    for (;;) {
        uint8_t x = 0;
        uint8_t y = 0;
        bool is_more = take_digit(&a, &x);
        is_more |= take_digit(&b, &y);
        if (x != y)
            return x < y ? -1 : 1;
        if (!is_more)
            return 0;
    }
}

int rec_number_cmp(al_slice a, al_slice b, bool *ret_ok)
{
    decimal x;
    decimal y;
    *ret_ok = parse_decimal(a, &x) && parse_decimal(b, &y);
    if (!*ret_ok)
        return 0;
    if (x.sign != y.sign)
        return x.sign < y.sign ? -1 : 1;
    if (x.sign == 0)
        return 0;
    int c = cmp_exponents(&x, &y);
    if (c == 0)
        c = cmp_digits(x, y);
    return x.sign < 0 ? -c : c;
}
