/* Counters of the ingest path in Prometheus' text format. */
#include "ingest/ing_count.h"

#include <inttypes.h>

static const char *const note_names[ING_NOTES] = {
    "parse_error", "no_time",  "truncated",      "too_many_fields", "too_deep",
    "doubled_key", "bad_utf8", "too_many_names", "long_line"};

static void counter(al_buf *out, const char *name, const char *help, const ing_source *sources,
                    size_t n, size_t off)
{
    al_buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n", name, help, name);
    for (size_t i = 0; i < n; i++) {
        const _Atomic uint64_t *v = (const _Atomic uint64_t *)((const char *)&sources[i] + off);
        al_buf_printf(out, "%s{source=\"%s\"} %" PRIu64 "\n", name, sources[i].name,
                      atomic_load(v));
    }
}

void ing_count_text(al_buf *out, const ing_source *sources, size_t n)
{
    counter(out, "alco_ingested_records_total", "Records made durable.", sources, n,
            offsetof(ing_source, records));
    counter(out, "alco_ingested_bytes_total", "Bytes of them as they came.", sources, n,
            offsetof(ing_source, bytes));
    counter(out, "alco_ingested_batches_total", "Batches made durable.", sources, n,
            offsetof(ing_source, batches));
    counter(out, "alco_ingest_failed_records_total", "Records that could not be stored.", sources,
            n, offsetof(ing_source, failed));
    counter(out, "alco_ingest_refused_batches_total", "Batches sent back for want of room.",
            sources, n, offsetof(ing_source, refused));
    al_buf_str(out, "# HELP alco_ingest_notes_total Records with something unusual.\n"
                    "# TYPE alco_ingest_notes_total counter\n");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < ING_NOTES; k++)
            al_buf_printf(out, "alco_ingest_notes_total{source=\"%s\",note=\"%s\"} %" PRIu64 "\n",
                          sources[i].name, note_names[k], atomic_load(&sources[i].notes[k]));
}
