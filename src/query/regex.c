/* Regular expressions. See regex.h for the contract.
 * Limits: patterns come from anyone who may search, and backtracking can take exponential time, so
 * each match may take MATCH_STEPS_MAX steps (about a tenth of a second), MATCH_DEPTH_MAX levels and
 * HEAP_KIB_MAX of memory; the just-in-time code has its own stack of JIT_STACK_BYTES_MAX.
 * Without the just-in-time compiler (forbidden by the kernel, unknown machine) the same functions
 * interpret the pattern: slower, same answers. */
#include "query/regex.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

enum {
    MATCH_STEPS_MAX = 1000000,
    MATCH_DEPTH_MAX = 100000,
    HEAP_KIB_MAX = 16 * 1024,
    JIT_STACK_BYTES_FIRST = 32 * 1024,
    JIT_STACK_BYTES_MAX = 1024 * 1024,
};

struct regex_scratch {
    pcre2_match_data *data;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
};

static void *take(size_t size, void *ctx)
{
    (void)ctx;
    return al_alloc(size, 1);
}

static void give_back(void *p, void *ctx)
{
    (void)ctx;
    free(p);
}

static al_code compile(al_slice pattern, bool ignores_case, pcre2_compile_context *ctx,
                       pcre2_code **ret, size_t *ret_at, al_err *err)
{
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    if (ignores_case)
        options |= PCRE2_CASELESS;
    (void)pcre2_set_newline(ctx, PCRE2_NEWLINE_LF);
    int code = 0;
    PCRE2_SPTR text = pattern.ptr ? pattern.ptr : (PCRE2_SPTR) "";
    *ret = pcre2_compile(text, pattern.len, options, &code, ret_at, ctx);
    if (*ret) {
        /* Any failure only means that the pattern is interpreted. */
        (void)pcre2_jit_compile(*ret, PCRE2_JIT_COMPLETE);
        return AL_OK;
    }
    if (code == PCRE2_ERROR_HEAP_FAILED)
        return al_fail(err, AL_NOMEM, "regular expression");
    PCRE2_UCHAR why[128];
    if (pcre2_get_error_message(code, why, sizeof why) < 0 && !why[0])
        return al_fail(err, AL_INVALID, "PCRE2 error %d", code);
    return al_fail(err, AL_INVALID, "%s", (const char *)why);
}

al_code regex_new(al_slice pattern, bool ignores_case, pcre2_code **ret, size_t *ret_at,
                  al_err *err)
{
    *ret = NULL;
    *ret_at = 0;
    pcre2_general_context *memory = pcre2_general_context_create(take, give_back, NULL);
    pcre2_compile_context *ctx = memory ? pcre2_compile_context_create(memory) : NULL;
    al_code c = ctx ? compile(pattern, ignores_case, ctx, ret, ret_at, err)
                    : al_fail(err, AL_NOMEM, "regular expression");
    pcre2_compile_context_free(ctx);
    pcre2_general_context_free(memory);
    return c;
}

regex_scratch *regex_scratch_free(regex_scratch *s)
{
    if (!s)
        return NULL;
    pcre2_jit_stack_free(s->stack);
    pcre2_match_context_free(s->limits);
    pcre2_match_data_free(s->data);
    free(s);
    return NULL;
}

regex_scratch *regex_scratch_new(void)
{
    AL_CLEANUP(regex_scratch_freep) regex_scratch *s = al_zalloc(1, sizeof *s);
    pcre2_general_context *memory = pcre2_general_context_create(take, give_back, NULL);
    if (s && memory) {
        s->data = pcre2_match_data_create(1, memory);
        s->limits = pcre2_match_context_create(memory);
        s->stack = pcre2_jit_stack_create(JIT_STACK_BYTES_FIRST, JIT_STACK_BYTES_MAX, memory);
    }
    pcre2_general_context_free(memory);
    if (!s || !s->data || !s->limits)
        return NULL;
    (void)pcre2_set_match_limit(s->limits, MATCH_STEPS_MAX);
    (void)pcre2_set_depth_limit(s->limits, MATCH_DEPTH_MAX);
    (void)pcre2_set_heap_limit(s->limits, HEAP_KIB_MAX);
    /* Without a stack of its own the just-in-time code uses 32 KiB of the machine's. */
    if (s->stack)
        pcre2_jit_stack_assign(s->limits, NULL, s->stack);
    return AL_TAKE(s);
}

bool regex_find(const pcre2_code *re, regex_scratch *s, al_slice text, size_t from,
                bool takes_empty, size_t *ret_start, size_t *ret_end, al_code *ret_code)
{
    assert(from <= text.len);
    PCRE2_SPTR subject = text.ptr ? text.ptr : (PCRE2_SPTR) "";
    uint32_t options = takes_empty ? 0 : PCRE2_NOTEMPTY;
    int rc = pcre2_match(re, subject, text.len, from, options, s->data, s->limits);
    if (rc >= 0) {
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->data);
        *ret_start = at[0];
        *ret_end = at[1] > at[0] ? at[1] : at[0]; /* \K in a look-ahead may turn them round */
        return true;
    }
    /* Everything else is a limit in one form or another (steps, depth, heap, stack, memory). */
    if (rc != PCRE2_ERROR_NOMATCH && rc != PCRE2_ERROR_PARTIAL)
        *ret_code = AL_LIMIT;
    return false;
}
