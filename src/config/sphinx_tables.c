/* The tables of an index on a node, as old ALCO named them: an RT table NAME_YYYYMMDD for each day
 * that is kept and for tomorrow, a distributed NAME over all of them, and NAME_YYYYMMDD_distr over
 * that day and all later ones.
 * Defaults are old ALCO's (charset_table, morphology, min_word_len). Beside its columns there is
 * `src`: the exact source of a record that js and logline cannot hold.
 * rt_mem_limit is that of one day: when it is reached the rows go to a disk chunk, and each day of
 * an index may hold so much RAM; the default of Sphinx (128M) times thirty days is too much.
 * Sphinx keeps the schema an RT table was made with (its .meta) and passes over a section that has
 * another one: what is changed here holds for tables made later. */
#include "config/sphinx_tables.h"

#include <inttypes.h>
#include <time.h>

enum { DAY_BYTES = 8, DAY_S = 86400 };

static const struct {
    const char *name;
    const char *value;
} usual[] = {
    {"charset_table", "0..9, A..Z->a..z, _, -, ., a..z, U+410..U+42F->U+430..U+44F, "
                      "U+430..U+44F, U+401->U+451, U+451"},
    {"morphology", "none"},
    {"min_word_len", "4"},
    {"rt_mem_limit", "64M"},
};
enum { N_USUAL = sizeof usual / sizeof usual[0] };

bool sphinx_is_set(const config *c, setting_id id, const char *name)
{
    for (size_t i = 0; i < config_count(c, id); i++)
        if (al_slice_eq(config_at(c, id, i)->name, al_cstr(name)))
            return true;
    return false;
}

void sphinx_setting_put(al_buf *out, const config_value *v)
{
    al_buf_str(out, "    ");
    al_buf_slice_put(out, v->name);
    al_buf_str(out, " = ");
    for (size_t i = 0; i < v->text.len; i++) {
        if (v->text.ptr[i] == '\n')
            al_buf_str(out, " \\");
        al_buf_u8(out, v->text.ptr[i]);
    }
    al_buf_u8(out, '\n');
}

bool sphinx_tables_may_set(al_slice name)
{
    return !al_slice_eq(name, AL_LIT("type")) && !al_slice_eq(name, AL_LIT("path")) &&
           !al_slice_starts(name, AL_LIT("rt_field")) && !al_slice_starts(name, AL_LIT("rt_attr"));
}

static void write_day(char ret[DAY_BYTES + 1], int32_t day)
{
    time_t at = (time_t)day * DAY_S;
    struct tm tm;
    (void)gmtime_r(&at, &tm);
    if (strftime(ret, DAY_BYTES + 1, "%Y%m%d", &tm) != DAY_BYTES)
        ret[0] = '\0'; /* no year of four digits: not in this era */
}

static void put_settings(const config *c, al_buf *out)
{
    for (size_t i = 0; i < N_USUAL; i++)
        if (!sphinx_is_set(c, SET_SPHINX_INDEX, usual[i].name))
            al_buf_printf(out, "    %s = %s\n", usual[i].name, usual[i].value);
    for (size_t i = 0; i < config_count(c, SET_SPHINX_INDEX); i++)
        if (sphinx_tables_may_set(config_at(c, SET_SPHINX_INDEX, i)->name))
            sphinx_setting_put(out, config_at(c, SET_SPHINX_INDEX, i));
}

static void put_day(const config *c, al_slice dir, const sphinx_index *idx, int32_t day,
                    al_buf *out)
{
    char text[DAY_BYTES + 1];
    write_day(text, day);
    al_buf_printf(out, "index %s_%s\n{\n    type = rt\n    path = ", idx->name, text);
    al_buf_slice_put(out, dir);
    al_buf_printf(out, "/%s/%s/rt\n    rt_field = logline\n", idx->name, text);
    if (config_number(c, SET_SPHINX_INDEX_JS) == 0)
        al_buf_str(out, "    rt_field = js\n");
    for (size_t i = 0; i < idx->n_columns; i++) {
        al_buf_str(out, "    rt_field = ");
        al_buf_slice_put(out, idx->columns[i]);
        al_buf_u8(out, '\n');
    }
    al_buf_str(out, "    rt_attr_string = logline\n    rt_attr_json = js\n"
                    "    rt_attr_string = src\n");
    put_settings(c, out);
    al_buf_str(out, "}\n");
}

/* `of`: "" or "_YYYYMMDD_distr". */
static void put_distributed(const sphinx_index *idx, const char *of, int32_t first, int32_t last,
                            al_buf *out)
{
    char text[DAY_BYTES + 1];
    al_buf_printf(out, "index %s%s\n{\n    type = distributed\n", idx->name, of);
    for (int32_t day = first; day <= last; day++) {
        write_day(text, day);
        al_buf_printf(out, "    local = %s_%s\n", idx->name, text);
    }
    al_buf_str(out, "}\n");
}

void sphinx_tables_put(const config *c, al_slice dir, const sphinx_index *idx, int32_t today,
                       al_buf *out)
{
    int32_t last = today + 1;
    int32_t first = last - (int32_t)idx->intervals;
    if (first < 0)
        first = 0; /* 36,500 days are kept at most: none was logged before 1970 */
    for (int32_t day = first; day <= last; day++)
        put_day(c, dir, idx, day, out);
    put_distributed(idx, "", first, last, out);
    for (int32_t day = first; day <= last; day++) {
        char text[DAY_BYTES + 1];
        char of[sizeof "_YYYYMMDD_distr"];
        write_day(text, day);
        (void)snprintf(of, sizeof of, "_%s_distr", text);
        put_distributed(idx, of, day, last, out);
    }
}
