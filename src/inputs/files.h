#pragma once
/* files.h: follows log files into indexes: globs, rotation, records of many lines. One thread for
 * all files. How far each file was read is durable with the lines before it, so that a restart or
 * kill -9 neither loses nor doubles a line.
 *
 * A record is the text as it stands in the file, with the fields file, host, of syslog-shaped lines
 * app and pid, and levelname where a level stands behind the time (line_head.h). Its time is the
 * one at its beginning, else that of the line before it,
 * else the time at which the file was last written.
 *
 * Life: files_new (before the engine is opened) -> engine opened, ingest_attach -> files_start ->
 * files_stop -> ingest_stop, engine_close -> files_free -> ingest_free. Without files_start it only
 * keeps what earlier runs remembered. */
#include "ingest/ingest.h"
#include "inputs/file_set.h"

typedef struct files_input files_input;

typedef struct files_spec {
    char index[CAT_INDEX_NAME_MAX + 1];
    const char *glob; /* as glob(7), absolute or relative to the working directory */
} files_spec;

/* One line for people, without its end: a file that may not be read, an outage. */
typedef void files_say_fn(void *ctx, const char *line);

AL_CHECK al_code files_new(ingest *in, files_input **ret, al_err *err);
files_input *files_free(files_input *f);
/* "INDEX=GLOB"; `glob` points into the text. AL_INVALID. */
AL_CHECK al_code files_spec_parse(const char *text, files_spec *ret, al_err *err);
/* Makes indexes that are not there and begins. Specs are copied. `say` is called from the thread of
 * the input. */
AL_CHECK al_code files_start(files_input *f, const files_spec *specs, size_t n, files_say_fn *say,
                             void *say_ctx, al_err *err);
/* Returns when the batch under way is stored or given up. */
void files_stop(files_input *f);

AL_DEFINE_CLEANUP(files_input, files_free);
