/* Looking for a literal in templates and slots.
 * Invariants: (1) a row that says KNOWN_NO does not hold the literal, one that says KNOWN_YES does;
 * (2) slots are only looked at where the template itself does not say it all. */
#include "store/filter_text.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "query/literal_holes.h"
#include "store/codec/bits.h"
#include "store/msg/decimal.h"
#include "store/msg/split.h"

enum { SPELLED_BYTES_MAX = 1 << 20 }; /* the numbers of a stream */

typedef struct looking {
    filter_text *f;
    const known_text *known;
    msg_view *split;
    al_arena *arena;
    bool asks_slots;
    bool asks_numbers;
    const msg_template *templates;
    uint32_t i;            /* template */
    const msg_template *t; /* ... with its streams */
    uint64_t *numbers;     /* of a stream; room for all rows */
    al_buf text;           /* of numbers */
    al_err *err;
} looking;

static al_code no_memory(al_err *err)
{
    return al_fail(err, AL_NOMEM, "search");
}

static bool holds(const literal *l, al_slice s)
{
    size_t start;
    size_t end;
    return literal_find(l, s, 0, &start, &end);
}

static bool has_value(const known_text *k, uint64_t number)
{
    return k->values[number / 64] >> (number % 64) & 1;
}

static al_code hit(looking *l, uint32_t rank)
{
    uint8_t **hits = &l->f->hits[l->i];
    if (!*hits) {
        uint32_t n = l->templates[l->i].n_rows;
        *hits = al_arena_alloc(l->arena, n, 1);
        if (!*hits)
            return no_memory(l->err);
        memset(*hits, KNOWN_NO, n);
        l->f->is_any = true;
    }
    (*hits)[rank] = l->known->is_leaf ? KNOWN_YES : KNOWN_ASK;
    return AL_OK;
}

/* ---- Streams */

/* The greatest number that `width` bits above `base` can say. */
static uint64_t most_of(uint64_t base, unsigned width)
{
    uint64_t most = width < 64 ? (UINT64_C(1) << width) - 1 : UINT64_MAX;
    return most > UINT64_MAX - base ? UINT64_MAX : base + most;
}

static bool may_have_value(const looking *l, const msg_stream *s)
{
    if (!l->known->values)
        return false;
    uint64_t least = s->list ? s->list[0] : s->base;
    uint64_t most = s->list ? s->list[s->n_list - 1] : most_of(s->base, s->width);
    if (l->known->last_value < least || l->known->first_value > most)
        return false;
    for (uint32_t k = 0; s->list && k < s->n_list; k++)
        if (has_value(l->known, s->list[k]))
            return true;
    if (s->list)
        return false;
    uint64_t end = AL_MIN(most, (uint64_t)l->known->last_value) + 1;
    for (uint64_t v = AL_MAX(least, (uint64_t)l->known->first_value); v < end; v += 64 - v % 64) {
        uint64_t word = l->known->values[v / 64] >> (v % 64);
        if (word && (end - v >= 64 || word << (64 - (end - v))))
            return true;
    }
    return false;
}

static al_code look_at_values(looking *l, const msg_stream *s)
{
    if (!may_have_value(l, s))
        return AL_OK;
    al_code c = msg_stream_numbers(l->split, s, l->numbers, l->err);
    for (uint32_t k = 0; !c && k < s->n; k++)
        if (has_value(l->known, l->numbers[k]))
            c = hit(l, k);
    return c;
}

static unsigned digits_of(uint64_t v)
{
    unsigned n = 1;
    while (v >= 10) {
        v /= 10;
        n++;
    }
    return n;
}

/* Bytes of the longest number of a stream, or more. */
static size_t longest_of(const msg_stream *s)
{
    uint64_t most = s->list ? s->list[s->n_list - 1] : most_of(s->base, s->width);
    uint64_t aux = most_of(s->aux_base, s->aux_width);
    if (s->kind == MSG_STREAM_INTS)
        return digits_of(most);
    if (s->kind == MSG_STREAM_DIGITS)
        return AL_MAX(digits_of(most), (size_t)aux);
    return aux ? AL_MAX(digits_of(most) + 1, (size_t)aux + 2) : digits_of(most);
}

/* Numbers of the stream are spelled, and looked through together. */
static al_code look_at_numbers(looking *l, const msg_stream *s)
{
    bool has_point = s->kind == MSG_STREAM_SCALED && (s->aux_base || s->aux_width);
    if (!l->known->longest || longest_of(s) < literal_chars(l->known->literal) ||
        (!has_point && literal_has(l->known->literal, '.')))
        return AL_OK;
    al_buf_clear(&l->text);
    al_code c = msg_stream_spell(l->split, s, &l->text, l->err);
    al_slice all = al_buf_slice(&l->text);
    size_t begin = 0; /* of number k */
    uint32_t k = 0;
    for (size_t from = 0, at = 0, end = 0;
         !c && literal_find(l->known->literal, all, from, &at, &end) && k < s->n; from = begin) {
        for (const uint8_t *next; (next = memchr(all.ptr + begin, '\n', at - begin)); k++)
            begin = (size_t)(next - all.ptr) + 1;
        c = hit(l, k);
        const uint8_t *behind = memchr(all.ptr + at, '\n', all.len - at);
        begin = (size_t)(behind - all.ptr) + 1;
        k++;
    }
    return c;
}

