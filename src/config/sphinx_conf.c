/* sphinx.conf: what old ALCO made of ALCO_SPHINX_CONF, for each node its own.
 * The searchd section has built-in values that a setting of the same name replaces; where a node
 * listens and where its files lie follow from its name. Differences to the old values: the binary
 * log is on (without it a crash loses what is not yet written out), and nothing is fixed to one
 * version of Sphinx but what both 2.2 and Manticore take.
 * No index is of engine sphinx in this build, so there is no index section. */
#include "config/sphinx_conf.h"

#include <string.h>

#define FIRST_NODE "127.0.0.1:9306"
enum { NODE_BYTES_MAX = 200 };

static const struct {
    const char *name;
    const char *value;
} usual[] = {
    {"read_timeout", "5"},    {"client_timeout", "300"}, {"max_children", "30"},
    {"dist_threads", "4"},    {"unlink_old", "1"},       {"seamless_rotate", "1"},
    {"preopen_indexes", "1"},
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

static bool is_set(const config *c, const char *name)
{
    for (size_t i = 0; i < config_count(c, SET_SPHINX_SEARCHD); i++)
        if (al_slice_eq(config_at(c, SET_SPHINX_SEARCHD, i)->name, al_cstr(name)))
            return true;
    return false;
}

static void put_line(const config *c, al_buf *out, const char *name, al_slice value)
{
    if (!is_set(c, name))
        al_buf_printf(out, "    %s = %.*s\n", name, AL_ARG(value));
}

/* A file of the node: <data_dir>/<host>-<port>/NAME. */
static void put_path(const config *c, al_buf *out, al_slice node, const char *name,
                     const char *file)
{
    size_t colon = colon_of(node);
    if (is_set(c, name))
        return;
    al_buf_printf(out, "    %s = %s/", name, config_text(c, SET_SPHINX_DATA_DIR));
    al_buf_slice_put(out, al_slice_sub(node, 0, colon));
    al_buf_u8(out, '-');
    al_buf_slice_put(out, al_slice_sub(node, colon + 1, node.len));
    al_buf_printf(out, "%s%s\n", file[0] ? "/" : "", file);
}

/* A line's end within a value goes on behind a backslash in that file. */
static void put_setting(al_buf *out, const config_value *v)
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

al_code sphinx_conf_put(const config *c, al_slice node, al_buf *out, al_err *err)
{
    al_slice at = {0};
    al_code code = choose(c, node, &at, err);
    if (code)
        return code;
    al_buf_printf(out, "# %.*s, by alco\nsearchd\n{\n", AL_ARG(at));
    if (!is_set(c, "listen"))
        al_buf_printf(out, "    listen = %.*s:mysql41\n", AL_ARG(at));
    put_path(c, out, at, "log", "searchd.log");
    put_path(c, out, at, "pid_file", "searchd.pid");
    put_path(c, out, at, "binlog_path", "");
    for (size_t i = 0; i < N_USUAL; i++)
        put_line(c, out, usual[i].name, al_cstr(usual[i].value));
    for (size_t i = 0; i < config_count(c, SET_SPHINX_SEARCHD); i++)
        put_setting(out, config_at(c, SET_SPHINX_SEARCHD, i));
    al_buf_str(out, "}\n");
    return al_buf_code(out) ? al_fail(err, AL_NOMEM, "write sphinx.conf") : AL_OK;
}
