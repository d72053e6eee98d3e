/* Regular expressions. See regex.h for the contract.
 * Limits: patterns come from anyone who may search, and backtracking can take for ever. PCRE2's own
 * limit counts only some steps, and anew at each place where a match might begin, so .*.*[=~] on a
 * megabyte would take hours. Therefore each pattern is compiled twice. The guarded code calls back
 * before every item of the pattern; the callback counts the steps, and the bytes that were passed
 * over since the last one, and ends the match when there were too many. It is two to five times
 * slower. The plain code is used where it cannot take long: no bracket repeats, nothing recurs, no
 * verb, and the number of ways to put the start and the ends of all repeats in order into the text,
 * which bounds the steps, is at most PLAIN_STEPS_MAX. That is nearly every pattern on lines of
 * usual length. Stopping: the guarded code looks at the pace at its steps. The plain code cannot,
 * so where it may take longer than PLAIN_RUN_STEPS it is run for a range of starts at a time.
 * Limits on memory: HEAP_KIB_MAX, and JIT_STACK_BYTES_MAX for just-in-time code. Where that is
 * forbidden by the kernel or not made for the machine, the same functions interpret the pattern. */
#include "query/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <assert.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

enum {
    STEPS_MAX = 2000000,        /* of matches that share them, in guarded code: about 50 ms */
    STEPS_PER_BYTE = 8,         /* more for long texts */
    BYTES_PER_STEP = 64,        /* passing over so many is a step too */
    PLAIN_STEPS_MAX = 1 << 25,  /* about 40 ms at worst */
    PLAIN_RUN_STEPS = 1 << 22,  /* about 5 ms at worst, between two looks at the pace */
    PLAIN_STEPS_PER_UNIT = 256, /* of the pace: the bound is hardly ever reached */
    MATCH_LIMIT = 10000000,     /* PCRE2's own */
    MATCH_DEPTH_MAX = 1000000,
    HEAP_KIB_MAX = 8 * 1024,
    JIT_STACK_BYTES_FIRST = 32 * 1024,
    JIT_STACK_BYTES_MAX = 1024 * 1024,
};

struct regex {
    pcre2_code *guarded;
    pcre2_code *plain;  /* NULL: never safe */
    unsigned repeats;   /* each may multiply the steps by the length of the text */
    unsigned optionals; /* each by two */
};

