/* The table that forgets on demand.
 *
 * Why: a disk keeps after a power cut what was synced, and of the rest any part in any order. Tests
 * must see the store come back from every such state, not from the one that the page cache happens
 * to leave behind.
 *
 * Shape: an append-only list of operations on numbered nodes (files and directories; 0 is the
 * root). The real directory gets every operation at once, so the code under test sees what it
 * wrote. A cut replays the list into an image in memory (crash_image.c) and writes that out.
 *
 * Invariants: (1) the list has the order in which the calls returned: call and entry are made under
 * one lock; (2) a node number is never used again; (3) what the directory held at the start stands
 * in the list as synced operations, before call number 0.
 *
 * What it does not do: files that are opened past the table are unknown to it and not in a cut. */
#include "support/crash_io.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "support/crash_image.h"

enum { OPS_MAX = 1 << 24, NAMES_MAX = 1 << 20, FDS_MAX = 1 << 16 };

typedef struct live_name { /* a name as the running program sees it */
    uint32_t dir;
    uint32_t node;
    char *name;
} live_name;

typedef struct real_dir { /* a directory by what the system calls it, whoever opened it */
    dev_t dev;
    ino_t ino;
    uint32_t node;
} real_dir;

struct crash_io {
    al_io io;
    const al_io *below;
    pthread_mutex_t lock;
    /* guarded by lock */
    crash_op *ops;
    size_t n_ops;
    size_t cap_ops;
    size_t n_initial; /* operations of invariant 3 */
    live_name *names;
    size_t n_names;
    size_t cap_names;
    real_dir *dirs;
    size_t n_dirs;
    size_t cap_dirs;
    uint32_t *fd_nodes; /* by descriptor; CRASH_NO_NODE = not ours */
    size_t cap_fds;
    uint32_t n_nodes;
};

static void out_of_memory(void)
{
    (void)fprintf(stderr, "crash_io: out of memory\n");
    abort(); /* a test cannot go on without its list */
}

static char *copy_name(const char *s)
{
    char *copy = s ? strdup(s) : NULL;
    if (s && !copy)
        out_of_memory();
    return copy;
}

/* ---- The list and the names, all with the lock held */

static void record_op(crash_io *c, crash_op op, const char *name, const char *to, const void *bytes)
{
    op.name = copy_name(name);
    op.to = copy_name(to);
    if (bytes) {
        op.bytes = al_alloc(op.n_bytes ? op.n_bytes : 1, 1);
        if (!op.bytes)
            out_of_memory();
        memcpy(op.bytes, bytes, op.n_bytes);
    }
    crash_op *grown = al_grow(c->ops, &c->cap_ops, c->n_ops, sizeof *grown, 256, OPS_MAX);
    if (!grown)
        out_of_memory();
    c->ops = grown;
    c->ops[c->n_ops++] = op;
}

static live_name *name_find(crash_io *c, uint32_t dir, const char *name)
{
    for (size_t i = 0; i < c->n_names; i++)
        if (c->names[i].dir == dir && strcmp(c->names[i].name, name) == 0)
            return &c->names[i];
    return NULL;
}

static void name_set(crash_io *c, uint32_t dir, const char *name, uint32_t node)
{
    live_name *known = name_find(c, dir, name);
    if (known) {
        known->node = node;
        return;
    }
    live_name *grown = al_grow(c->names, &c->cap_names, c->n_names, sizeof *grown, 64, NAMES_MAX);
    if (!grown)
        out_of_memory();
    c->names = grown;
    c->names[c->n_names++] = (live_name){.dir = dir, .node = node, .name = copy_name(name)};
}

static void name_drop(crash_io *c, uint32_t dir, const char *name)
{
    live_name *known = name_find(c, dir, name);
    if (!known)
        return;
    free(known->name);
    *known = c->names[--c->n_names];
}

static uint32_t node_of_name(crash_io *c, uint32_t dir, const char *name)
{
    const live_name *known = name_find(c, dir, name);
    return known ? known->node : CRASH_NO_NODE;
}

static void fd_set_node(crash_io *c, int fd, uint32_t node)
{
    while ((size_t)fd >= c->cap_fds) {
        size_t old = c->cap_fds;
        uint32_t *grown = al_grow(c->fd_nodes, &c->cap_fds, old, sizeof *grown, 64, FDS_MAX);
        if (!grown)
            out_of_memory();
        c->fd_nodes = grown;
        for (size_t i = old; i < c->cap_fds; i++)
            c->fd_nodes[i] = CRASH_NO_NODE;
    }
    c->fd_nodes[fd] = node;
}

static uint32_t node_of_fd(const crash_io *c, int fd)
{
    return fd >= 0 && (size_t)fd < c->cap_fds ? c->fd_nodes[fd] : CRASH_NO_NODE;
}

