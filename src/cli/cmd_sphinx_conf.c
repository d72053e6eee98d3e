/* alco sphinx-conf: the configuration of one node of Sphinx, on that node's machine.
 * searchd runs a configuration file that begins with #! (with that line's command and the file's
 * name behind it) and reads what it prints, at its start twice and whenever it gets SIGHUP. Nothing
 * is printed unless all of it is there and the directories are made: searchd keeps the settings it
 * has when the command fails, and would forget tables that a shorter text has not. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/config_read.h"
#include "cli/sphinx_dirs.h"
#include "cli/sphinx_text.h"

static const char help[] =
    "usage: alco sphinx-conf --node HOST:PORT [--config FILE] [--server URL] [--rotate] [SCRIPT]\n"
    "\n"
    "Prints sphinx.conf of one of sphinx.shards, makes the directories of its tables and removes\n"
    "those of expired days, never the newest. From the server, or, when none is named, from a\n"
    "configuration and a data directory that no server owns.\n"
    "\n"
    "  --node HOST:PORT    which one\n"
    "  --rotate            print nothing: write sphinx.conf into the node's directory, and when "
    "it\n"
    "                      has changed, tell its searchd to read it (SIGHUP); for cron, daily\n"
    "  --config FILE       settings; else ALCO_CONFIG, else /etc/alco/alco.yaml\n" CLIENT_HELP "\n"
    "As the whole of a configuration that searchd runs (SCRIPT is its own name, which searchd\n"
    "adds):\n"
    "  #!/usr/bin/env -S alco sphinx-conf --server http://127.0.0.1:8000 --node 127.0.0.1:9306\n";

enum { TEXT_BYTES_MAX = 256 << 20, FLAG_NODE = 2000, FLAG_CONFIG, FLAG_ROTATE };

#define CONF_FILE "sphinx.conf"

typedef struct conf_args {
    client_options server;
    const char *config;
    const char *node;
    bool is_rotate;
} conf_args;

/* ---- Where the text is from */

static al_code from_server(const conf_args *a, al_buf *out, al_err *err)
{
    AL_CLEANUP(client_closep) client *c = NULL;
    al_buf path;
    al_buf_init(&path, 4096);
    al_buf_str(&path, "/collector/sphinx.conf?node=");
    cli_put_escaped(&path, al_cstr(a->node));
    al_buf_u8(&path, '\0');
    client_call call = {.path = (const char *)path.ptr};
    al_code code = al_buf_code(&path) ? al_fail(err, AL_INVALID, "--node: too long")
                                      : client_open(&a->server, &c, err);
    if (!code)
        code = client_run(c, &call, out, err);
    if (!code && !al_slice_starts(al_buf_slice(out), AL_LIT("# ")))
        code = al_fail(err, AL_INVALID, CLI_NOT_ALCO);
    al_buf_done(&path);
    return code;
}

static al_code from_catalog(const conf_args *a, const config *c, al_buf *out, al_err *err)
{
    catalog *cat = NULL;
    char file[4096];
    const char *data = a->server.data ? a->server.data : config_text(c, SET_DATA);
    (void)snprintf(file, sizeof file, "%s/catalog.db", data);
    if (access(file, F_OK)) /* opening would make one */
        return al_fail(err, AL_NOT_FOUND, "there is no alco data in '%s'", data);
    al_code code = catalog_open(data, &cat, err);
    if (code == AL_AGAIN)
        return al_fail(err, code, "a server owns '%s': ask it, with --server", data);
    if (!code)
        code = sphinx_text_put(c, cat, al_cstr(a->node), out, err);
    (void)catalog_close(cat);
    return code;
}

static int get_text(const conf_args *a, al_buf *out)
{
    al_err err = {0};
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    bool has_server = a->server.server || (!a->config && !a->server.data && getenv("ALCO_SERVER"));
    if (!has_server) {
        AL_CLEANUP(config_freep) config *c = config_new(config_say_mistake, NULL);
        if (!c)
            return CLI_FAILED;
        if (config_read_all(c, a->config) || sphinx_conf_check(c))
            return CLI_USAGE;
        if (from_catalog(a, c, out, &err) == AL_OK)
            return CLI_OK;
    } else if (from_server(a, out, &err) == AL_OK) {
        return CLI_OK;
    }
    cli_say("sphinx-conf: %s", err.msg);
    return CLI_FAILED;
}

/* ---- --rotate */

static bool read_small(const char *path, char *ret, size_t size)
{
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(ret, 1, size - 1, f) : 0;
    ret[n] = '\0';
    if (f)
        (void)fclose(f);
    return n > 0;
}

