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
    (void)printf(p->flags->has_color ? "\033[%sm\033[K%.*s\033[m\033[K" : "%.0s%.*s", color,
                 AL_ARG(text));
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

/* The message with its matches marked, or only them. */
static void print_matches(grep_printer *p, al_slice hit, al_slice message)
{
    json_token list;
    json_token none;
    json_token pair;
    val_type type = VAL_NULL;
    size_t at = 0;
    uint64_t at_unit = 0;
    size_t printed = 0;
    if (!json_pick(hit, "highlights", &list))
        return;
    json_reader r = json_read(list.raw);
    (void)json_peek(&r, &type);
    json_open(&r);
    while (json_next(&r, VAL_ARRAY, &none) == JSON_ITEM && json_value(&r, &pair)) {
        size_t comma = al_slice_find(pair.raw, ',', 0);
        uint64_t start = 0;
        uint64_t n = 0;
        (void)al_parse_u64(al_slice_trim(al_slice_sub(pair.raw, 1, comma)), &start);
        (void)al_parse_u64(al_slice_trim(al_slice_sub(pair.raw, comma + 1, pair.raw.len - 1)), &n);
        size_t from = byte_of(message, start, &at, &at_unit);
        size_t to = byte_of(message, start + n, &at, &at_unit);
        if (p->flags->only_matching)
            print_prefix(p);
        else
            cli_print(al_slice_sub(message, printed, from));
        (void)fputs(p->flags->has_color ? "\033[01;31m\033[K" : "", stdout);
        cli_print(al_slice_sub(message, from, to));
        (void)fputs(p->flags->has_color ? "\033[m\033[K" : "", stdout);
        if (p->flags->only_matching)
            (void)putchar('\n');
        printed = to;
    }
    if (!p->flags->only_matching)
        cli_print(al_slice_sub(message, printed, message.len));
}

void grep_print_hit(grep_printer *p, al_slice hit)
{
    if (p->flags->is_json) {
        if (p->flags->n_indexes > 1)
            (void)printf("{\"index\":\"%.*s\",", AL_ARG(p->index));
        al_slice rest = al_slice_sub(hit, p->flags->n_indexes > 1 ? 1 : 0, hit.len);
        cli_print_json(rest);
        (void)putchar('\n');
        return;
    }
    al_arena_reset(p->arena);
    al_slice message = json_pick_text(hit, "message", p->arena);
    if (!p->flags->only_matching)
        print_prefix(p);
    if (!p->flags->inverts && (p->flags->only_matching || p->flags->has_color))
        print_matches(p, hit, message);
    else if (!p->flags->only_matching)
        cli_print(message);
    if (!p->flags->only_matching)
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
