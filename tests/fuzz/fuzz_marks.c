/* Marks of batches, as the log gives them back at a restart: any bytes are taken in up to where
 * they can be read. Properties: memory pieces and the rest lie in the blob, in order; a dump of
 * what was taken in says all of it (read into an empty ledger it gives the same counts), overlaps
 * with itself without effect, and has nothing unreadable. */
#include "fuzz.h"

#include "ingest/ing_marks.h"
#include "ingest/ledger.h"

typedef struct pieces {
    const uint8_t *at; /* behind the piece before */
    const uint8_t *end;
} pieces;

static void hear_memory(void *ctx, al_slice memory)
{
    pieces *p = ctx;
    CHECK(memory.len == 0 || (memory.ptr >= p->at && memory.ptr + memory.len <= p->end));
    if (memory.len)
        p->at = memory.ptr + memory.len;
}

static ledger_stats stats_of(ledger *l)
{
    ledger_stats s;
    ledger_count(l, &s);
    return s;
}

static void check_same(const ledger_stats *a, const ledger_stats *b)
{
    CHECK(a->n_ids == b->n_ids);
    CHECK(a->n_open == b->n_open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy((al_slice){data, size});
    pieces p = {copy, copy + size};
    al_slice marks = ing_marks_split((al_slice){copy, size}, hear_memory, &p);
    CHECK(marks.len == 0 || (marks.ptr >= p.at && marks.ptr + marks.len == copy + size));

    ledger *first = ledger_new();
    ledger *second = ledger_new();
    al_buf dump;
    CHECK(first && second);
    ledger_apply(first, marks);
    ledger_stats s = stats_of(first);
    al_buf_init(&dump, SIZE_MAX);
    CHECK(ledger_dump(first, &dump) == AL_OK);
    ledger_apply(second, al_buf_slice(&dump));
    ledger_stats t = stats_of(second);
    check_same(&s, &t);
    CHECK(t.n_bad == 0);
    ledger_apply(second, al_buf_slice(&dump));
    t = stats_of(second);
    check_same(&s, &t);
    CHECK(t.n_bad == 0);
    al_buf_done(&dump);
    (void)ledger_free(first);
    (void)ledger_free(second);
    free(copy);
    return 0;
}