/* Whoever has that number now may be another program. */
static bool is_searchd(uint64_t pid)
{
    char path[64];
    char name[64];
    (void)snprintf(path, sizeof path, "/proc/%" PRIu64 "/comm", pid);
    return read_small(path, name, sizeof name) && strncmp(name, "searchd", 7) == 0;
}

static int tell_searchd(al_slice text)
{
    size_t at = 0;
    uint64_t pid = 0;
    char path[4096];
    char number[32];
    al_slice file = sphinx_line(text, "pid_file", &at);
    (void)snprintf(path, sizeof path, "%.*s", AL_ARG(file));
    if (!read_small(path, number, sizeof number) ||
        !al_parse_u64(al_slice_trim(al_cstr(number)), &pid) || pid < 2 || pid > INT32_MAX ||
        !is_searchd(pid)) {
        cli_say("sphinx-conf: no searchd runs that has '%s'; it reads the file when it starts",
                path);
        return CLI_OK;
    }
    if (kill((pid_t)pid, SIGHUP) == 0)
        return CLI_OK;
    al_err err;
    (void)al_fail_errno(&err, "tell searchd (process %" PRIu64 ")", pid);
    cli_say("sphinx-conf: %s", err.msg);
    return CLI_FAILED;
}

static bool is_file_equal(const char *path, al_slice text)
{
    FILE *f = fopen(path, "re");
    bool is_equal = f != NULL;
    char part[4096];
    size_t at = 0;
    size_t n = 0;
    while (is_equal && (n = fread(part, 1, sizeof part, f)) > 0) {
        is_equal = n <= text.len - at && memcmp(part, text.ptr + at, n) == 0;
        at += is_equal ? n : 0;
    }
    if (f)
        (void)fclose(f);
    return is_equal && at == text.len;
}

/* searchd is told after the file is there; when that fails the file goes, so that the next run
 * tells it again. */
static int rotate(al_slice text)
{
    size_t at = 0;
    char dir[4000];
    char path[4096];
    al_err err = {0};
    al_slice files = sphinx_line(text, "# files", &at);
    (void)snprintf(dir, sizeof dir, "%.*s", AL_ARG(files));
    (void)snprintf(path, sizeof path, "%s/%s", dir, CONF_FILE);
    if (is_file_equal(path, text))
        return CLI_OK;
    int fd = -1;
    al_code c = al_dir_open(dir, false, &fd, &err);
    if (!c) {
        c = al_publish_file(al_io_posix(), fd, CONF_FILE, text, &err);
        (void)close(fd);
    }
    if (c) {
        cli_say("sphinx-conf: %s", err.msg);
        return CLI_FAILED;
    }
    int r = tell_searchd(text);
    if (r)
        (void)unlink(path);
    return r;
}

/* ---- The command */

static int run(const conf_args *a)
{
    al_buf text;
    al_err err = {0};
    al_buf_init(&text, TEXT_BYTES_MAX);
    int r = get_text(a, &text);
    if (!r && sphinx_dirs_follow(al_buf_slice(&text), &err)) {
        cli_say("sphinx-conf: %s", err.msg);
        r = CLI_FAILED;
    }
    if (!r && a->is_rotate)
        r = rotate(al_buf_slice(&text));
    else if (!r)
        cli_print(al_buf_slice(&text));
    al_buf_done(&text);
    return r;
}

/* -1: the help was printed. */
static int parse(int argc, char **argv, conf_args *a)
{
    static const struct option flags[] = {{"help", no_argument, NULL, 'h'},
                                          {"node", required_argument, NULL, FLAG_NODE},
                                          {"config", required_argument, NULL, FLAG_CONFIG},
                                          {"rotate", no_argument, NULL, FLAG_ROTATE},
                                          CLIENT_FLAGS,
                                          {0}};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (c == 'h') {
            (void)fputs(help, stdout);
            return -1;
        }
        if (c == FLAG_NODE)
            a->node = optarg;
        else if (c == FLAG_CONFIG)
            a->config = optarg;
        else if (c == FLAG_ROTATE)
            a->is_rotate = true;
        else if (!client_take_flag(&a->server, c, optarg))
            return cli_wrong_flag("sphinx-conf", argv);
    }
    if (!a->node || !sphinx_conf_is_node(al_cstr(a->node)))
        return cli_usage("sphinx-conf", "--node '%s': expected HOST:PORT, one of sphinx.shards",
                         a->node ? a->node : "");
    if (argc - optind > 1)
        return cli_usage("sphinx-conf", "'%s' is not expected here", argv[optind + 1]);
    return CLI_OK;
}

int cmd_sphinx_conf(int argc, char **argv)
{
    conf_args a = {0};
    int r = parse(argc, argv, &a);
    if (r)
        return r < 0 ? CLI_OK : r;
    return cli_printed("sphinx-conf", run(&a));
}
