#pragma once
/* decimal.h: numbers of up to MSG_DIGITS_MAX digits that come back as they were spelled. Pure. */
#include <stdbool.h>

#include "base/slice.h"
#include "store/msg/msg_format.h"

/* How a spelling can come back. */
enum {
    DECIMAL_INT = 1,    /* from its number: digits, no leading zero */
    DECIMAL_DIGITS = 2, /* from number and length: digits */
    DECIMAL_SCALED = 4, /* from number and digits behind the point */
};

/* What a text can be (0: none of these); its number without the point, the digits behind it. */
uint8_t decimal_read(al_slice text, uint64_t *ret_number, uint8_t *ret_scale);

enum { DECIMAL_BYTES = 22 }; /* that decimal_write takes at most */
/* Both return how many bytes. `number` as decimal_read gave it or any below 2^64; scale, n_digits
 * at most MSG_DIGITS_MAX. */
size_t decimal_write(uint64_t number, unsigned scale, uint8_t *to);
size_t decimal_write_digits(uint64_t number, unsigned n_digits, uint8_t *to);
