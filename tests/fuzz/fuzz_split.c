/* Messages taken apart. Properties: template and slots give the message back; slots ascend and are
 * not empty; the fast masks are those of the portable code. */
#include "fuzz.h"

#include "store/msg/split.h"

static msg_split s; /* large */

static void check_masks(al_slice message)
{
    static uint64_t fast[2][MSG_BYTES_MAX / 64 + 1];
    static uint64_t plain[2][MSG_BYTES_MAX / 64 + 1];
    size_t bytes = (message.len + 63) / 64 * sizeof(uint64_t);
    msg_masks(message, fast[0], fast[1]);
    msg_masks_portable(message, plain[0], plain[1]);
    CHECK(memcmp(fast[0], plain[0], bytes) == 0);
    CHECK(memcmp(fast[1], plain[1], bytes) == 0);
}

/* One byte of the template against the message: how far that leads, or SIZE_MAX. */
static size_t step(al_slice message, size_t at, uint8_t byte, size_t *slot)
{
    if (byte != MSG_MARK)
        return at < message.len && message.ptr[at] == byte ? at + 1 : SIZE_MAX;
    if (*slot == s.n_slots || s.slots[*slot].off != at || s.slots[*slot].len == 0)
        return SIZE_MAX;
    return at + s.slots[(*slot)++].len;
}

static void check_back(al_slice message)
{
    size_t at = 0;
    size_t slot = 0;
    for (size_t i = 0; i < s.template_len; i++) {
        at = step(message, at, s.template[i], &slot);
        CHECK(at <= message.len);
    }
    CHECK(at == message.len);
    CHECK(slot == s.n_slots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy((al_slice){data, size});
    al_slice message = {copy, size};
    if (size <= MSG_BYTES_MAX)
        check_masks(message);
    msg_split_make(message, &s);
    check_back(message);
    free(copy);
    return 0;
}
