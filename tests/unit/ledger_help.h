#pragma once
/* ledger_help.h: what both tests of the ledger share. */
#include "test.h"

#include "ingest/ledger.h"

static inline al_buf marks_new(const ledger_session *s)
{
    al_buf b;
    al_buf_init(&b, 1 << 20);
    ledger_marks_begin(s, &b);
    return b;
}

static inline ledger_session *begin(ledger *l, const char *queue)
{
    ledger_session *s = NULL;
    al_err err;
    assert_int_equal(ledger_session_begin(l, al_cstr(queue), &s, &err), AL_OK);
    return s;
}

static inline ledger_key body_key(const ledger_session *s, const char *routing_key,
                                  const char *body)
{
    AL_CLEANUP(ledger_hash_freep) ledger_hash *h = ledger_hash_new();
    ledger_hash_begin(h, s, al_cstr(routing_key));
    ledger_hash_add(h, al_cstr(body));
    return ledger_hash_end(h);
}

static inline al_buf dump(ledger *l)
{
    al_buf b;
    al_buf_init(&b, 64 << 20);
    assert_int_equal(ledger_dump(l, &b), AL_OK);
    return b;
}

static inline ledger_stats stats_of(ledger *l)
{
    ledger_stats st;
    ledger_count(l, &st);
    return st;
}
