#pragma once
/* doc_page.h: the pages of doc/ whose examples are tests, line by line. */
#include <stdio.h>
#include <stdlib.h>

#include "test.h"

#include "base/slice.h"

typedef struct doc_page {
    al_slice text;
    size_t at;
    unsigned line_no; /* of the line taken last, from 1 */
} doc_page;

/* The page doc/NAME, whose text.ptr is to be freed. */
static inline doc_page doc_open(const char *name)
{
    enum { PAGE_BYTES_MAX = 1 << 20 };
    const char *root = getenv("ALCO_SOURCE");
    assert_non_null(root);
    char path[4096];
    assert_true(snprintf(path, sizeof path, "%s/doc/%s", root, name) < (int)sizeof path);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    uint8_t *text = malloc(PAGE_BYTES_MAX);
    assert_non_null(text);
    size_t n = fread(text, 1, PAGE_BYTES_MAX, f);
    assert_in_range(n, 1, PAGE_BYTES_MAX - 1);
    (void)fclose(f);
    return (doc_page){.text = {text, n}};
}

/* The next line without its end; false behind the last one. */
static inline bool doc_line(doc_page *p, al_slice *ret)
{
    if (p->at >= p->text.len)
        return false;
    size_t end = al_slice_find(p->text, '\n', p->at);
    *ret = al_slice_sub(p->text, p->at, end);
    p->at = end + 1;
    p->line_no++;
    return true;
}

/* The next line of a block of examples; false at its end. */
static inline bool doc_block_line(doc_page *p, al_slice *ret)
{
    return doc_line(p, ret) && !al_slice_eq(*ret, AL_LIT("```"));
}

/* Runs every block of doc/NAME that `fence` opens; returns how many examples `run` has counted. */
static inline size_t doc_run(const char *name, const char *fence, size_t (*run)(doc_page *p))
{
    doc_page p = doc_open(name);
    size_t n = 0;
    al_slice line;
    while (doc_line(&p, &line))
        if (al_slice_eq(line, al_cstr(fence)))
            n += run(&p);
    free((void *)p.text.ptr);
    return n;
}

/* Takes `word` and the white space behind it off the front of s. */
static inline bool doc_takes(al_slice *s, const char *word)
{
    al_slice w = al_cstr(word);
    if (!al_slice_starts(*s, w))
        return false;
    *s = al_slice_trim(al_slice_sub(*s, w.len, s->len));
    return true;
}
