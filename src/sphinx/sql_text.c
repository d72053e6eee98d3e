/* stand-in until branch sql is merged */
#include "sphinx/sql_text.h"
void sql_put_match_word(al_buf *out, al_slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] == '-' || word.ptr[i] == '.')
            al_buf_u8(out, '\\');
        al_buf_u8(out, word.ptr[i]);
    }
}
void sql_put_string(al_buf *out, al_slice s)
{
    al_buf_u8(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'' || s.ptr[i] == '\\')
            al_buf_u8(out, '\\');
        al_buf_u8(out, s.ptr[i]);
    }
    al_buf_u8(out, '\'');
}
void sql_put_json_path(al_buf *out, al_slice column, const al_slice *keys, size_t n)
{
    al_buf_slice_put(out, column);
    for (size_t i = 0; i < n; i++) {
        al_buf_u8(out, '[');
        sql_put_string(out, keys[i]);
        al_buf_u8(out, ']');
    }
}
