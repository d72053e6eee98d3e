#pragma once
/* err.h: one error type for the whole program: a code to branch on and a sentence for people.
 * Any thread; an al_err lives on its caller's stack and never allocates. */

#define AL_CHECK        __attribute__((warn_unused_result))
#define AL_PRINTF(f, a) __attribute__((format(printf, f, a)))

typedef enum al_code {
    AL_OK = 0,
    AL_AGAIN,     /* not now: full, low on disk, stopping; try again later. Fills no message. */
    AL_NOT_FOUND, /* the thing asked for is not there. Fills no message unless stated. */
    AL_EXISTS,    /* the name is taken */
    AL_INVALID, /* the caller's value is wrong; the message names the value and what was expected */
    AL_LIMIT,   /* a named maximum was reached */
    AL_CORRUPT, /* bytes on disk do not check out */
    AL_TOO_NEW, /* written by a later version of the format */
    AL_IO,      /* the operating system refused; sys_errno says why */
    AL_NOMEM,   /* no memory */
    AL_CANCELLED, /* the caller went away or a budget (time, rows) ended the work */
} al_code;

typedef struct al_err {
    al_code code;
    int sys_errno; /* 0 unless code is AL_IO */
    char msg[240]; /* lowercase sentence without a final dot */
} al_err;

/* Fills `err` (may be NULL) and returns `code`, so that `return al_fail(err, AL_INVALID, ...)`
 * reads well. */
al_code al_fail(al_err *err, al_code code, const char *fmt, ...) AL_PRINTF(3, 4);

/* As al_fail with code AL_IO (AL_NOMEM for ENOMEM); appends the text of errno, which it reads
 * first. */
al_code al_fail_errno(al_err *err, const char *fmt, ...) AL_PRINTF(2, 3);

/* Puts "text: " in front of err's message and returns err->code. `err` must not be NULL. */
al_code al_wrap(al_err *err, const char *fmt, ...) AL_PRINTF(2, 3);

/* Name of a code for logs and tests, such as "AL_CORRUPT". Never NULL. */
const char *al_code_name(al_code code);
