/* A data directory, copied: store and catalogue of one moment. The catalogue comes behind the
 * store: the names of fields that its log would have told are in it by then, and an index that was
 * made meanwhile is an empty one. */
#include "cli/backup_copy.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "catalog/catalog.h"
#include "cli/cli.h"

enum { BAR = 40, PROGRESS_MS = 200 };

typedef struct copying {
    const char *command;
    const char *from;
    const char *to;
    uint64_t n_damaged; /* of the catalogue */
    bool has_bar;
    bool is_shown;
    int64_t shown_ns;
    char catalog_said[240];
} copying;

static volatile sig_atomic_t is_interrupted;

static void on_signal(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

static void show(copying *k, uint64_t done, uint64_t total)
{
    int percent = total ? (int)((double)(done < total ? done : total) * 100 / (double)total) : 0;
    char bar[BAR + 1] = "";
    for (int i = 0; i < BAR; i++)
        bar[i] = i * 100 < percent * BAR ? '#' : '.';
    (void)fprintf(stderr, "\r%s %3d%% %.1f of %.1f MB ", bar, percent, (double)done / 1e6,
                  (double)total / 1e6);
    k->is_shown = true;
}

static bool progress(void *ctx, uint64_t done, uint64_t total)
{
    copying *k = ctx;
    int64_t now_ns = al_mono_ns();
    if (k->has_bar && now_ns - k->shown_ns >= PROGRESS_MS * AL_NS_PER_MS) {
        k->shown_ns = now_ns;
        show(k, done, total);
    }
    return !is_interrupted;
}

static void end_line(copying *k)
{
    if (k->is_shown)
        (void)fputc('\n', stderr);
    k->is_shown = false;
}

static void say_damage(void *ctx, const store_finding *f)
{
    copying *k = ctx;
    end_line(k);
    cli_say("%s: %s/%s: %s", k->command, k->from, f->file, f->text);
}

/* None at all: the next start makes one, as that of `from` would have. */
static al_code copy_catalog(void *ctx, al_err *err)
{
    copying *k = ctx;
    al_code c = catalog_copy(k->from, k->to, err);
    k->n_damaged = c == AL_CORRUPT;
    if (c == AL_CORRUPT)
        (void)snprintf(k->catalog_said, sizeof k->catalog_said, "%s", err->msg);
    return c == AL_CORRUPT || c == AL_NOT_FOUND ? AL_OK : c;
}

/* Where names cannot be given, many files are held open. */
static void allow_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r); /* else as it was */
    }
}

al_code backup_copy_all(const char *command, const char *from, const new_dir *to,
                        store_backup_sum *ret, al_err *err)
{
    copying k = {.command = command,
                 .from = from,
                 .to = to->partial,
                 .has_bar = isatty(STDERR_FILENO),
                 .shown_ns = al_mono_ns()};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGINT, &action, NULL); /* the second one ends us at once */
    (void)sigaction(SIGTERM, &action, NULL);
    allow_files();
    store_backup_options o = {.from = from,
                              .to = to->partial,
                              .beside = copy_catalog,
                              .progress = progress,
                              .found = say_damage,
                              .ctx = &k};
    al_code c = store_backup(&o, ret, err);
    end_line(&k);
    if (c)
        return al_wrap(err, "%.100s", from);
    if (k.n_damaged)
        cli_say("%s: %s/%s", command, from, k.catalog_said);
    ret->n_damaged += k.n_damaged;
    return AL_OK;
}
