/* Escaping in SphinxQL, as searchd 2.2.11 takes it: in strings a backslash before ' and \, in names
 * in brackets as in strings, in MATCH's text a backslash before what may be an operator. */
#include "sphinx/sql_text.h"

#include <assert.h>
#include <inttypes.h>

void sql_put_word(al_buf *out, al_slice word)
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

void sql_put_string(al_buf *out, al_slice text)
{
    al_buf_u8(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '\'' || c == '\\')
            al_buf_u8(out, '\\');
        if (c)
            al_buf_u8(out, c);
        else
            al_buf_str(out, "\xef\xbf\xbd");
    }
    al_buf_u8(out, '\'');
}

void sql_put_u64(al_buf *out, uint64_t n)
{
    al_buf_printf(out, "%" PRIu64, n);
}

static bool is_name(al_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t lower = s.ptr[i] | 0x20;
        bool is_alnum = (s.ptr[i] >= '0' && s.ptr[i] <= '9') || (lower >= 'a' && lower <= 'z');
        if (!is_alnum && s.ptr[i] != '_')
            return false;
    }
    return s.len > 0;
}

void sql_put_name(al_buf *out, al_slice name)
{
    assert(is_name(name));
    al_buf_u8(out, '`');
    al_buf_slice_put(out, name);
    al_buf_u8(out, '`');
}

void sql_put_path(al_buf *out, const al_slice *names, unsigned n)
{
    al_buf_str(out, "js");
    for (unsigned i = 0; i < n; i++) {
        al_buf_u8(out, '[');
        sql_put_string(out, names[i]);
        al_buf_u8(out, ']');
    }
}
