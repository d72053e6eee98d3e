/* sphinx.conf: what old ALCO made of ALCO_SPHINX_CONF, for each node its own.
 * The searchd section has built-in values that a setting of the same name replaces; where a node
 * listens and where its files lie follow from its name. Differences to the old values: the binary
 * log is on and written with every commit (binlog_flush 2: with 1, which should sync it too, 2.2.11
 * writes nothing for up to a second, and a crash loses that; doc/sphinx.md), rows are written out
 * every hour (so long it takes to read that log again), and text is compared
 * byte by byte. All were tried with 2.2.11. Manticore says of ondisk_attrs_default, which keeps the
 * text of disk chunks out of RAM and which it needs no more, that it is gone, and starts. */
#include "config/sphinx_conf.h"

#include <string.h>

#include "base/clock.h"
#include "config/sphinx_tables.h"

#define FIRST_NODE "127.0.0.1:9306"
enum { NODE_BYTES_MAX = 200 };

static const struct {
    const char *name;
    const char *value;
} usual[] = {
    {"read_timeout", "5"},      {"client_timeout", "300"},
    {"max_children", "30"},     {"dist_threads", "4"},
    {"unlink_old", "1"},        {"seamless_rotate", "1"},
    {"preopen_indexes", "1"},   {"ondisk_attrs_default", "pool"},
    {"binlog_flush", "2"},      {"rt_flush_period", "3600"},
    {"max_packet_size", "64M"}, {"collation_server", "binary"},
};
enum { N_USUAL = sizeof usual / sizeof usual[0] };

/* "host:9306" -> the place of its colon; s.len: it is no address. */
static size_t colon_of(al_slice s)
{
    uint64_t port = 0;
    size_t colon = s.len;
    if (s.len > NODE_BYTES_MAX)
        return s.len;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        bool is_known = is_letter || (c >= '0' && c <= '9') || (c && strchr(".-_:[]", c));
        if (!is_known)
            return s.len;
        if (c == ':')
            colon = i;
    }
    if (colon == 0 || !al_parse_u64(al_slice_sub(s, colon + 1, s.len), &port) || port < 1 ||
        port > 65535)
        return s.len;
    return colon;
}

bool sphinx_conf_is_node(al_slice text)
{
    return colon_of(text) < text.len;
}

static al_code choose(const config *c, al_slice node, al_slice *ret, al_err *err)
{
    size_t n = config_count(c, SET_SPHINX_SHARDS);
    if (node.len == 0) {
        *ret = n ? config_at(c, SET_SPHINX_SHARDS, 0)->text : AL_LIT(FIRST_NODE);
        return AL_OK;
    }
    bool is_known = n == 0;
    for (size_t i = 0; i < n && !is_known; i++)
        is_known = al_slice_eq(config_at(c, SET_SPHINX_SHARDS, i)->text, node);
    if (!is_known || !sphinx_conf_is_node(node))
        return al_fail(err, AL_INVALID, "node '%.*s': expected %s", AL_ARG(node),
                       n ? "one of sphinx.shards" : "HOST:PORT, as " FIRST_NODE);
    *ret = node;
    return AL_OK;
}

static void put_line(const config *c, al_buf *out, const char *name, al_slice value)
{
    if (!sphinx_is_set(c, SET_SPHINX_SEARCHD, name))
        al_buf_printf(out, "    %s = %.*s\n", name, AL_ARG(value));
}

/* Of the node's files: <data_dir>/<host>-<port>. */
static void put_dir(const config *c, al_buf *out, al_slice node)
{
    size_t colon = colon_of(node);
    al_buf_str(out, config_text(c, SET_SPHINX_DATA_DIR));
    al_buf_u8(out, '/');
    al_buf_slice_put(out, al_slice_sub(node, 0, colon));
    al_buf_u8(out, '-');
    al_buf_slice_put(out, al_slice_sub(node, colon + 1, node.len));
}

static void put_path(const config *c, al_buf *out, al_slice dir, const char *name, const char *file)
{
    if (!sphinx_is_set(c, SET_SPHINX_SEARCHD, name))
        al_buf_printf(out, "    %s = %.*s%s%s\n", name, AL_ARG(dir), file[0] ? "/" : "", file);
}

al_code sphinx_conf_check(config *c)
{
    al_code code = AL_OK;
    const config_value *v = NULL;
    for (size_t i = 0; (v = config_at(c, SET_SPHINX_SHARDS, i)); i++)
        if (!sphinx_conf_is_node(v->text))
            code = config_complain(c, SET_SPHINX_SHARDS, v, "expected HOST:PORT, not '%.*s'",
                                   AL_ARG(v->text));
    for (size_t i = 0; (v = config_at(c, SET_SPHINX_INDEX, i)); i++)
        if (!sphinx_tables_may_set(v->name))
            code = config_complain(c, SET_SPHINX_INDEX, v,
                                   "'%.*s' is written by alco: which fields a table has, the "
                                   "flag `indexed` and sphinx.index_js say",
                                   AL_ARG(v->name));
    return code;
}

static void put_searchd(const config *c, al_slice node, al_slice dir, al_buf *out)
{
    al_buf_str(out, "searchd\n{\n");
    if (!sphinx_is_set(c, SET_SPHINX_SEARCHD, "listen"))
        al_buf_printf(out, "    listen = %.*s:mysql41\n", AL_ARG(node));
    put_path(c, out, dir, "log", "searchd.log");
    put_path(c, out, dir, "pid_file", "searchd.pid");
    put_path(c, out, dir, "binlog_path", "");
    for (size_t i = 0; i < N_USUAL; i++)
        put_line(c, out, usual[i].name, al_cstr(usual[i].value));
    for (size_t i = 0; i < config_count(c, SET_SPHINX_SEARCHD); i++)
        sphinx_setting_put(out, config_at(c, SET_SPHINX_SEARCHD, i));
    al_buf_str(out, "}\n");
}

al_code sphinx_conf_put(const config *c, al_slice node, const sphinx_index *indexes,
                        size_t n_indexes, int64_t now_ns, al_buf *out, al_err *err)
{
    al_slice at = {0};
    al_buf dir;
    al_code code = choose(c, node, &at, err);
    if (code)
        return code;
    al_buf_init(&dir, 1 << 16);
    put_dir(c, &dir, at);
    al_buf_printf(out, "# %.*s, by alco\n# files = %.*s\n", AL_ARG(at), (int)dir.len,
                  (const char *)dir.ptr);
    for (size_t i = 0; i < n_indexes; i++)
        sphinx_tables_put(c, al_buf_slice(&dir), &indexes[i], (int32_t)(now_ns / AL_NS_PER_DAY),
                          out);
    put_searchd(c, at, al_buf_slice(&dir), out);
    code = al_buf_code(&dir) ? al_buf_code(&dir) : al_buf_code(out);
    al_buf_done(&dir);
    return code ? al_fail(err, code, "write sphinx.conf") : AL_OK;
}
