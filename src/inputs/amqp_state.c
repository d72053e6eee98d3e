/* What people are told of the groups: their state for the API, their numbers for Prometheus. */
#include <stdio.h>

#include "base/checked.h"
#include "inputs/amqp_priv.h"
#include "record/json_out.h"

void amqp_clean(char *text)
{
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
}

void amqp_group_report(amqp_group *g, amqp_state state, const char *why)
{
    AL_LOCKED(&g->in->lock);
    g->state = state;
    (void)snprintf(g->why, sizeof g->why, "%s", why ? why : "");
    amqp_clean(g->why);
}

static const char *state_name(amqp_state s)
{
    switch (s) {
    case AMQP_CONNECTING:
        break;
    case AMQP_CONNECTED:
        return "connected";
    case AMQP_AWAY:
        return "away";
    case AMQP_REFUSED:
        return "refused";
    case AMQP_WAITING:
        return "waiting";
    }
    return "connecting";
}

void amqp_input_state(amqp_input *in, const char *index, al_buf *out)
{
    AL_LOCKED(&in->lock);
    bool is_first = true;
    al_buf_u8(out, '[');
    for (size_t b = 0; b < in->n_brokers; b++) {
        const amqp_group *g = in->groups;
        while (g && (g->address != &in->addresses[b] || strcmp(g->index, index) != 0))
            g = g->next;
        if (!g || g->is_dropped)
            continue;
        /* A consumer that is connected says so; what was used as it is, is worth a word then. */
        const char *why = g->state == AMQP_CONNECTED ? g->last_note : g->why;
        al_buf_str(out, is_first ? "{\"broker\":" : ",{\"broker\":");
        is_first = false;
        json_put_string(out, al_cstr(g->address->label));
        al_buf_printf(out, ",\"state\":\"%s\"", state_name(g->state));
        if (why[0])
            al_buf_str(out, ",\"why\":");
        if (why[0])
            json_put_string(out, al_cstr(why));
        al_buf_u8(out, '}');
    }
    al_buf_u8(out, ']');
}

/* ---- Metrics */

static void put_label(al_buf *out, al_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == '\\')
            al_buf_u8(out, '\\');
        al_buf_u8(out, c == '\n' ? ' ' : c);
    }
}

static int64_t metric_of(const amqp_counters *c, size_t n)
{
    switch (n) {
    case 0:
        return atomic_load(&c->connected);
    case 1:
        return atomic_load(&c->unacked);
    case 2:
        return (int64_t)atomic_load(&c->backlog);
    case 3:
        return (int64_t)atomic_load(&c->deliveries);
    case 4:
        return (int64_t)atomic_load(&c->redelivered);
    case 5:
        return (int64_t)atomic_load(&c->duplicates);
    case 6:
        return (int64_t)atomic_load(&c->acked);
    case 7:
        return (int64_t)atomic_load(&c->reconnects);
    default:
        return (int64_t)atomic_load(&c->cut);
    }
}

void amqp_input_metrics(amqp_input *in, al_buf *out)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
    } metrics[] = {
        {"alco_amqp_connected", "gauge", "Consumers that are connected."},
        {"alco_amqp_unacked", "gauge", "Deliveries not acknowledged yet."},
        {"alco_amqp_queue_messages", "gauge", "Messages left in the queue, as last heard."},
        {"alco_amqp_deliveries_total", "counter", "Messages delivered."},
        {"alco_amqp_redelivered_total", "counter", "Messages delivered again."},
        {"alco_amqp_duplicates_total", "counter", "Messages acknowledged, but stored before."},
        {"alco_amqp_acked_total", "counter", "Messages acknowledged."},
        {"alco_amqp_reconnects_total", "counter", "Connections that were lost."},
        {"alco_amqp_cut_total", "counter", "Messages too large to be kept whole."},
    };
    AL_LOCKED(&in->lock);
    for (size_t m = 0; m < AL_COUNT(metrics); m++) {
        al_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[m].name, metrics[m].help,
                      metrics[m].name, metrics[m].type);
        for (amqp_group *g = in->groups; g; g = g->next) {
            if (g->is_dropped || !g->plan)
                continue;
            al_buf_printf(out, "%s{index=\"%s\",broker=\"", metrics[m].name, g->index);
            put_label(out, al_cstr(g->address->label));
            al_buf_str(out, "\",queue=\"");
            put_label(out, g->plan->queue);
            al_buf_printf(out, "\"} %lld\n", (long long)metric_of(&g->counters, m));
        }
    }
    ledger_stats st;
    ledger_count(in->led, &st);
    al_buf_printf(out,
                  "# HELP alco_ledger_ids Message ids remembered.\n# TYPE alco_ledger_ids gauge\n"
                  "alco_ledger_ids %llu\n"
                  "# HELP alco_ledger_open Messages whose acknowledgement is not known to have "
                  "arrived.\n# TYPE alco_ledger_open gauge\nalco_ledger_open %llu\n"
                  "# HELP alco_ledger_bytes Memory of the ledger.\n# TYPE alco_ledger_bytes gauge\n"
                  "alco_ledger_bytes %llu\n",
                  (unsigned long long)st.n_ids, (unsigned long long)st.n_open,
                  (unsigned long long)st.bytes);
}