/* Directories may have been opened past the table (the root always is), so the system's own number
 * names them. One that was removed (past the table, too) gives its number to a later one: dir_add.
 */
static uint32_t node_of_dir(const crash_io *c, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return CRASH_NO_NODE;
    for (size_t i = 0; i < c->n_dirs; i++)
        if (c->dirs[i].dev == st.st_dev && c->dirs[i].ino == st.st_ino)
            return c->dirs[i].node;
    return CRASH_NO_NODE;
}

static void dir_add(crash_io *c, int fd, uint32_t node)
{
    struct stat st;
    real_dir *grown = al_grow(c->dirs, &c->cap_dirs, c->n_dirs, sizeof *grown, 16, NAMES_MAX);
    if (!grown || fstat(fd, &st) < 0)
        out_of_memory();
    c->dirs = grown;
    for (size_t i = 0; i < c->n_dirs; i++)
        if (c->dirs[i].dev == st.st_dev && c->dirs[i].ino == st.st_ino) {
            c->dirs[i].node = node;
            return;
        }
    c->dirs[c->n_dirs++] = (real_dir){.dev = st.st_dev, .ino = st.st_ino, .node = node};
}

/* ---- The table */

static crash_io *self(const al_io *io)
{
    return io->ctx;
}

static al_code crash_open(const al_io *io, int dir, const char *name, al_open_mode mode,
                          int *ret_fd, al_err *err)
{
    crash_io *c = self(io);
    AL_LOCKED(&c->lock);
    al_code code = c->below->open(c->below, dir, name, mode, ret_fd, err);
    if (code)
        return code;
    uint32_t dir_node = node_of_dir(c, dir);
    if (dir_node == CRASH_NO_NODE) {
        fd_set_node(c, *ret_fd, CRASH_NO_NODE);
        return AL_OK;
    }
    if (mode == AL_OPEN_CREATE) {
        uint32_t node = c->n_nodes++;
        record_op(c, (crash_op){.kind = CRASH_CREATE, .dir = dir_node, .node = node}, name, NULL,
                  NULL);
        name_set(c, dir_node, name, node);
    }
    fd_set_node(c, *ret_fd, node_of_name(c, dir_node, name));
    return AL_OK;
}

static void crash_close(const al_io *io, int fd)
{
    crash_io *c = self(io);
    AL_LOCKED(&c->lock);
    if (node_of_fd(c, fd) != CRASH_NO_NODE)
        fd_set_node(c, fd, CRASH_NO_NODE);
    c->below->close(c->below, fd);
}

static al_code crash_read_at(const al_io *io, int fd, void *bytes, size_t n, uint64_t off,
                             al_err *err)
{
    const crash_io *c = self(io);
    return c->below->read_at(c->below, fd, bytes, n, off, err);
}

static al_code crash_write_at(const al_io *io, int fd, const void *bytes, size_t n, uint64_t off,
                              al_err *err)
{
    crash_io *c = self(io);
    AL_LOCKED(&c->lock);
    al_code code = c->below->write_at(c->below, fd, bytes, n, off, err);
    uint32_t node = node_of_fd(c, fd);
    if (!code && node != CRASH_NO_NODE)
        record_op(c, (crash_op){.kind = CRASH_WRITE, .node = node, .n_bytes = n, .off = off}, NULL,
                  NULL, bytes);
    return code;
}

static al_code crash_sync(const al_io *io, int fd, al_err *err)
{
    (void)err; /* nothing to fail: the list is the disk */
    crash_io *c = self(io);
    AL_LOCKED(&c->lock);
    uint32_t node = node_of_fd(c, fd);
    if (node != CRASH_NO_NODE)
        record_op(c, (crash_op){.kind = CRASH_SYNC, .node = node}, NULL, NULL, NULL);
    return AL_OK;
}

static al_code crash_sync_dir(const al_io *io, int dir, al_err *err)
{
    (void)err;
    crash_io *c = self(io);
    AL_LOCKED(&c->lock);
    uint32_t node = node_of_dir(c, dir);
    if (node != CRASH_NO_NODE)
        record_op(c, (crash_op){.kind = CRASH_SYNC_DIR, .dir = node}, NULL, NULL, NULL);
    return AL_OK;
}

static al_code crash_file_bytes(const al_io *io, int fd, uint64_t *ret_bytes, al_err *err)
{
    const crash_io *c = self(io);
    return c->below->file_bytes(c->below, fd, ret_bytes, err);
}

