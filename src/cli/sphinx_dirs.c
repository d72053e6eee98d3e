/* Days on a node's disk. The text is the only contract: each table of a day has a line
 * `path = DIR/INDEX/YYYYMMDD/rt`, whoever wrote the text, this program or a server elsewhere.
 *
 * searchd 2.2.11 ends at once when the directory of a table that it has open is gone, so a day is
 * looked at before it goes: searchd holds a lock (fcntl) on rt.lock as long as it has a table open,
 * also for a moment after it was told to forget it. A day that is held stays until the next run. */
#include "cli/sphinx_dirs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"

enum { PATH_BYTES_MAX = 4096, DAY_BYTES = 8, DIR_MODE = 0750 };

al_slice sphinx_line(al_slice text, const char *name, size_t *at)
{
    char want[64];
    (void)snprintf(want, sizeof want, "%s = ", name);
    while (*at < text.len) {
        size_t end = al_slice_find(text, '\n', *at);
        al_slice line = al_slice_trim(al_slice_sub(text, *at, end));
        *at = end + 1;
        if (al_slice_starts(line, al_cstr(want)))
            return al_slice_sub(line, strlen(want), line.len);
    }
    return (al_slice){0};
}

static bool is_day(al_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len == DAY_BYTES;
}

/* "/d/x/20261123/rt" -> "/d/x", "20261123"; false: it is no table of a day. */
static bool split(al_slice path, al_slice *ret_parent, al_slice *ret_day)
{
    al_slice tail = AL_LIT("/rt");
    if (!al_slice_ends(path, tail) || path.len >= PATH_BYTES_MAX || path.len < 13)
        return false;
    al_slice dir = al_slice_sub(path, 0, path.len - tail.len);
    *ret_day = al_slice_sub(dir, dir.len - DAY_BYTES, dir.len);
    *ret_parent = al_slice_sub(dir, 0, dir.len - DAY_BYTES - 1);
    return is_day(*ret_day) && dir.ptr[dir.len - DAY_BYTES - 1] == '/';
}

/* With all above it. */
static al_code make_dir(al_slice path, al_err *err)
{
    char name[PATH_BYTES_MAX];
    if (path.len == 0 || path.len >= sizeof name)
        return al_fail(err, AL_INVALID, "'%.*s' is no directory's name", AL_ARG(path));
    for (size_t end = al_slice_find(path, '/', 1);; end = al_slice_find(path, '/', end + 1)) {
        size_t n = end < path.len ? end : path.len;
        memcpy(name, path.ptr, n);
        name[n] = '\0';
        if (mkdir(name, DIR_MODE) && errno != EEXIST)
            return al_fail_errno(err, "make directory '%s'", name);
        if (n == path.len)
            return AL_OK;
    }
}

/* ---- Removing */

static bool is_listed(al_slice text, al_slice parent, const char *day)
{
    al_slice at_parent = {0};
    al_slice at_day = {0};
    size_t at = 0;
    for (al_slice p = sphinx_line(text, "path", &at); p.len; p = sphinx_line(text, "path", &at))
        if (split(p, &at_parent, &at_day) && al_slice_eq(at_parent, parent) &&
            al_slice_eq(at_day, al_cstr(day)))
            return true;
    return false;
}

/* Also when it cannot be known. */
static bool is_held(int dir)
{
    AL_CLEANUP(al_closep) int fd = openat(dir, "rt.lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fd < 0)
        return errno != ENOENT;
    return fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

static void remove_day(int parent, const char *day, al_slice parent_name)
{
    int fd = openat(parent, day, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (is_held(fd)) {
        (void)close(fd);
        return;
    }
    DIR *d = fdopendir(fd);
    const struct dirent *e = NULL;
    if (!d) {
        (void)close(fd);
        return;
    }
    while ((e = readdir(d))) /* NOLINT(concurrency-mt-unsafe): a stream of our own */
        if (strncmp(e->d_name, "rt.", 3) == 0)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    (void)closedir(d);
    al_err err;
    if (unlinkat(parent, day, AT_REMOVEDIR) == 0)
        return;
    (void)al_fail_errno(&err, "'%.*s/%s' is expired and stays", AL_ARG(parent_name), day);
    cli_say("%s", err.msg);
}

static al_code clean(al_slice text, al_slice parent, al_err *err)
{
    char name[PATH_BYTES_MAX];
    char newest[DAY_BYTES + 1] = "";
    const struct dirent *e = NULL;
    memcpy(name, parent.ptr, parent.len);
    name[parent.len] = '\0';
    DIR *d = opendir(name);
    if (!d)
        return al_fail_errno(err, "open directory '%s'", name);
    while ((e = readdir(d))) /* NOLINT(concurrency-mt-unsafe): a stream of our own */
        if (is_day(al_cstr(e->d_name)) && strcmp(e->d_name, newest) > 0)
            (void)snprintf(newest, sizeof newest, "%.8s", e->d_name);
    rewinddir(d);
    while ((e = readdir(d))) /* NOLINT(concurrency-mt-unsafe): a stream of our own */
        if (is_day(al_cstr(e->d_name)) && strcmp(e->d_name, newest) != 0 &&
            !is_listed(text, parent, e->d_name))
            remove_day(dirfd(d), e->d_name, parent);
    (void)closedir(d);
    return AL_OK;
}

al_code sphinx_dirs_follow(al_slice text, al_err *err)
{
    al_slice parent = {0};
    al_slice last = {0};
    al_slice day = {0};
    size_t at = 0;
    al_code c = AL_OK;
    al_slice files = sphinx_line(text, "# files", &at);
    if (files.len)
        c = make_dir(files, err);
    at = 0;
    for (al_slice p = sphinx_line(text, "path", &at); !c && p.len;
         p = sphinx_line(text, "path", &at))
        if (split(p, &parent, &day))
            c = make_dir(al_slice_sub(p, 0, p.len - 3), err);
    at = 0;
    for (al_slice p = sphinx_line(text, "path", &at); !c && p.len;
         p = sphinx_line(text, "path", &at))
        if (split(p, &parent, &day) && !al_slice_eq(parent, last)) {
            c = clean(text, parent, err);
            last = parent;
        }
    return c;
}
