#pragma once
/* ledger.h: which broker deliveries are stored already, so that each message is stored once
 * although a broker delivers again whatever was not acknowledged. Pure data: no I/O, no clock but
 * for the first session number. Any thread; it has its own lock and calls nothing of ours outside
 * base.
 *
 * Per queue it remembers the last LEDGER_IDS_MAX message ids and the open messages: those without
 * an id that were stored and whose acknowledgement is not known to have reached the broker.
 *
 * A session is one channel on one connection: delivery tags mean something in it only. Its thread
 * judges each delivery, hands the marks that the judgement wrote on with the batch that holds the
 * record, and acknowledges once that batch is durable. Marks become part of the ledger by
 * ledger_apply, called in commit order, and again for every blob at replay: the same blobs give the
 * same ledger, also when a dump (ledger_dump) stands before, after or between them. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"

typedef struct ledger ledger;
typedef struct ledger_session ledger_session;

enum {
    LEDGER_IDS_MAX = 20000,  /* message ids remembered of one queue */
    LEDGER_LOST_MAX = 65536, /* open messages of ended sessions kept of one queue, oldest forgotten
                                first: the whole prefetch of 32 consumers lost at once */
    LEDGER_QUEUES_MAX = 16384,
};

typedef struct ledger_key { /* 128-bit hash of queue + id, or of queue + routing key + body */
    uint64_t lo;
    uint64_t hi;
} ledger_key;

typedef struct ledger_ref { /* the lasting name of an open message: where it was first delivered */
    uint64_t session;       /* 0: nothing to close */
    uint64_t tag;
} ledger_ref;

typedef struct ledger_delivery {
    ledger_key key;
    uint64_t tag; /* unique in its session */
    bool has_id;  /* the message has a message_id, and key is of it */
    bool is_redelivered;
    uint64_t ticket; /* 0 at first; LEDGER_ASK leaves its number here for the next try */
} ledger_delivery;

typedef enum ledger_verdict {
    LEDGER_STORE,     /* new: store it; its mark was written, it is pending until ledger_apply */
    LEDGER_ACK,       /* stored and durable: acknowledge only */
    LEDGER_ACK_AFTER, /* its equal is pending: acknowledge once ledger_look says LEDGER_KEPT; when
                         it says LEDGER_UNKNOWN instead, give up the session: it comes again */
    LEDGER_ASK, /* its equal is open in another session that may have ended without knowing: judge
                   again after those were asked (ledger_asked) */
} ledger_verdict;

typedef enum ledger_state { LEDGER_UNKNOWN, LEDGER_PENDING, LEDGER_KEPT } ledger_state;

typedef struct ledger_stats {
    uint64_t n_queues;
    uint64_t n_ids;
    uint64_t n_open;      /* pending and closing ones too */
    uint64_t n_forgotten; /* open messages beyond LEDGER_LOST_MAX */
    uint64_t n_bad;       /* blobs of marks that could not be read to their end */
    uint64_t bytes;       /* memory */
} ledger_stats;

/* NULL without memory. */
ledger *ledger_new(void);
/* After the last session has ended; while one lives (its thread was left behind at the end of the
 * process) nothing is freed. */
ledger *ledger_free(ledger *l);

/* ---- Sessions: each used by one thread. `queue` is any name that is the same whenever the queue
 * is the same (and differs for the same name elsewhere). */
AL_CHECK al_code ledger_session_begin(ledger *l, al_slice queue, ledger_session **ret, al_err *err);
/* What is still pending in it is forgotten (so every batch must have been reported before), what is
 * open waits to be redelivered. NULL is fine. */
ledger_session *ledger_session_end(ledger_session *s);

ledger_key ledger_key_of_id(const ledger_session *s, al_slice message_id);
/* The hash of a message whose body comes in pieces. */
typedef struct ledger_hash ledger_hash;
ledger_hash *ledger_hash_new(void);
ledger_hash *ledger_hash_free(ledger_hash *h);
void ledger_hash_begin(ledger_hash *h, const ledger_session *s, al_slice routing_key);
void ledger_hash_add(ledger_hash *h, al_slice body);
ledger_key ledger_hash_end(ledger_hash *h);

/* To be called once on the empty buffer of each batch, before judging into it. */
void ledger_marks_begin(const ledger_session *s, al_buf *marks);
/* Judges one delivery. On LEDGER_STORE its mark is appended to `marks`. *ret_ref is what to close
 * once the acknowledgement is known to have arrived. AL_NOMEM, AL_LIMIT (marks full): nothing
 * happened. */
AL_CHECK al_code ledger_judge(ledger_session *s, ledger_delivery *d, al_buf *marks,
                              ledger_verdict *ret, ledger_ref *ret_ref);
ledger_state ledger_look(ledger_session *s, ledger_key id_key);
/* Appends to the marks of `s` that the delivery `d`, judged LEDGER_STORE, may come a second time,
 * in the queue of `heir`, where its key is `key`: once durable it is known there as an id that was
 * stored, or as an open message of an ended session. AL_NOMEM, AL_LIMIT (marks full): nothing
 * happened. */
AL_CHECK al_code ledger_tell_heir(const ledger_session *s, const ledger_session *heir,
                                  const ledger_delivery *d, ledger_key key, al_buf *marks);

/* A batch with these marks was not stored: what was pending by them is unknown again, and what they
 * closed will be closed by a later batch. */
void ledger_failed(ledger *l, al_slice marks);

/* The acknowledgement of these deliveries is known to have arrived: nothing equals them any more.
 * That becomes durable with the marks of a later batch of the queue (ledger_take_closes). */
void ledger_close(ledger_session *s, const ledger_ref *refs, size_t n);
/* Appends up to n_max closes of the session's queue; returns how many. */
size_t ledger_take_closes(ledger_session *s, al_buf *marks, size_t n_max);
/* Closes that wait to be taken. */
size_t ledger_closes(ledger_session *s);

/* The number of the newest question put to this session that it has not answered, or 0. Answer it
 * (ledger_answer) after a round trip to the broker that began after this call: then the session was
 * alive when the question was put. */
uint64_t ledger_asked(ledger_session *s);
void ledger_answer(ledger_session *s, uint64_t ticket);

/* ---- What is durable. */

/* Takes in the marks of one batch that is durable, or of one blob at replay. Unreadable marks are
 * taken up to where they can be read, and counted. */
void ledger_apply(ledger *l, al_slice marks);
/* Everything applied that still counts, for ledger_apply: 17 bytes an id, at most 52 an open one.
 */
AL_CHECK al_code ledger_dump(ledger *l, al_buf *out);
/* Forgets a queue that has no session; it comes back if a blob of before is applied again. */
void ledger_forget(ledger *l, al_slice queue);
void ledger_count(ledger *l, ledger_stats *ret);

AL_DEFINE_CLEANUP(ledger, ledger_free);
AL_DEFINE_CLEANUP(ledger_hash, ledger_hash_free);
