/* What is on the disk after the cut.
 *
 * Each node keeps its durable state (bytes of a file, names of a directory) and the list of
 * operations since the last sync. A sync applies that list in order; the cut applies what the dice
 * leave of it:
 *   names of a directory: by the seed either the first few in order (a journal, as ext4 and XFS
 *     have), or each one kept or dropped for itself (all that POSIX promises);
 *   bytes of a file: all, none, the first few with the last one torn, or each write for itself:
 *     kept, dropped, torn by sectors of 512 bytes, or only its length (zeros, as after delayed
 *     allocation), in any order.
 * A name whose file never got its bytes shows what the file durably held: often nothing. */
#include "support/crash_image.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/mem.h"
#include "support/rng.h"

enum { SECTOR_BYTES = 512, PENDING_MAX = 1 << 22, ENTRIES_MAX = 1 << 20 };

typedef struct entry {
    const char *name;
    uint32_t node;
} entry;

typedef struct node {
    bool is_dir;
    al_buf bytes;   /* durable content of a file */
    entry *entries; /* durable names of a directory */
    size_t n_entries;
    size_t cap_entries;
    const crash_op **pending;
    size_t n_pending;
    size_t cap_pending;
} node;

typedef struct image {
    node *nodes;
    uint32_t n_nodes;
    bool is_out_of_memory;
} image;

/* ---- Applying one operation */

static void entry_drop(node *d, const char *name, uint32_t only_node)
{
    for (size_t i = 0; i < d->n_entries; i++)
        if (strcmp(d->entries[i].name, name) == 0 && d->entries[i].node == only_node) {
            d->entries[i] = d->entries[--d->n_entries];
            return;
        }
}

static void entry_set(image *im, node *d, const char *name, uint32_t to)
{
    for (size_t i = 0; i < d->n_entries; i++)
        if (strcmp(d->entries[i].name, name) == 0) {
            d->entries[i].node = to;
            return;
        }
    entry *grown =
        al_grow(d->entries, &d->cap_entries, d->n_entries, sizeof *grown, 16, ENTRIES_MAX);
    if (!grown) {
        im->is_out_of_memory = true;
        return;
    }
    d->entries = grown;
    d->entries[d->n_entries++] = (entry){.name = name, .node = to};
}

static void apply_name(image *im, node *d, const crash_op *op)
{
    if (op->kind == CRASH_UNLINK) {
        entry_drop(d, op->name, op->node);
    } else if (op->kind == CRASH_RENAME) {
        entry_drop(d, op->name, op->node);
        entry_set(im, d, op->to, op->node);
    } else {
        entry_set(im, d, op->name, op->node);
    }
}

static void grow_to(node *f, uint64_t len)
{
    if (len <= f->bytes.len)
        return;
    size_t more = (size_t)len - f->bytes.len;
    uint8_t *p = al_buf_extend(&f->bytes, more);
    if (p)
        memset(p, 0, more);
}

static void put_bytes(node *f, const crash_op *op, size_t from, size_t to)
{
    grow_to(f, op->off + to);
    if (al_buf_code(&f->bytes) == AL_OK && to > from)
        memcpy(f->bytes.ptr + op->off + from, op->bytes + from, to - from);
}

static void apply_data(node *f, const crash_op *op)
{
    if (op->kind == CRASH_WRITE)
        put_bytes(f, op, 0, op->n_bytes);
    else if (op->off < f->bytes.len)
        f->bytes.len = (size_t)op->off;
    else
        grow_to(f, op->off);
}

static void apply_in_order(image *im, node *n, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (n->is_dir)
            apply_name(im, n, n->pending[i]);
        else
            apply_data(n, n->pending[i]);
}

/* ---- Replay up to the cut */

static void pend(image *im, node *n, const crash_op *op)
{
    const crash_op **grown =
        al_grow(n->pending, &n->cap_pending, n->n_pending, sizeof(crash_op *), 16, PENDING_MAX);
    if (!grown) {
        im->is_out_of_memory = true;
        return;
    }
    n->pending = grown;
    n->pending[n->n_pending++] = op;
}

static void replay_one(image *im, const crash_op *op, bool has_returned)
{
    switch (op->kind) {
    case CRASH_SYNC:
    case CRASH_SYNC_DIR: {
        node *n = &im->nodes[op->kind == CRASH_SYNC ? op->node : op->dir];
        if (!has_returned)
            return; /* a sync that never returned has promised nothing */
        apply_in_order(im, n, n->n_pending);
        n->n_pending = 0;
        return;
    }
    case CRASH_MKDIR:
        im->nodes[op->node].is_dir = true;
        pend(im, &im->nodes[op->dir], op);
        return;
    case CRASH_CREATE:
    case CRASH_RENAME:
    case CRASH_UNLINK:
        pend(im, &im->nodes[op->dir], op);
        return;
    case CRASH_WRITE:
    case CRASH_TRUNCATE:
        pend(im, &im->nodes[op->node], op);
        return;
    }
}

/* ---- The cut */

