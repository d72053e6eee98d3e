/* /health, /ready, /metrics, /api/openapi.json. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "server/api.h"
#include "server/assets.h"

void api_health(req *r)
{
    req_answer(r, 200, "application/json");
    al_buf_str(&r->out, "{\"status\":\"ok\"}\n");
}

void api_ready(req *r)
{
    if (atomic_load(&r->srv->is_stopping)) {
        req_problem(r, 503, "the server is stopping");
    } else if (!atomic_load(&r->srv->is_attached)) {
        req_problem(r, 503, "the server is starting: it reads its log");
    } else {
        req_answer(r, 200, "application/json");
        al_buf_str(&r->out, "{\"status\":\"ready\"}\n");
    }
}

void api_openapi(req *r)
{
    req_answer(r, 200, "application/json");
    al_buf_slice_put(&r->out, asset_openapi());
}

/* ---- Metrics */

const double server_duration_s[SERVER_DURATIONS] = {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30};

static void head(al_buf *out, const char *name, const char *type, const char *help)
{
    al_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void number(al_buf *out, const char *name, const char *type, const char *help, uint64_t v)
{
    head(out, name, type, help);
    al_buf_printf(out, "%s %" PRIu64 "\n", name, v);
}

static uint64_t resident_bytes(void)
{
    unsigned long total = 0;
    unsigned long resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    if (fscanf(f, "%lu %lu", &total, &resident) != 2) /* NOLINT(cert-err34-c): the kernel's text */
        resident = 0;
    (void)fclose(f);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void put_engine(al_buf *out, engine *e)
{
    eng_stats s = {0};
    engine_stats(e, &s);
    number(out, "alco_records", "gauge", "Records stored.", s.records);
    number(out, "alco_bytes", "gauge", "Bytes of them on disk.", s.bytes);
    number(out, "alco_log_bytes", "gauge", "Bytes of the write-ahead log.", s.log_bytes);
    number(out, "alco_segments", "gauge", "Segments.", s.segments);
    number(out, "alco_frames_appended_total", "counter", "Batches appended.", s.frames_appended);
    number(out, "alco_records_appended_total", "counter", "Records appended.", s.records_appended);
    number(out, "alco_syncs_total", "counter", "Times the log was synced.", s.syncs);
    number(out, "alco_merges_total", "counter", "Merges.", s.merges);
    number(out, "alco_bytes_written_total", "counter", "Bytes written to disk.", s.bytes_written);
    number(out, "alco_disk_free_bytes", "gauge", "Bytes free on the disk.", s.bytes_free_disk);
    number(out, "alco_disk_low", "gauge", "1 while input is stopped for want of disk.",
           s.is_low_on_disk);
    number(out, "alco_quarantined_files", "gauge", "Files set aside as damaged.", s.quarantined);
}

static void put_http(al_buf *out, server *s)
{
    server_counts *n = &s->counts;
    number(out, "alco_http_requests_total", "counter", "Requests.", atomic_load(&n->requests));
    head(out, "alco_http_responses_total", "counter", "Answers by class of status.");
    for (unsigned i = 1; i < 6; i++)
        al_buf_printf(out, "alco_http_responses_total{class=\"%uxx\"} %" PRIu64 "\n", i,
                      atomic_load(&n->by_class[i]));
    head(out, "alco_query_seconds", "histogram", "Time of queries.");
    for (size_t i = 0; i < SERVER_DURATIONS; i++)
        al_buf_printf(out, "alco_query_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
                      server_duration_s[i], atomic_load(&n->query_le[i]));
    uint64_t queries = atomic_load(&n->queries);
    al_buf_printf(out,
                  "alco_query_seconds_bucket{le=\"+Inf\"} %" PRIu64
                  "\nalco_query_seconds_sum %.6f\nalco_query_seconds_count %" PRIu64 "\n",
                  queries, (double)atomic_load(&n->query_ns) / 1e9, queries);
    number(out, "alco_queries_partial_total", "counter", "Queries with partial answers.",
           atomic_load(&n->partial));
    number(out, "alco_queries_cancelled_total", "counter", "Queries whose client went away.",
           atomic_load(&n->cancelled));
    number(out, "alco_queries_waiting", "gauge", "Queries waiting for a worker.",
           workers_waiting(s->queries));
    number(out, "alco_queries_running", "gauge", "Queries that have a worker.",
           workers_running(s->queries));
    head(out, "alco_queries_refused_total", "counter",
         "Queries answered 503 for want of a worker.");
    al_buf_printf(out,
                  "alco_queries_refused_total{why=\"full\"} %" PRIu64
                  "\nalco_queries_refused_total{why=\"late\"} %" PRIu64
                  "\nalco_queries_refused_total{why=\"memory\"} %" PRIu64 "\n",
                  atomic_load(&n->refused_full), atomic_load(&n->refused_late),
                  atomic_load(&n->refused_memory));
    head(out, "alco_http_held_bytes", "gauge", "Bytes that requests hold, by what for.");
    al_buf_printf(out,
                  "alco_http_held_bytes{what=\"answers\"} %zu\n"
                  "alco_http_held_bytes{what=\"uploads\"} %zu\n",
                  held_bytes(&s->answers), held_bytes(&s->uploads));
    number(out, "alco_connections", "gauge", "Open connections.", conns_count(s->conns));
    number(out, "alco_slow_clients_total", "counter", "Connections closed as too slow.",
           atomic_load(&n->slow_clients));
    head(out, "alco_logins_total", "counter", "Tries to log in, by how they ended.");
    al_buf_printf(
        out,
        "alco_logins_total{how=\"ok\"} %" PRIu64 "\nalco_logins_total{how=\"wrong\"} %" PRIu64
        "\nalco_logins_total{how=\"limited\"} %" PRIu64 "\n",
        atomic_load(&n->logins), atomic_load(&n->logins_wrong), atomic_load(&n->logins_limited));
    number(out, "alco_tail_clients", "gauge", "Clients that follow.", tails_count(s->tails));
}

void api_metrics(req *r)
{
    server *s = r->srv;
    al_buf *out = &r->out;
    req_answer(r, 200, "text/plain; version=0.0.4; charset=utf-8");
    head(out, "alco_build_info", "gauge", "The version that runs.");
    al_buf_printf(out, "alco_build_info{version=\"%s\"} 1\n", s->version);
    head(out, "process_start_time_seconds", "gauge", "When the server started, since 1970.");
    al_buf_printf(out, "process_start_time_seconds %.3f\n", (double)s->begun_ns / 1e9);
    number(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    ingest_metrics(s->in, out);
    put_engine(out, s->eng);
    put_http(out, s);
    for (size_t i = 0; i < s->n_metrics; i++)
        s->metrics[i].fn(s->metrics[i].ctx, out);
}