static al_code look_at_texts(looking *l, const msg_stream *s)
{
    al_code c = AL_OK;
    for (uint32_t k = 0; !c && k < s->n; k++) {
        uint32_t from = k ? s->ends[k - 1] : 0;
        if (holds(l->known->literal, al_slice_sub(s->text, from, s->ends[k])))
            c = hit(l, k);
    }
    return c;
}

static al_code look_at_slots(looking *l)
{
    const msg_template *t = NULL;
    al_code c = msg_view_template(l->split, l->i, &t, l->err);
    for (uint32_t i = 0; !c && i < t->n_slots; i++) {
        const msg_stream *s = &t->streams[i];
        switch (s->kind) {
        case MSG_STREAM_VALUES:
            c = look_at_values(l, s);
            break;
        case MSG_STREAM_TEXT:
            c = look_at_texts(l, s);
            /* A text that is in no lexicon: nobody asked whether a part of the literal stands
             * there. */
            if (t->number && !literal_is_word(l->known->literal))
                l->f->says[l->i] = KNOWN_ASK;
            break;
        default:
            c = look_at_numbers(l, s);
        }
    }
    return c;
}

/* ---- Over the edges of slots */

enum { ASKED_MAX = 64 /* numbers or values of a stream that are asked one by one */ };

/* Does the text begin (end) with the word? */
static bool is_at_edge(const literal *word, al_slice text, bool ends)
{
    size_t start;
    size_t end;
    for (size_t from = 0; literal_find(word, text, from, &start, &end); from = start + 1)
        if (ends ? end == text.len : start == 0)
            return true;
    return false;
}

static bool may_value_edge(looking *l, const msg_stream *s, const literal *word, bool ends)
{
    if (!s->list || s->n_list > ASKED_MAX)
        return true;
    for (uint32_t i = 0; i < s->n_list; i++) {
        al_slice text = {0};
        al_err ignored; /* who reads the row meets it again */
        if (lexicon_value(l->split->lex, (uint32_t)s->list[i], &text, &ignored) ||
            is_at_edge(word, text, ends))
            return true;
    }
    return false;
}

static bool may_number_edge(const msg_stream *s, const literal *word, bool ends)
{
    if (!literal_may_be_number(word) || literal_chars(word) > longest_of(s))
        return false;
    if (s->kind != MSG_STREAM_INTS || !s->list || s->n_list > ASKED_MAX)
        return true;
    for (uint32_t i = 0; i < s->n_list; i++) {
        uint8_t text[DECIMAL_BYTES];
        size_t n = decimal_write(s->list[i], 0, text);
        if (is_at_edge(word, (al_slice){text, n}, ends))
            return true;
    }
    return false;
}

static bool may_edge(void *ctx, uint32_t hole, size_t word, bool ends)
{
    looking *l = ctx;
    size_t n = 0;
    const literal *const *words = literal_words(l->known->literal, &n);
    const msg_stream *s = &l->t->streams[hole];
    switch (s->kind) {
    case MSG_STREAM_TEXT:
        return true;
    case MSG_STREAM_VALUES:
        return may_value_edge(l, s, words[word], ends);
    default:
        return may_number_edge(s, words[word], ends);
    }
}

/* What the template of one block says, where its slots say less than those of all blocks. */
static al_code ask_edges(looking *l, uint8_t *says)
{
    if (*says != KNOWN_ASK || !l->known->holes)
        return AL_OK;
    al_code c = msg_view_template(l->split, l->i, &l->t, l->err);
    if (!c &&
        literal_in_known_holes(l->known->holes, l->t->text, MSG_MARK, may_edge, l) == HOLES_NEVER)
        *says = KNOWN_NO;
    return c;
}

/* ---- Templates */

static al_code look(looking *l)
{
    al_code c = AL_OK;
    for (l->i = 0; !c && l->i < l->split->n_templates; l->i++) {
        uint8_t says = l->known->templates[l->templates[l->i].number];
        c = ask_edges(l, &says);
        l->f->says[l->i] = says;
        if (!c && says == KNOWN_NO &&
            (l->asks_slots ||
             (l->asks_numbers && known_asks_numbers(l->known, l->templates[l->i].number))))
            c = look_at_slots(l);
        l->f->is_any |= l->f->says[l->i] != KNOWN_NO;
    }
    return c;
}

al_code filter_text_open(filter_text *f, const known_text *known, filter_text_asks asks,
                         msg_view *split, al_arena *arena, al_err *err)
{
    looking l = {.f = f,
                 .known = known,
                 .asks_slots = asks.slots,
                 .asks_numbers = asks.numbers,
                 .split = split,
                 .arena = arena,
                 .err = err};
    f->says = al_arena_alloc(arena, split->n_templates, 1);
    f->hits = al_arena_alloc(arena, split->n_templates, sizeof *f->hits);
    l.numbers = al_arena_alloc(arena, split->n_rows, sizeof *l.numbers);
    if (!f->says || !f->hits || !l.numbers)
        return no_memory(err);
    memset(f->hits, 0, split->n_templates * sizeof *f->hits);
    al_buf_init(&l.text, SPELLED_BYTES_MAX);
    al_code c = msg_view_templates(split, &l.templates, err);
    if (!c)
        c = look(&l);
    al_buf_done(&l.text);
    if (!c && f->is_any)
        c = msg_view_row_templates(split, &f->templates, err);
    if (!c && f->is_any)
        c = msg_view_row_ranks(split, &f->ranks, err);
    f->is_open = !c;
    return c;
}