static al_code crash_truncate(const al_io *io, int fd, uint64_t bytes, al_err *err)
{
    crash_io *c = self(io);
    AL_LOCKED(&c->lock);
    al_code code = c->below->truncate(c->below, fd, bytes, err);
    uint32_t node = node_of_fd(c, fd);
    if (!code && node != CRASH_NO_NODE)
        record_op(c, (crash_op){.kind = CRASH_TRUNCATE, .node = node, .off = bytes}, NULL, NULL,
                  NULL);
    return code;
}

static al_code crash_rename(const al_io *io, int dir, const char *from, const char *to, al_err *err)
{
    crash_io *c = self(io);
    AL_LOCKED(&c->lock);
    al_code code = c->below->rename(c->below, dir, from, to, err);
    uint32_t dir_node = node_of_dir(c, dir);
    uint32_t node = node_of_name(c, dir_node, from);
    if (code || node == CRASH_NO_NODE)
        return code;
    record_op(c, (crash_op){.kind = CRASH_RENAME, .dir = dir_node, .node = node}, from, to, NULL);
    name_drop(c, dir_node, from);
    name_set(c, dir_node, to, node);
    return AL_OK;
}

/* What is recorded has one name for each file: who links must copy here. */
static al_code crash_link(const al_io *io, int from_dir, const char *from, int to_dir,
                          const char *to, al_err *err)
{
    (void)io;
    (void)from_dir;
    (void)to_dir;
    return al_fail(err, AL_LIMIT, "link %s to %s: this table has no links", from, to);
}

static al_code crash_unlink(const al_io *io, int dir, const char *name, al_err *err)
{
    crash_io *c = self(io);
    AL_LOCKED(&c->lock);
    al_code code = c->below->unlink(c->below, dir, name, err);
    uint32_t dir_node = node_of_dir(c, dir);
    uint32_t node = node_of_name(c, dir_node, name);
    if (code || node == CRASH_NO_NODE)
        return code;
    record_op(c, (crash_op){.kind = CRASH_UNLINK, .dir = dir_node, .node = node}, name, NULL, NULL);
    name_drop(c, dir_node, name);
    return AL_OK;
}

static al_code crash_open_dir(const al_io *io, int parent, const char *name, bool create,
                              int *ret_fd, al_err *err)
{
    crash_io *c = self(io);
    AL_LOCKED(&c->lock);
    al_code code = c->below->open_dir(c->below, parent, name, create, ret_fd, err);
    if (code)
        return code;
    uint32_t parent_node = node_of_dir(c, parent);
    if (parent_node == CRASH_NO_NODE || node_of_name(c, parent_node, name) != CRASH_NO_NODE)
        return AL_OK; /* not ours; or known */
    uint32_t node = c->n_nodes++;
    record_op(c, (crash_op){.kind = CRASH_MKDIR, .dir = parent_node, .node = node}, name, NULL,
              NULL);
    name_set(c, parent_node, name, node);
    dir_add(c, *ret_fd, node);
    return AL_OK;
}

static al_code crash_list(const al_io *io, int dir,
                          al_code (*each)(void *ctx, const char *name, al_err *err), void *ctx,
                          al_err *err)
{
    const crash_io *c = self(io);
    return c->below->list(c->below, dir, each, ctx, err);
}

static al_code crash_free_bytes(const al_io *io, int dir, uint64_t *ret_bytes, al_err *err)
{
    const crash_io *c = self(io);
    return c->below->free_bytes(c->below, dir, ret_bytes, err);
}

/* ---- What is there at the start (invariant 3) */

typedef struct loading {
    crash_io *c;
    int dir;
    uint32_t node;
} loading;

static al_code load_dir(crash_io *c, int dir, uint32_t node, al_err *err);

static al_code load_file(crash_io *c, int dir, const char *name, al_err *err)
{
    uint32_t dir_node = node_of_dir(c, dir);
    AL_CLEANUP(al_closep) int fd = -1;
    al_code code = c->below->open(c->below, dir, name, AL_OPEN_READ, &fd, err);
    uint64_t n = 0;
    if (!code)
        code = c->below->file_bytes(c->below, fd, &n, err);
    AL_CLEANUP(al_freep) uint8_t *bytes = al_alloc(n ? n : 1, 1);
    if (!bytes)
        return al_fail(err, AL_NOMEM, "load %s", name);
    if (!code)
        code = c->below->read_at(c->below, fd, bytes, n, 0, err);
    if (code)
        return code;
    uint32_t node = c->n_nodes++;
    record_op(c, (crash_op){.kind = CRASH_CREATE, .dir = dir_node, .node = node}, name, NULL, NULL);
    record_op(c, (crash_op){.kind = CRASH_WRITE, .node = node, .n_bytes = n}, NULL, NULL, bytes);
    record_op(c, (crash_op){.kind = CRASH_SYNC, .node = node}, NULL, NULL, NULL);
    name_set(c, dir_node, name, node);
    return AL_OK;
}

