#pragma once
/* curl_lib.h: libcurl, loaded when the first HTTP request is to be made. The types are those of its
 * own header, so that the compiler checks every call; the names lack `curl_`. Any thread. */
#include <assert.h>
#include <curl/curl.h>

#include "base/err.h"

#define CURL_LIB_FUNCTIONS(F)                                                                      \
    F(easy_cleanup)                                                                                \
    F(easy_escape)                                                                                 \
    F(easy_getinfo)                                                                                \
    F(easy_init)                                                                                   \
    F(easy_perform)                                                                                \
    F(easy_reset)                                                                                  \
    F(easy_setopt)                                                                                 \
    F(easy_strerror)                                                                               \
    F(free)                                                                                        \
    F(global_init)                                                                                 \
    F(slist_append)                                                                                \
    F(slist_free_all)

/* NOLINTBEGIN(bugprone-macro-parentheses): it declares a member */
typedef struct curl_lib {
#define CURL_LIB_MEMBER(name) __typeof__(curl_##name) *name;
    CURL_LIB_FUNCTIONS(CURL_LIB_MEMBER)
#undef CURL_LIB_MEMBER
} curl_lib;
/* NOLINTEND(bugprone-macro-parentheses) */

/* The library, ready for use and there for the rest of the process' life. AL_NOT_FOUND as
 * library_load; AL_IO: it does not start. */
AL_CHECK al_code curl_lib_get(const curl_lib **ret, al_err *err);

/* easy_setopt takes anything; these take what the option wants. An option that exists does not
 * fail, or for want of memory, which the request then says. */
static inline void curl_set_number(const curl_lib *l, CURL *h, CURLoption o, long value)
{
    assert(o < CURLOPTTYPE_OBJECTPOINT);
    (void)l->easy_setopt(h, o, value);
}

/* A text, a list, what a function is called with. */
static inline void curl_set_pointer(const curl_lib *l, CURL *h, CURLoption o, const void *value)
{
    assert(o >= CURLOPTTYPE_OBJECTPOINT);
    assert(o < CURLOPTTYPE_FUNCTIONPOINT);
    (void)l->easy_setopt(h, o, value);
}

/* CURLOPT_WRITEFUNCTION, CURLOPT_HEADERFUNCTION */
static inline void curl_set_taker(const curl_lib *l, CURL *h, CURLoption o, curl_write_callback fn)
{
    assert(o == CURLOPT_WRITEFUNCTION || o == CURLOPT_HEADERFUNCTION);
    (void)l->easy_setopt(h, o, fn);
}

static inline void curl_set_size(const curl_lib *l, CURL *h, CURLoption o, curl_off_t value)
{
    assert(o >= CURLOPTTYPE_OFF_T);
    assert(o < CURLOPTTYPE_BLOB);
    (void)l->easy_setopt(h, o, value);
}

/* Of the answer; 0: none came. */
static inline long curl_status(const curl_lib *l, CURL *h)
{
    long status = 0;
    (void)l->easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    return status;
}
