/* Levels of log lines. See line_level.h.
 * The first word that could be a level decides; what follows it is the message, in which words such
 * as "error" say nothing. So a word in small letters counts only in brackets of its own. */
#include "inputs/line_level.h"

#include <strings.h>

#include "base/checked.h"

enum { STEPS_MAX = 4, BRACKET_BYTES_MAX = 64 };

#define NAME(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static const al_slice levels[] = {
    NAME("INFO"),   NAME("WARN"),  NAME("WARNING"), NAME("ERROR"),  NAME("DEBUG"),
    NAME("NOTICE"), NAME("TRACE"), NAME("FATAL"),   NAME("CRIT"),   NAME("CRITICAL"),
    NAME("ERR"),    NAME("EMERG"), NAME("ALERT"),   NAME("SEVERE"), NAME("PANIC"),
};

static al_slice level_of(al_slice word, bool any_case)
{
    for (size_t i = 0; i < AL_COUNT(levels); i++) {
        if (word.len != levels[i].len)
            continue;
        const char *name = (const char *)levels[i].ptr;
        if (any_case ? strncasecmp((const char *)word.ptr, name, word.len) == 0
                     : al_slice_eq(word, levels[i]))
            return levels[i];
    }
    return (al_slice){0};
}

static bool is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static size_t skip_bytes(al_slice s, size_t at, bool (*is_one)(uint8_t c))
{
    while (at < s.len && is_one(s.ptr[at]))
        at++;
    return at;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == ']' || c == ')' || c == ',' || c == ':' || c == '|';
}

/* [error], [core:error], <Warning>: the level of what stands in brackets from `at` to `end`. */
static al_slice in_brackets(al_slice s, size_t at, size_t end)
{
    al_slice word = al_slice_sub(s, at, end);
    size_t colon = al_slice_find(word, ':', 0);
    if (colon < word.len)
        word = al_slice_sub(word, colon + 1, word.len);
    return level_of(al_slice_trim(word), true);
}

al_slice line_level_of_letter(char letter)
{
    switch (letter) {
    case 'I':
        return AL_LIT("INFO");
    case 'W':
        return AL_LIT("WARNING");
    case 'D':
        return AL_LIT("DEBUG");
    case 'E':
        return AL_LIT("ERROR");
    case 'F':
        return AL_LIT("FATAL");
    default:
        return (al_slice){0};
    }
}

typedef struct walk {
    al_slice s;
    size_t at;
    unsigned n_numbers;
    bool is_behind_dash;
    bool is_behind_comma; /* right behind the time */
} walk;

static uint8_t byte_at(al_slice s, size_t at)
{
    return at < s.len ? s.ptr[at] : 0;
}

/* Moves behind brackets; says the level in them. */
static bool take_brackets(walk *w, al_slice *ret)
{
    uint8_t close = w->s.ptr[w->at] == '[' ? ']' : '>';
    size_t limit = w->at + BRACKET_BYTES_MAX;
    size_t end = al_slice_find(al_slice_sub(w->s, 0, limit), close, w->at);
    if (end >= w->s.len || end == limit)
        return false;
    *ret = in_brackets(w->s, w->at + 1, end);
    w->at = end + 1;
    return true;
}

/* `name - ` of "TIME - name - LEVEL - "; MSK of "TIME MSK [12] LEVEL:". */
static bool take_name(walk *w, size_t end)
{
    bool is_logger =
        w->is_behind_dash && al_slice_starts(al_slice_sub(w->s, end, w->s.len), AL_LIT(" - "));
    bool is_zone = end - w->at <= 5 && byte_at(w->s, end) == ' ' && byte_at(w->s, end + 1) == '[' &&
                   is_digit(byte_at(w->s, end + 2));
    w->at = end;
    return is_logger || is_zone;
}

/* A word: either the level, or something to pass over, or else the message. */
static bool take_word(walk *w, al_slice *ret)
{
    size_t end = skip_bytes(w->s, w->at, is_letter);
    uint8_t next = byte_at(w->s, end);
    if (end == w->s.len || next == ' ' || next == ':' || next == ']' || next == '|' ||
        next == ',') {
        bool is_padded = next == ' ' && byte_at(w->s, end + 1) == ' ';
        *ret = level_of(al_slice_sub(w->s, w->at, end), w->is_behind_comma && is_padded);
        if (end - w->at == 1 && w->n_numbers == 2 && next == ' ') /* Android */
            *ret = line_level_of_letter((char)w->s.ptr[w->at]);
        if (ret->len)
            return true;
    }
    while (byte_at(w->s, end) > ' ')
        end++;
    return take_name(w, end);
}

static bool take_step(walk *w, al_slice *ret)
{
    uint8_t c = w->s.ptr[w->at];
    if (c == '[' || c == '<')
        return take_brackets(w, ret);
    if (is_letter(c))
        return take_word(w, ret);
    w->is_behind_dash = c == '-' && byte_at(w->s, w->at + 1) == ' ';
    size_t end = w->is_behind_dash ? w->at + 1 : skip_bytes(w->s, w->at, is_digit);
    bool is_good = end > w->at && (end == w->s.len || is_space(w->s.ptr[end]));
    w->n_numbers += !w->is_behind_dash;
    w->at = end;
    return is_good;
}

al_slice line_level_read(al_slice s, size_t at)
{
    walk w = {.s = s, .at = at, .is_behind_comma = byte_at(s, at) == ','};
    al_slice level = {0};
    for (unsigned step = 0; step < STEPS_MAX; step++) {
        w.at = skip_bytes(s, w.at, is_space);
        if (w.at >= s.len || !take_step(&w, &level) || level.len)
            break;
        w.is_behind_comma = false;
    }
    return level;
}
