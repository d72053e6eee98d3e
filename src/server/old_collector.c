/* What old ALCO's collector offered to programs: the list of indexes, and a configuration
 * for each node of Sphinx. */
#include <inttypes.h>

#include "base/clock.h"
#include "record/json_out.h"
#include "record/old_time.h"
#include "record/timestamp.h"
#include "server/api.h"

/* The days that are kept and the one to come, as its indexes in Sphinx were named. */
static void put_days(al_buf *out, int32_t tomorrow, uint32_t intervals)
{
    al_buf_u8(out, '[');
    for (int32_t day = tomorrow - (int32_t)intervals; day <= tomorrow; day++) {
        al_buf_u8(out, '"');
        rec_day_format(out, day);
        al_buf_str(out, day < tomorrow ? "\"," : "\"");
    }
    al_buf_u8(out, ']');
}

static void put_index(al_buf *out, const cat_index *idx, uint64_t number, int32_t tomorrow)
{
    al_buf_printf(out, "{\"id\":%" PRIu64 ",\"index_names\":", number);
    put_days(out, tomorrow, idx->intervals);
    al_buf_printf(out, ",\"name\":\"%s\",\"intervals\":%" PRIu32 ",\"queue_name\":", idx->name,
                  idx->intervals);
    json_put_string(out, idx->queue_name);
    al_buf_str(out, ",\"routing_key\":");
    json_put_string(out, idx->routing_key);
    al_buf_printf(out, ",\"durable\":%s,\"num_processes\":%" PRIu32 "}",
                  idx->durable ? "true" : "false", idx->num_processes);
}

void old_indices(req *r)
{
    cat_index *all = NULL;
    size_t n = 0;
    al_err err = {0};
    int32_t tomorrow = rec_old_day_of(r->srv->local_zone, al_now_ns()) + 1;
    al_code c = catalog_indexes(r->srv->cat, r->arena, &all, &n, &err);
    al_buf_u8(&r->out, '[');
    for (size_t i = 0; !c && i < n; i++) {
        uint64_t number = 0;
        c = catalog_index_number(r->srv->cat, all[i].name, &number, &err);
        if (c == AL_NOT_FOUND) { /* it was dropped just now */
            c = AL_OK;
            continue;
        }
        if (r->out.len > 1)
            al_buf_u8(&r->out, ',');
        put_index(&r->out, &all[i], number, tomorrow);
    }
    al_buf_u8(&r->out, ']');
    if (c)
        req_fail(r, c, &err);
    else
        req_answer(r, 200, "application/json");
}

/* Of the node that is asked for, else of the first one. */
void old_sphinx_conf(req *r)
{
    al_slice node = {0};
    al_err err = {0};
    al_code c = AL_NOT_FOUND;
    (void)req_text(r, "node", &node);
    if (r->srv->put_sphinx_conf)
        c = r->srv->put_sphinx_conf(r->srv->sphinx_conf_ctx, node, &r->out, &err);
    if (c)
        req_fail(r, c, &err);
    else
        req_answer(r, 200, "text/plain; charset=utf-8");
}
