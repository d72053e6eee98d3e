/* Errors: formatting only. See err.h for the contract. */
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

AL_PRINTF(2, 0) static void set_msg(al_err *err, const char *fmt, va_list ap)
{
    if (vsnprintf(err->msg, sizeof err->msg, fmt, ap) < 0)
        err->msg[0] = '\0';
}

al_code al_fail(al_err *err, al_code code, const char *fmt, ...)
{
    assert(code != AL_OK);
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    err->sys_errno = 0;
    set_msg(err, fmt, ap);
    va_end(ap);
    return code;
}

al_code al_fail_errno(al_err *err, const char *fmt, ...)
{
    int saved = errno;
    al_code code = saved == ENOMEM ? AL_NOMEM : AL_IO;
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    err->sys_errno = saved;
    set_msg(err, fmt, ap);
    va_end(ap);
    size_t used = strlen(err->msg);
    char text[96];
    /* The GNU strerror_r may return a constant instead of filling the buffer. */
    const char *why = strerror_r(saved, text, sizeof text);
    (void)snprintf(err->msg + used, sizeof err->msg - used, ": %s", why);
    return code;
}

al_code al_wrap(al_err *err, const char *fmt, ...)
{
    assert(err);
    assert(err->code != AL_OK);
    char old[sizeof err->msg];
    memcpy(old, err->msg, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    set_msg(err, fmt, ap);
    va_end(ap);
    size_t used = strlen(err->msg);
    (void)snprintf(err->msg + used, sizeof err->msg - used, ": %s", old);
    return err->code;
}

const char *al_code_name(al_code code)
{
    static const char *const names[] = {
        [AL_OK] = "AL_OK",
        [AL_AGAIN] = "AL_AGAIN",
        [AL_NOT_FOUND] = "AL_NOT_FOUND",
        [AL_EXISTS] = "AL_EXISTS",
        [AL_INVALID] = "AL_INVALID",
        [AL_LIMIT] = "AL_LIMIT",
        [AL_CORRUPT] = "AL_CORRUPT",
        [AL_TOO_NEW] = "AL_TOO_NEW",
        [AL_IO] = "AL_IO",
        [AL_NOMEM] = "AL_NOMEM",
        [AL_CANCELLED] = "AL_CANCELLED",
    };
    if ((unsigned)code >= sizeof names / sizeof names[0])
        return "AL_?";
    return names[code];
}
