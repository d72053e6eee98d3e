/* Texts that are made from the table: help, the commented default file, doc/config.md. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "config/config_text.h"

/* `text` in lines of at most `width` bytes behind `first` (the first line) or `indent` spaces. */
static void put_wrapped(al_buf *out, const char *text, size_t column, const char *indent,
                        size_t width)
{
    for (const char *word = text; *word;) {
        size_t n = strcspn(word, " ");
        if (column + 1 + n > width) {
            al_buf_printf(out, "\n%s", indent);
            column = strlen(indent);
        } else if (word != text) {
            al_buf_u8(out, ' ');
            column++;
        }
        al_buf_put(out, word, n);
        column += n;
        word += n + (word[n] == ' ');
    }
    al_buf_u8(out, '\n');
}

static void put_sentence(al_buf *out, const setting *s, size_t column, const char *indent,
                         size_t width)
{
    char text[512];
    if (s->otherwise[0])
        (void)snprintf(text, sizeof text, "%s (%s)", s->sentence, s->otherwise);
    else
        (void)snprintf(text, sizeof text, "%s%s", s->sentence,
                       strchr(s->key, '[') ? "; may be given several times" : "");
    put_wrapped(out, text, column, indent, width);
}

void config_put_help(al_buf *out)
{
    for (size_t i = 0; i < SETTINGS_N; i++) {
        const setting *s = &settings[i];
        if (!s->flag[0])
            continue;
        size_t before = out->len;
        al_buf_printf(out, "  --%s %s", s->flag, s->form);
        size_t column = out->len - before;
        if (column < 22) {
            al_buf_printf(out, "%*s", (int)(22 - column), "");
        } else {
            al_buf_printf(out, "\n%22s", "");
        }
        put_sentence(out, s, 22, "                      ", 96);
    }
}

/* ---- The default file */

static const char *shown_value(const setting *s)
{
    return s->example[0] ? s->example : s->otherwise;
}

/* The key's own name, without what is around it: "url" of "amqp[].url", "index" of
 * "sphinx.index.*". */
static al_slice own_name(const setting *s)
{
    size_t end = strlen(s->key);
    while (end && strchr("[]*.", s->key[end - 1]))
        end--;
    size_t from = end;
    while (from && s->key[from - 1] != '.')
        from--;
    return (al_slice){(const uint8_t *)s->key + from, end - from};
}

/* "amqp[]." of "amqp[].url": what is around the key; empty at the top. */
static al_slice surroundings(const setting *s)
{
    return (al_slice){(const uint8_t *)s->key, (size_t)(own_name(s).ptr - (const uint8_t *)s->key)};
}

static void put_setting(al_buf *out, const setting *s, const char *margin, const char *lead)
{
    al_buf_printf(out, "%s# ", margin);
    char next[32];
    (void)snprintf(next, sizeof next, "%s# ", margin);
    put_wrapped(out, s->sentence, strlen(next), next, 96);
    al_buf_printf(out, "%s%s%.*s: %s\n", *margin ? margin : "#", lead, AL_ARG(own_name(s)),
                  shown_value(s));
}

void config_put_default_file(al_buf *out)
{
    al_buf_str(out,
               "# Settings of alco serve (--config FILE, ALCO_CONFIG or /etc/alco/alco.yaml).\n"
               "# What is commented out is the default, or an example where there is none.\n");
    al_slice around = {0};
    for (size_t i = 0; i < SETTINGS_N; i++) {
        const setting *s = &settings[i];
        al_slice now = surroundings(s);
        bool is_list = al_slice_ends(now, AL_LIT("[]."));
        bool is_first = !al_slice_eq(al_slice_sub(now, 0, al_slice_find(now, '.', 0)),
                                     al_slice_sub(around, 0, al_slice_find(around, '.', 0)));
        al_buf_str(out, is_first || !now.len ? "\n" : "");
        if (!now.len) {
            put_setting(out, s, "", "");
        } else {
            if (is_first)
                al_buf_printf(out, "#%.*s:\n", (int)strcspn((const char *)now.ptr, "[."),
                              (const char *)now.ptr);
            put_setting(out, s, is_list && !is_first ? "#    " : "#  ",
                        is_list && is_first ? "- " : "");
        }
        around = now;
    }
}

/* ---- doc/config.md */

void config_variable(const setting *s, char *ret, size_t size)
{
    int n = s->flag[0] ? snprintf(ret, size, "ALCO_%s", s->flag) : snprintf(ret, size, "%s", "");
    for (int i = 0; i < n; i++)
        ret[i] = (char)(ret[i] == '-' ? '_' : toupper((unsigned char)ret[i]));
}

static void put_cell(al_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            al_buf_u8(out, '\\');
        al_buf_u8(out, (uint8_t)*text);
    }
}

static void put_code(al_buf *out, const char *before, const char *text)
{
    al_buf_str(out, text[0] ? "`" : "");
    put_cell(out, text[0] ? before : "");
    put_cell(out, text);
    al_buf_str(out, text[0] ? "` | " : "| ");
}

void config_put_markdown(al_buf *out)
{
    al_buf_str(out, "| key | flag | environment | value | default | meaning | change |\n"
                    "|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < SETTINGS_N; i++) {
        const setting *s = &settings[i];
        char variable[64];
        config_variable(s, variable, sizeof variable);
        al_buf_str(out, "| ");
        put_code(out, "", s->key);
        put_code(out, "--", s->flag);
        put_code(out, "", variable);
        put_code(out, "", s->form);
        put_code(out, "", s->otherwise);
        put_cell(out, s->sentence);
        al_buf_printf(out, " | %s |\n", s->when == SETTING_LIVE ? "SIGHUP" : "start");
    }
}
