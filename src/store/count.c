/* How many rows match: bits are counted, no record is built. */
#include "base/mem.h"
#include "store/scan.h"

#include <stdlib.h>

static al_code count_block(void *ctx, const scan_block *b, al_err *err)
{
    (void)err; /* nothing to read */
    uint64_t *n = ctx;
    *n += b->is_counted ? b->n_matches
          : b->is_whole ? b->n_rows
                        : row_bits_count(b->bits, 0, b->n_rows);
    return AL_OK;
}

static void *part(void *ctx)
{
    (void)ctx;
    return al_zalloc(1, sizeof(uint64_t));
}

static al_code join(void *ctx, void *part, bool counts, al_err *err)
{
    (void)err;
    uint64_t *n = ctx;
    *n += counts ? *(uint64_t *)part : 0;
    free(part);
    return AL_OK;
}

al_code store_count(engine *e, const eng_scope *s, const eng_budget *b, uint64_t *ret_n,
                    eng_answer *ret, al_err *err)
{
    AL_CLEANUP(reading_close) reading rd = {0};
    uint64_t n = 0;
    al_code c = reading_open(&rd, e, s, b, ret, err);
    if (!c)
        c = scan_run(&rd, &(scan_options){.takes_counts = true, .part = part, .join = join},
                     count_block, &n, err);
    if (!c)
        *ret_n = n;
    return c;
}