struct regex_scratch {
    pcre2_match_data *data;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
    pace *pace;
    uint64_t steps_left; /* of guarded code, since regex_allow */
    size_t last_at;      /* of the match under way */
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

/* Negative ends the match with that error. */
static int count_step(pcre2_callout_block *block, void *ctx)
{
    regex_scratch *s = ctx;
    size_t at = block->current_position;
    size_t passed = at > s->last_at ? at - s->last_at : s->last_at - at;
    uint64_t steps = 1 + passed / BYTES_PER_STEP;
    s->last_at = at;
    if (steps > s->steps_left || !pace_go(s->pace, steps))
        return PCRE2_ERROR_CALLOUT;
    s->steps_left -= steps;
    return 0;
}

static al_code compile(al_slice pattern, uint32_t options, pcre2_compile_context *ctx,
                       pcre2_code **ret, size_t *ret_at, al_err *err)
{
    options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
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

/* (?: (?i) (?= (?! (?< (?> (?| (?# do not recur; others might. (*VERBS) have a say on starts. */
static bool may_recur(al_slice pattern, size_t at)
{
    al_slice rest = al_slice_sub(pattern, at, pattern.len);
    if (rest.len < 3 || rest.ptr[0] != '(')
        return false;
    return rest.ptr[1] == '*' ||
           (rest.ptr[1] == '?' && !memchr(":imsx=!<>|#", rest.ptr[2], sizeof ":imsx=!<>|#" - 1));
}

/* From the signs alone, upwards: one in a character class counts too. False: never plain. */
static bool count_repeats(regex *re, al_slice pattern)
{
    uint8_t before = '(';
    for (size_t i = 0; i < pattern.len; i++) {
        uint8_t c = pattern.ptr[i];
        bool is_repeat = c == '*' || c == '+' || c == '{';
        if ((is_repeat && before == ')') || may_recur(pattern, i))
            return false;
        re->repeats += is_repeat;
        re->optionals += c == '?' && before != '(' && before != '*' && before != '+' &&
                         before != '?' && before != '}';
        before = c;
        if (c != '\\' || ++i == pattern.len)
            continue;
        c = pattern.ptr[i];
        /* A back reference compares texts of any length; \G is where we start. */
        if ((c >= '1' && c <= '9') || c == 'g' || c == 'k' || c == 'G')
            return false;
    }
    return true;
}

static al_code compile_both(regex *re, al_slice pattern, bool ignores_case,
                            pcre2_compile_context *ctx, size_t *ret_at, al_err *err)
{
    uint32_t options = ignores_case ? PCRE2_CASELESS : 0;
    al_code c = compile(pattern, options | PCRE2_AUTO_CALLOUT, ctx, &re->guarded, ret_at, err);
    if (!c && count_repeats(re, pattern))
        c = compile(pattern, options | PCRE2_USE_OFFSET_LIMIT, ctx, &re->plain, ret_at, err);
    return c;
}

al_code regex_new(al_slice pattern, bool ignores_case, regex **ret, size_t *ret_at, al_err *err)
{
    *ret = NULL;
    *ret_at = 0;
    AL_CLEANUP(regex_freep) regex *re = al_zalloc(1, sizeof *re);
    if (!re)
        return al_fail(err, AL_NOMEM, "regular expression");
    pcre2_general_context *memory = pcre2_general_context_create(take, give_back, NULL);
    pcre2_compile_context *ctx = memory ? pcre2_compile_context_create(memory) : NULL;
    al_code c = ctx ? compile_both(re, pattern, ignores_case, ctx, ret_at, err)
                    : al_fail(err, AL_NOMEM, "regular expression");
    pcre2_compile_context_free(ctx);
    pcre2_general_context_free(memory);
    if (!c)
        *ret = AL_TAKE(re);
    return c;
}

regex *regex_free(regex *re)
{
    if (!re)
        return NULL;
    pcre2_code_free(re->guarded);
    pcre2_code_free(re->plain);
    free(re);
    return NULL;
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

regex_scratch *regex_scratch_new(pace *p)
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
    s->pace = p;
    (void)pcre2_set_callout(s->limits, count_step, s);
    (void)pcre2_set_match_limit(s->limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(s->limits, MATCH_DEPTH_MAX);
    (void)pcre2_set_heap_limit(s->limits, HEAP_KIB_MAX);
    /* Without a stack of its own the just-in-time code uses 32 KiB of the machine's. */
    if (s->stack)
        pcre2_jit_stack_assign(s->limits, NULL, s->stack);
    return AL_TAKE(s);
}

/* Steps that the plain code may take at most; more than PLAIN_STEPS_MAX: too many, or unknown. */
static uint64_t plain_steps(const regex *re, size_t len)
{
    uint64_t steps = len;
    if (!re->plain)
        return UINT64_MAX;
    for (unsigned i = 0; i < re->optionals && steps <= PLAIN_STEPS_MAX; i++)
        steps *= 2;
    /* Starts and ends stand in order: (len + repeats) choose (repeats + 1). */
    for (unsigned i = 0; i < re->repeats && steps <= PLAIN_STEPS_MAX; i++) {
        if (!al_mul(steps, (uint64_t)len + i + 1, &steps))
            return UINT64_MAX;
        steps /= i + 2;
    }
    return steps;
}

void regex_allow(regex_scratch *s, size_t text_bytes)
{
    s->steps_left = STEPS_MAX + (uint64_t)text_bytes * STEPS_PER_BYTE;
}

static int match(const pcre2_code *code, regex_scratch *s, al_slice text, size_t from,
                 uint32_t options)
{
    PCRE2_SPTR subject = text.ptr ? text.ptr : (PCRE2_SPTR) "";
    return pcre2_match(code, subject, text.len, from, options, s->data, s->limits);
}

/* Where a character begins, at `at` or behind it. */
static size_t next_start(al_slice text, size_t at)
{
    while (at < text.len && (text.ptr[at] & 0xc0) == 0x80)
        at++;
    return at;
}

/* `steps` bounds all starts together. */
static int match_plain(const regex *re, regex_scratch *s, al_slice text, size_t from,
                       uint32_t options, uint64_t steps)
{
    size_t n_starts = text.len;
    if (steps > PLAIN_RUN_STEPS)
        n_starts = (size_t)((uint64_t)text.len * PLAIN_RUN_STEPS / steps) + 1;
    uint64_t units = AL_MIN(steps, (uint64_t)PLAIN_RUN_STEPS) / PLAIN_STEPS_PER_UNIT;
    for (;;) {
        if (!pace_go(s->pace, units))
            return PCRE2_ERROR_CALLOUT;
        bool is_last = text.len - from <= n_starts;
        size_t behind = is_last ? text.len : next_start(text, from + n_starts);
        (void)pcre2_set_offset_limit(s->limits, is_last ? PCRE2_UNSET : behind - 1);
        int rc = match(re->plain, s, text, from, options);
        if (is_last || rc != PCRE2_ERROR_NOMATCH)
            return rc;
        from = behind;
    }
}

bool regex_find(const regex *re, regex_scratch *s, al_slice text, size_t from, bool takes_empty,
                regex_span *ret, al_code *ret_code)
{
    assert(from <= text.len);
    uint32_t options = takes_empty ? 0 : PCRE2_NOTEMPTY;
    uint64_t steps = plain_steps(re, text.len);
    s->last_at = from;
    s->pace->is_stopped = false;
    int rc = steps <= PLAIN_STEPS_MAX ? match_plain(re, s, text, from, options, steps)
                                      : match(re->guarded, s, text, from, options);
    if (rc >= 0) {
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->data);
        /* \K in a look-ahead may turn them round. */
        *ret = (regex_span){.start = at[0], .end = AL_MAX(at[0], at[1])};
        return true;
    }
    /* Everything else is a limit in one form or another (steps, depth, heap, stack, memory). */
    if (rc != PCRE2_ERROR_NOMATCH && rc != PCRE2_ERROR_PARTIAL)
        *ret_code = s->pace->is_stopped ? AL_CANCELLED : AL_LIMIT;
    return false;
}
