#include "sphinx/searchd.h"

#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "sphinx/sql_conn.h"

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

static unsigned free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) ||
        getsockname(fd, (struct sockaddr *)&a, &len))
        fail("free port");
    (void)close(fd);
    return ntohs(a.sin_port);
}

static void write_configuration(const searchd *s, const char *tables)
{
    char path[300];
    FILE *f = fopen(tmpdir_join(&s->dir, "sphinx.conf", path, sizeof path), "w");
    if (!f)
        fail(path);
    const char *d = s->dir.path;
    for (const char *at = tables; *at; at++)
        if (at[0] == '%' && at[1] == 's' && at++)
            (void)fputs(d, f);
        else
            (void)fputc(*at, f);
    (void)fprintf(f,
                  "\nsearchd\n{\n listen = %s:mysql41\n log = %s/searchd.log\n query_log = "
                  "%s/query.log\n query_log_format = sphinxql\n pid_file = %s/searchd.pid\n "
                  "binlog_path = %s\n binlog_flush = 2\n workers = threads\n collation_server = "
                  "binary\n}\n",
                  s->node, d, d, d, d);
    if (fclose(f))
        fail(path);
}

void searchd_start(searchd *s)
{
    char conf[300];
    pid_t parent = getpid();
    (void)tmpdir_join(&s->dir, "sphinx.conf", conf, sizeof conf);
    s->pid = fork();
    if (s->pid < 0)
        fail("fork");
    if (s->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || !freopen("/dev/null", "w", stdout))
            _exit(1);
        (void)execlp("searchd", "searchd", "--nodetach", "--config", conf, (char *)NULL);
        perror("searchd (Debian's sphinxsearch)");
        _exit(127);
    }
    for (;;) {
        al_err err;
        sql_conn *c = NULL;
        if (!sql_connect(s->node, al_mono_ns() + AL_NS_PER_S, &c, &err)) {
            (void)sql_close(c);
            return;
        }
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
            (void)fprintf(stderr, "searchd ended: see its log in %s\n", s->dir.path);
            exit(2);
        }
        (void)sched_yield();
    }
}

void searchd_init(searchd *s, const char *tables)
{
    tmpdir_init(&s->dir, "searchd");
    (void)snprintf(s->node, sizeof s->node, "127.0.0.1:%u", free_port());
    write_configuration(s, tables);
    searchd_start(s);
}

void searchd_kill(searchd *s)
{
    if (!s->pid)
        return;
    (void)kill(s->pid, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

void searchd_done(searchd *s)
{
    searchd_kill(s);
    tmpdir_done(&s->dir);
}
