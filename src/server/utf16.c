/* Bytes to UTF-16 units, walking forward only: highlights are sorted. */
#include "server/utf16.h"

#include "record/utf8.h"

uint64_t utf16_units_at(utf16_pos *at, al_slice text, size_t to)
{
    while (at->bytes < to) {
        bool is_good = false;
        size_t n = utf8_step(text.ptr + at->bytes, text.len - at->bytes, &is_good);
        at->bytes += n;
        at->units += is_good && n == 4 ? 2 : 1;
    }
    return at->units;
}
