#pragma once
/* wal.h: the log of a store: makes accepted records survive a crash. One writer thread; replay runs
 * before the writer starts. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "store/frame.h"
#include "store/wal_source.h"

typedef struct wal wal;

/* ---- Replay */

typedef struct wal_visitor {
    void *ctx;
    /* Before each frame: its body stands in `file` (borrowed) at `off`. May be NULL. */
    void (*place)(void *ctx, wal_source *file, uint64_t off);
    /* A whole frame, in order. The body is valid during the call. */
    al_code (*frame)(void *ctx, uint64_t seq, al_slice body, al_err *err);
    /* Bytes that do not check out where acknowledged frames must be; `file` as in names.h. Replay
     * goes on behind them. May be NULL. */
    void (*damage)(void *ctx, const char *file, const char *why);
    /* A torn end of the newest file: frames that were never acknowledged. May be NULL. */
    void (*torn)(void *ctx, const char *file, uint64_t at, uint64_t bytes);
    /* There are log files, but nothing says how far the newest one went (a power cut may do that):
     * had its end been lost, it would not show. May be NULL. */
    void (*end_unknown)(void *ctx, const char *why);
} wal_visitor;

/* Reads every log file in `dir` (the log's own directory) and keeps what it learned for wal_start.
 * `store_id` is borrowed until close. AL_TOO_NEW, AL_IO, AL_NOMEM, and what the visitor answers. */
AL_CHECK al_code wal_replay(const al_io *io, int dir, const uint8_t *store_id, const wal_visitor *v,
                            wal **ret, al_err *err);
/* After wal_replay, and then no wal_start: cuts off what does not count behind the newest file, and
 * `end` says what is there. For a log that was copied while its owner wrote to it. AL_IO. */
AL_CHECK al_code wal_settle(wal *w, al_err *err);
/* Closes. Whatever was committed is on disk already; where the log ends is synced, too. */
wal *wal_close(wal *w);

/* ---- Writing */

/* Begins a new file; frames go on behind `seq_min` at least (manifests may know more than a damaged
 * log). AL_AGAIN: the disk is full. AL_IO. */
AL_CHECK al_code wal_start(wal *w, uint64_t seq_min, al_err *err);
typedef enum wal_content {
    WAL_ROWS,
    WAL_MARKS,      /* with or without rows: the file must not be forgotten without a checkpoint */
    WAL_CHECKPOINT, /* neither */
} wal_content;

/* Makes one frame (from frame_begin ...) durable; its sequence is wal_last_seq + 1 and counted
 * then. When this fails nothing was added: AL_AGAIN the disk is full, AL_IO (a file that failed to
 * sync is not written to again). */
AL_CHECK al_code wal_commit(wal *w, al_buf *frame, wal_content content, al_err *err);
/* Where the frame that was committed last begins; the file is borrowed until the next commit. */
wal_source *wal_last_frame(const wal *w, uint64_t *ret_off);
/* The file with frame `seq` turned out to be damaged: it is kept as *.bad in its time. */
void wal_is_bad(wal *w, uint64_t seq);
/* Ends the file in use and begins the next one. */
AL_CHECK al_code wal_rotate(wal *w, al_err *err);
/* Do files that end before frame `seq` exist? *ret_marks: some of them hold marks. */
bool wal_can_forget(const wal *w, uint64_t seq, bool *ret_marks);
/* Deletes the files that end before frame `seq` (damaged ones become *.bad). A failure leaves some
 * of them; they are deleted at a later try. */
AL_CHECK al_code wal_forget(wal *w, uint64_t seq, al_err *err);

uint64_t wal_last_seq(const wal *w);
/* First frame of the oldest file; wal_last_seq + 1 when there is none. */
uint64_t wal_first_seq(const wal *w);
uint64_t wal_bytes(const wal *w);
uint64_t wal_fresh_bytes(const wal *w); /* of the file in use, without checkpoints */
uint64_t wal_syncs(const wal *w);

AL_DEFINE_CLEANUP(wal, wal_close);
