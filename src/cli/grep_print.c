/* Hits in grep's form, to files as they were logged, to terminals without control characters. */
#include "cli/grep_print.h"

#include <stdio.h>

#include "cli/cli.h"
#include "cli/json_pick.h"

static bool with_name(const grep_printer *p)
{
    return p->flags->with_name >= 0 ? p->flags->with_name : p->flags->n_indexes > 1;
}

/* In grep's colours, and with its "erase to the end of the line" behind each. */
static void print_colored(const grep_printer *p, const char *color, al_slice text)
{
    if (p->flags->has_color)
        (void)printf("\033[%sm\033[K", color);
    cli_print(text);
    if (p->flags->has_color)
        (void)fputs("\033[m\033[K", stdout);
}

static void print_name(const grep_printer *p)
{
    print_colored(p, "35", p->index);
    print_colored(p, "36", (al_slice){(const uint8_t *)&p->separator, 1});
}

static void print_prefix(const grep_printer *p)
{
    if (with_name(p))
        print_name(p);
    if (p->flags->numbers) {
        char digits[24];
        (void)snprintf(digits, sizeof digits, "%llu", (unsigned long long)p->number);
        print_colored(p, "32", al_cstr(digits));
        print_colored(p, "36", (al_slice){(const uint8_t *)&p->separator, 1});
    }
}

/* The byte at which this UTF-16 unit begins; text is well-formed UTF-8. Walks on from *at. */
static size_t byte_of(al_slice text, uint64_t unit, size_t *at, uint64_t *at_unit)
{
    while (*at < text.len && *at_unit < unit) {
        uint8_t c = text.ptr[*at];
        *at += c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        *at_unit += c >= 0xf0 ? 2 : 1;
    }
    return *at < text.len ? *at : text.len;
}

/* [start, length] of a highlight. */
static void read_pair(al_slice pair, uint64_t *ret_start, uint64_t *ret_n)
{
    size_t comma = al_slice_find(pair, ',', 0);
    *ret_start = *ret_n = 0;
    (void)al_parse_u64(al_slice_trim(al_slice_sub(pair, 1, comma)), ret_start);
    (void)al_parse_u64(al_slice_trim(al_slice_sub(pair, comma + 1, pair.len - 1)), ret_n);
}

typedef struct marks { /* of one message */
    grep_printer *p;
    al_slice message;
    size_t at;
    uint64_t at_unit;
    size_t printed; /* up to here */
} marks;

static void print_match(void *ctx, al_slice pair)
{
    marks *m = ctx;
    uint64_t start = 0;
    uint64_t n = 0;
    read_pair(pair, &start, &n);
    size_t from = byte_of(m->message, start, &m->at, &m->at_unit);
    size_t to = byte_of(m->message, start + n, &m->at, &m->at_unit);
    if (m->p->flags->only_matching)
        print_prefix(m->p);
    else
        cli_print(al_slice_sub(m->message, m->printed, from));
    print_colored(m->p, "01;31", al_slice_sub(m->message, from, to));
    if (m->p->flags->only_matching)
        (void)putchar('\n');
    m->printed = to;
}

/* The message with its matches marked, or only them. */
static void print_matches(grep_printer *p, al_slice hit, al_slice message)
{
    marks m = {.p = p, .message = message};
    json_pick_items(hit, "highlights", print_match, &m);
    if (!p->flags->only_matching)
        cli_print(al_slice_sub(message, m.printed, message.len));
}

static void print_json(const grep_printer *p, al_slice hit)
{
    if (p->flags->n_indexes > 1) {
        (void)fputs("{\"index\":\"", stdout);
        cli_print_json(p->index); /* a word of letters, digits and _ */
        (void)fputs("\",", stdout);
        hit = al_slice_sub(hit, 1, hit.len);
    }
    cli_print_json(hit);
    (void)putchar('\n');
}

void grep_print_hit(grep_printer *p, al_slice hit)
{
    if (p->flags->is_json) {
        print_json(p, hit);
        return;
    }
    al_arena_reset(p->arena);
    al_slice message = json_pick_text(hit, "message", p->arena);
    if (p->flags->only_matching) {
        if (!p->flags->inverts)
            print_matches(p, hit, message);
        return;
    }
    print_prefix(p);
    if (p->flags->has_color && !p->flags->inverts)
        print_matches(p, hit, message);
    else
        cli_print(message);
    (void)putchar('\n');
}

void grep_print_row(grep_printer *p, al_slice hit, bool is_hit)
{
    p->was_printed = true;
    if (is_hit || p->flags->is_json) {
        grep_print_hit(p, hit);
    } else if (!p->flags->only_matching) {
        al_arena_reset(p->arena);
        p->separator = '-';
        print_prefix(p);
        p->separator = ':';
        cli_print(json_pick_text(hit, "message", p->arena));
        (void)putchar('\n');
    }
}

void grep_print_gap(grep_printer *p)
{
    if (!p->was_printed || p->flags->is_json)
        return;
    print_colored(p, "36", AL_LIT("--"));
    (void)putchar('\n');
}

void grep_print_count(grep_printer *p, uint64_t n)
{
    if (with_name(p))
        print_name(p);
    (void)printf("%llu\n", (unsigned long long)n);
}

void grep_print_index(grep_printer *p)
{
    print_colored(p, "35", p->index);
    (void)putchar('\n');
}
