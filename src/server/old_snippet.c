/* Snippets: the old ones were put into the page as they came, log text and all. Whoever still does
 * that runs nothing from a log now. */
#include "server/old_snippet.h"

#include "record/utf8.h"

static void put_html(al_buf *out, al_slice text)
{
    for (size_t i = 0; i < text.len;) {
        bool is_good = false;
        size_t n = utf8_step(text.ptr + i, text.len - i, &is_good);
        switch (text.ptr[i]) {
        case '&':
            al_buf_str(out, "&amp;");
            break;
        case '<':
            al_buf_str(out, "&lt;");
            break;
        case '>':
            al_buf_str(out, "&gt;");
            break;
        case '"':
            al_buf_str(out, "&quot;");
            break;
        case '\'':
            al_buf_str(out, "&#39;");
            break;
        default:
            if (is_good)
                al_buf_put(out, text.ptr + i, n);
            else
                al_buf_str(out, "\xef\xbf\xbd");
        }
        i += n;
    }
}

void old_snippet_put(al_buf *out, al_slice text, const highlight *places, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t end = (size_t)places[i].start + places[i].length;
        put_html(out, al_slice_sub(text, at, places[i].start));
        al_buf_str(out, "<b>");
        put_html(out, al_slice_sub(text, places[i].start, end));
        al_buf_str(out, "</b>");
        at = end;
    }
    put_html(out, al_slice_sub(text, at, text.len));
}
