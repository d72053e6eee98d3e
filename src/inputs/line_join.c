/* Joining lines to records. See line_join.h.
 * What goes on a record: a line that begins with white space; from "Traceback (most recent call
 * last):" on every such line and the first one after them, which names the exception, unless it has
 * a time of its own; "Caused by:" and the two sentences that Python puts between chained
 * exceptions. Empty lines belong to what surrounds them, or to nothing: between two records each is
 * a record without text, which the caller skips.
 * State while walking the lines: NORMAL -> (Traceback) -> FRAMES -> (line without indent) ->
 * NORMAL. */
#include "inputs/line_join.h"

#include "base/clock.h"
#include "inputs/line_time.h"

#define TRACEBACK AL_LIT("Traceback (most recent call last):")
#define DURING    AL_LIT("During handling of the above exception, another exception occurred:")
#define DIRECT    AL_LIT("The above exception was the direct cause of the following exception:")
#define CAUSED_BY AL_LIT("Caused by: ")

/* Whether a line has a time does not depend on the year. */
#define SOME_NS (INT64_C(1795349506) * AL_NS_PER_S)

typedef enum state { NORMAL, FRAMES } state;

static bool is_blank(al_slice line)
{
    return al_slice_trim(line).len == 0;
}

static bool is_indented(al_slice line)
{
    return line.ptr[0] == ' ' || line.ptr[0] == '\t';
}

/* Does the line, which is not blank, belong to the record before it? */
static bool goes_on(al_slice line, state s)
{
    line_time time;
    if (is_indented(line) || al_slice_starts(line, TRACEBACK) || al_slice_starts(line, DURING) ||
        al_slice_starts(line, DIRECT) || al_slice_starts(line, CAUSED_BY))
        return true;
    return s == FRAMES && !line_time_read(line, NULL, SOME_NS, &time);
}

static state after(al_slice line, state s)
{
    if (al_slice_starts(al_slice_trim(line), TRACEBACK))
        return FRAMES;
    return is_indented(line) ? s : NORMAL;
}

static al_slice without_line_end(al_slice s)
{
    if (s.len && s.ptr[s.len - 1] == '\n')
        s.len--;
    if (s.len && s.ptr[s.len - 1] == '\r')
        s.len--;
    return s;
}

static bool cut(al_slice data, size_t end, line_rec *ret)
{
    if (!end)
        return false;
    *ret = (line_rec){.text = without_line_end(al_slice_sub(data, 0, end)), .bytes = end};
    return true;
}

static bool cut_closed(al_slice data, size_t end, line_rec *ret)
{
    (void)cut(data, end, ret);
    ret->is_closed = true;
    return true;
}

static bool cut_long_line(al_slice data, line_rec *ret)
{
    (void)cut_closed(data, LINE_JOIN_BYTES_MAX, ret);
    ret->is_cut = true;
    return true;
}

bool line_join_first(al_slice data, line_rec *ret)
{
    size_t end = 0; /* behind the last line that surely belongs to the record */
    state s = NORMAL;
    for (size_t at = 0, line_end = 0; at < data.len; at = line_end + 1) {
        line_end = al_slice_find(data, '\n', at);
        if (line_end >= LINE_JOIN_BYTES_MAX)
            return end ? cut_closed(data, end, ret) : cut_long_line(data, ret);
        if (line_end == data.len)
            break;
        al_slice line = al_slice_sub(data, at, line_end);
        if (is_blank(line) && end)
            continue; /* what follows decides */
        if (is_blank(line))
            return cut_closed(data, line_end + 1, ret);
        if (end && !goes_on(line, s))
            return cut_closed(data, end, ret);
        s = after(line, s);
        end = line_end + 1;
    }
    return cut(data, end, ret);
}