static al_code load_name(void *ctx, const char *name, al_err *err)
{
    const loading *l = ctx;
    struct stat st;
    if (fstatat(l->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return al_fail_errno(err, "stat %s", name);
    if (!S_ISDIR(st.st_mode))
        return load_file(l->c, l->dir, name, err);
    AL_CLEANUP(al_closep) int fd = -1;
    al_code code = crash_open_dir(&l->c->io, l->dir, name, false, &fd, err);
    return code ? code : load_dir(l->c, fd, node_of_dir(l->c, fd), err);
}

static al_code load_dir(crash_io *c, int dir, uint32_t node, al_err *err)
{
    loading l = {.c = c, .dir = dir, .node = node};
    al_code code = c->below->list(c->below, dir, load_name, &l, err);
    if (!code)
        record_op(c, (crash_op){.kind = CRASH_SYNC_DIR, .dir = node}, NULL, NULL, NULL);
    return code;
}

/* ---- Face */

al_code crash_io_new(const char *root, crash_io **ret, al_err *err)
{
    AL_CLEANUP(crash_io_freep) crash_io *c = al_zalloc(1, sizeof *c);
    if (!c)
        return al_fail(err, AL_NOMEM, "crash_io");
    c->io = (al_io){
        .ctx = c,
        .open = crash_open,
        .close = crash_close,
        .read_at = crash_read_at,
        .write_at = crash_write_at,
        .sync = crash_sync,
        .sync_dir = crash_sync_dir,
        .file_bytes = crash_file_bytes,
        .truncate = crash_truncate,
        .rename = crash_rename,
        .link = crash_link,
        .unlink = crash_unlink,
        .open_dir = crash_open_dir,
        .list = crash_list,
        .free_bytes = crash_free_bytes,
    };
    c->below = al_io_posix();
    (void)pthread_mutex_init(&c->lock, NULL);
    AL_CLEANUP(al_closep) int fd = -1;
    al_code code = al_dir_open(root, false, &fd, err);
    if (code)
        return code;
    dir_add(c, fd, c->n_nodes++);
    code = load_dir(c, fd, 0, err);
    if (code)
        return code;
    c->n_initial = c->n_ops;
    *ret = AL_TAKE(c);
    return AL_OK;
}

crash_io *crash_io_free(crash_io *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < c->n_ops; i++) {
        free(c->ops[i].name);
        free(c->ops[i].to);
        free(c->ops[i].bytes);
    }
    for (size_t i = 0; i < c->n_names; i++)
        free(c->names[i].name);
    free(c->ops);
    free(c->names);
    free(c->dirs);
    free(c->fd_nodes);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

const al_io *crash_io_table(crash_io *c)
{
    return &c->io;
}

size_t crash_io_calls(crash_io *c)
{
    AL_LOCKED(&c->lock);
    return c->n_ops - c->n_initial;
}

al_code crash_io_cut(crash_io *c, size_t at, uint64_t seed, const char *dest, al_err *err)
{
    AL_LOCKED(&c->lock);
    crash_cut cut = {
        .ops = c->ops,
        .n_done = c->n_initial + at,
        .n_nodes = c->n_nodes,
        .has_one_under_way = c->n_initial + at < c->n_ops,
        .seed = seed,
    };
    return crash_image_write(&cut, dest, err);
}

void crash_io_describe(crash_io *c, size_t at, char *buf, size_t cap)
{
    static const char *const verbs[] = {
        [CRASH_CREATE] = "create",     [CRASH_MKDIR] = "mkdir",       [CRASH_WRITE] = "write",
        [CRASH_TRUNCATE] = "truncate", [CRASH_SYNC] = "sync",         [CRASH_RENAME] = "rename",
        [CRASH_UNLINK] = "unlink",     [CRASH_SYNC_DIR] = "sync_dir",
    };
    AL_LOCKED(&c->lock);
    if (c->n_initial + at >= c->n_ops) {
        (void)snprintf(buf, cap, "after the last call");
        return;
    }
    const crash_op *op = &c->ops[c->n_initial + at];
    const char *name = op->name;
    for (size_t i = 0; i < c->n_initial + at && !name; i++) /* the name it was made under */
        if (c->ops[i].name && c->ops[i].node == op->node)
            name = c->ops[i].name;
    (void)snprintf(buf, cap, "%s %s%s%s %zu bytes at %llu", verbs[op->kind],
                   op->kind == CRASH_SYNC_DIR ? ""
                   : name                     ? name
                                              : "?",
                   op->to ? " to " : "", op->to ? op->to : "", op->n_bytes,
                   (unsigned long long)op->off);
}
