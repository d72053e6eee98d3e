/* What a pattern needs.
 * Shape: one walk over the pattern outside of groups and classes. Plain characters in a row are a
 * run; anything else ends it, and a sign that repeats or drops what is before it takes the last
 * character back. What stands in groups, classes and behind letters escaped is passed over. An
 * alternative outside of groups means that nothing is needed for sure. */
#include "query/regex_needs.h"

#include <stdbool.h>
#include <string.h>

typedef struct walk {
    const uint8_t *p;
    const uint8_t *end;
    bool ignores_case;
    bool is_lost; /* something that is not understood */
    uint8_t run[REGEX_NEEDS_BYTES_MAX];
    size_t run_len;
    size_t last_len; /* of its last character */
    uint8_t *best;
    size_t best_len;
} walk;

static void end_run(walk *w)
{
    if (w->run_len > w->best_len) {
        memcpy(w->best, w->run, w->run_len);
        w->best_len = w->run_len;
    }
    w->run_len = 0;
    w->last_len = 0;
}

static bool is_alnum(uint8_t c)
{
    uint8_t lower = c | 0x20;
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
}

/* The plain character at p, of `len` bytes. */
static void take_plain(walk *w, size_t len)
{
    bool is_ascii = *w->p < 0x80;
    if (w->run_len + len > REGEX_NEEDS_BYTES_MAX || (!is_ascii && w->ignores_case))
        end_run(w);
    if (is_ascii || !w->ignores_case) { /* how others fold is PCRE2's business */
        memcpy(w->run + w->run_len, w->p, len);
        w->run_len += len;
        w->last_len = len;
    }
    w->p += len;
}

static size_t char_bytes(const walk *w)
{
    size_t n = 1;
    while (*w->p >= 0xc0 && w->p + n < w->end && (w->p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* Behind a backslash. */
static void take_escaped(walk *w)
{
    if (++w->p == w->end) {
        w->is_lost = true;
        return;
    }
    uint8_t c = *w->p;
    if (!is_alnum(c)) {
        take_plain(w, char_bytes(w));
        return;
    }
    end_run(w);
    w->is_lost |= !memchr("dDwWsSbBAzZhHvVRX", c, sizeof "dDwWsSbBAzZhHvVRX" - 1);
    w->p++;
}

/* [...]: a ] right behind [ or [^ is one of the characters. */
static void pass_class(walk *w)
{
    const uint8_t *p = w->p + 1;
    p += p < w->end && *p == '^';
    p += p < w->end && *p == ']';
    while (p < w->end && *p != ']') {
        w->is_lost |= *p == '[' || (*p == '\\' && p + 1 < w->end && (p[1] == 'Q' || p[1] == 'E'));
        p += *p == '\\' ? 2 : 1;
    }
    w->is_lost |= p >= w->end;
    w->p = p >= w->end ? w->end : p + 1;
}

static void pass_group(walk *w)
{
    int depth = 0;
    while (w->p < w->end && !w->is_lost) {
        uint8_t c = *w->p;
        if (c == '[') {
            pass_class(w);
            continue;
        }
        if (c == '\\') {
            w->is_lost |= w->end - w->p < 2 || w->p[1] == 'Q' || w->p[1] == 'E';
            w->p += w->is_lost ? 0 : 2;
            continue;
        }
        if (c == '(' && w->end - w->p > 1 &&
            (w->p[1] == '*' || (w->p[1] == '?' && !(w->end - w->p > 2 && strchr(":=!", w->p[2])))))
            w->is_lost = true; /* verbs, options, names, conditions */
        depth += c == '(';
        depth -= c == ')';
        w->p++;
        if (depth == 0)
            return;
    }
    w->is_lost = true;
}

/* {3}, {3,}, {,3}: returns where it ends, or NULL when it is plain text. */
static const uint8_t *repeat_end(const walk *w)
{
    const uint8_t *p = w->p + 1;
    while (p < w->end && ((*p >= '0' && *p <= '9') || *p == ',' || *p == ' '))
        p++;
    return p < w->end && *p == '}' && p > w->p + 1 ? p + 1 : NULL;
}

static void take_back(walk *w)
{
    w->run_len -= w->last_len;
    end_run(w);
}

static void step(walk *w)
{
    const uint8_t *behind = NULL;
    switch (*w->p) {
    case '\\':
        take_escaped(w);
        return;
    case '[':
        end_run(w);
        pass_class(w);
        return;
    case '(':
        end_run(w);
        pass_group(w);
        return;
    case '|':
    case ')':
        w->is_lost = true;
        return;
    case '*':
    case '?':
        take_back(w);
        w->p++;
        return;
    case '{':
        behind = repeat_end(w);
        if (!behind) {
            take_plain(w, 1);
            return;
        }
        take_back(w);
        w->p = behind;
        return;
    case '+':
    case '.':
    case '^':
    case '$':
        end_run(w);
        w->p++;
        return;
    default:
        take_plain(w, char_bytes(w));
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): end_run writes to it */
size_t regex_needs(al_slice pattern, bool ignores_case, uint8_t out[REGEX_NEEDS_BYTES_MAX])
{
    walk w = {.p = pattern.ptr,
              .end = pattern.ptr + pattern.len,
              .ignores_case = ignores_case,
              .best = out};
    while (w.p < w.end && !w.is_lost)
        step(&w);
    end_run(&w);
    return w.is_lost ? 0 : w.best_len;
}
