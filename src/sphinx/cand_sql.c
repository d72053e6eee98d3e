/* Escaping in SphinxQL, as searchd 2.2.11 takes it: in strings a backslash before ' and \, in names
 * in brackets as in strings, in MATCH's text a backslash before what may be an operator. */
#include "sphinx/cand_sql.h"

#include <assert.h>

void cand_put_word(al_buf *out, al_slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        uint8_t c = word.ptr[i];
        uint8_t lower = c | 0x20;
        bool is_alnum = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
        assert(is_alnum || c == '_' || c == '-' || c == '.' || c >= 0x80);
        if (c == '-' || c == '.')
            al_buf_u8(out, '\\');
        al_buf_u8(out, c);
    }
}

void cand_put_string(al_buf *out, al_slice text)
{
    al_buf_u8(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        assert(c >= ' ');
        if (c == '\'' || c == '\\')
            al_buf_u8(out, '\\');
        al_buf_u8(out, c);
    }
    al_buf_u8(out, '\'');
}

void cand_put_path(al_buf *out, const al_slice *names, unsigned n)
{
    al_buf_str(out, "js");
    for (unsigned i = 0; i < n; i++) {
        al_buf_u8(out, '[');
        cand_put_string(out, names[i]);
        al_buf_u8(out, ']');
    }
}