static void cut_names(image *im, node *d, rng *r)
{
    if (rng_chance(r, 50)) {
        apply_in_order(im, d, (size_t)rng_below(r, d->n_pending + 1));
        return;
    }
    for (size_t i = 0; i < d->n_pending; i++)
        if (rng_chance(r, 50))
            apply_name(im, d, d->pending[i]);
}

static void tear(node *f, const crash_op *op, rng *r)
{
    for (size_t from = 0; from < op->n_bytes;) {
        size_t sector_end = SECTOR_BYTES - (size_t)((op->off + from) % SECTOR_BYTES);
        size_t to = AL_MIN(from + sector_end, op->n_bytes);
        if (rng_chance(r, 50))
            put_bytes(f, op, from, to);
        from = to;
    }
}

static void cut_one_write(node *f, const crash_op *op, rng *r)
{
    if (op->kind == CRASH_TRUNCATE) {
        if (rng_chance(r, 50))
            apply_data(f, op);
        return;
    }
    switch (rng_below(r, 4)) {
    case 0:
        apply_data(f, op);
        return;
    case 1:
        tear(f, op, r);
        return;
    case 2:
        grow_to(f, op->off + op->n_bytes);
        return;
    default: /* dropped */
        return;
    }
}

static void cut_data(image *im, node *f, rng *r)
{
    size_t n = f->n_pending;
    switch (rng_below(r, 4)) {
    case 0:
        apply_in_order(im, f, n);
        return;
    case 1:
        return;
    case 2: {
        size_t whole = n ? (size_t)rng_below(r, n) : 0;
        apply_in_order(im, f, whole);
        if (whole < n && f->pending[whole]->kind == CRASH_WRITE)
            put_bytes(f, f->pending[whole], 0,
                      (size_t)rng_below(r, f->pending[whole]->n_bytes + 1));
        return;
    }
    default:
        for (size_t i = n; i > 1; i--) { /* shuffled: nothing orders writes between two syncs */
            size_t j = (size_t)rng_below(r, i);
            const crash_op *t = f->pending[i - 1];
            f->pending[i - 1] = f->pending[j];
            f->pending[j] = t;
        }
        for (size_t i = 0; i < n; i++)
            cut_one_write(f, f->pending[i], r);
    }
}

/* ---- Writing it out */

static al_code write_file(const node *f, const char *path, al_err *err)
{
    AL_CLEANUP(al_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return al_fail_errno(err, "create %s", path);
    for (size_t off = 0; off < f->bytes.len;) {
        ssize_t n = write(fd, f->bytes.ptr + off, f->bytes.len - off);
        if (n < 0)
            return al_fail_errno(err, "write %s", path);
        off += (size_t)n;
    }
    return AL_OK;
}

static al_code write_dir(const image *im, const node *d, const char *path, al_err *err)
{
    if (mkdir(path, 0750) < 0)
        return al_fail_errno(err, "make directory %s", path);
    for (size_t i = 0; i < d->n_entries; i++) {
        char sub[PATH_MAX];
        int n = snprintf(sub, sizeof sub, "%s/%s", path, d->entries[i].name);
        if (n < 0 || (size_t)n >= sizeof sub)
            return al_fail(err, AL_LIMIT, "path under %s is too long", path);
        const node *child = &im->nodes[d->entries[i].node];
        al_code c = child->is_dir ? write_dir(im, child, sub, err) : write_file(child, sub, err);
        if (c)
            return c;
    }
    return AL_OK;
}

static void image_done(image *im)
{
    for (uint32_t i = 0; i < im->n_nodes; i++) {
        al_buf_done(&im->nodes[i].bytes);
        free(im->nodes[i].entries);
        free(im->nodes[i].pending);
    }
    free(im->nodes);
}

al_code crash_image_write(const crash_cut *cut, const char *dest, al_err *err)
{
    AL_CLEANUP(image_done)
    image im = {.nodes = al_zalloc(cut->n_nodes, sizeof(node)), .n_nodes = cut->n_nodes};
    if (!im.nodes) {
        im.n_nodes = 0;
        return al_fail(err, AL_NOMEM, "power cut");
    }
    for (uint32_t i = 0; i < im.n_nodes; i++)
        al_buf_init(&im.nodes[i].bytes, SIZE_MAX / 2);
    im.nodes[0].is_dir = true;

    for (size_t i = 0; i < cut->n_done; i++)
        replay_one(&im, &cut->ops[i], true);
    if (cut->has_one_under_way)
        replay_one(&im, &cut->ops[cut->n_done], false);

    rng r = rng_fork(cut->seed, cut->n_done);
    for (uint32_t i = 0; i < im.n_nodes; i++)
        if (im.nodes[i].is_dir)
            cut_names(&im, &im.nodes[i], &r);
        else
            cut_data(&im, &im.nodes[i], &r);
    for (uint32_t i = 0; i < im.n_nodes; i++)
        if (al_buf_code(&im.nodes[i].bytes) || im.is_out_of_memory)
            return al_fail(err, AL_NOMEM, "power cut");
    return write_dir(&im, &im.nodes[0], dest, err);
}
