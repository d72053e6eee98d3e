#pragma once
/* api.h: the handlers of the routes, and what they share. Workers, where nothing else is said. */
#include "query/engine.h"
#include "server/req.h"

/* ---- api_scope.c: what every reading call begins with. */

enum { API_TEXT_FIELDS_MAX = 64 };

typedef struct api_scope {
    al_arena *arena;                          /* the request's */
    const char *names[ENG_SCOPE_INDEXES_MAX]; /* sorted, each once */
    size_t n;
    bool is_many;                              /* hits carry `index` */
    al_slice text_fields[API_TEXT_FIELDS_MAX]; /* of all its indexes, each once: for highlights */
    size_t n_text_fields;
    query *q;
    eng_scope eng;
    eng_budget budget;
    eng_partial partial; /* of all steps so far */
    uint64_t rows_looked_at;
} api_scope;

/* Reads {index}, q, from and to. Answers with a problem and returns NULL on a bad value. The scope
 * lives in the request's arena; api_scope_done gives back the query. */
api_scope *api_scope_read(req *r);
/* Reads {index} alone: only the names, and what follows from them, are set. */
api_scope *api_scope_names(req *r);
void api_scope_done(api_scope *s);
/* Adds what one step of the engine left out. */
void api_scope_note(api_scope *s, const eng_answer *answer);
/* "partial":true,"partial_why":[…] */
void api_put_partial(al_buf *out, const eng_partial *p);
/* ,"took_ms":1.2,"read_as":"…","partial":false,"partial_why":[…] and counts the query. */
void api_put_report(req *r, api_scope *s);
/* Counts a finished query. */
void api_count_query(req *r, bool is_partial);
/* The number of the index with this name, or -1. */
int64_t api_scope_number(const api_scope *s, const char *name);
/* A checksum of the names, for cursors: their places are those of an index among others. */
uint32_t api_scope_sum(const api_scope *s);

/* ---- hit_out.c: one row as JSON, CSV or text. */

typedef struct hit_style {
    bool is_many;    /* write the index */
    bool has_fields; /* only these */
    const al_slice *fields;
    size_t n_fields;
    matcher *m; /* for highlights; NULL: none */
    al_arena *scratch;
} hit_style;

void hit_put_json(al_buf *out, const hit_style *s, const eng_row *row);
void hit_put_csv_head(al_buf *out, const hit_style *s);
void hit_put_csv(al_buf *out, const hit_style *s, const eng_row *row);
void hit_put_text(al_buf *out, const hit_style *s, const eng_row *row);
/* Reads the parameter `fields`. Answers and returns false on a bad value. */
bool hit_read_fields(req *r, hit_style *ret);

/* ---- api_index.c
 * The index of this name, as a C string, and its settings, both in the request's arena. Answers 404
 * (503 without memory) and returns NULL when it cannot be had. Any thread. */
const char *api_index_named(req *r, al_slice name, cat_index *ret);
/* The one that the path names. */
const char *api_index_name(req *r, cat_index *ret);

/* ---- Handlers. */
void api_search(req *r);
void api_count(req *r);
void api_histogram(req *r);
void api_values(req *r);
void api_context(req *r);
void api_tail(req *r);
void api_login(req *r);
void api_logout(req *r);
void api_me(req *r);
void api_users(req *r);
void api_user_add(req *r);
void api_user_get(req *r);
void api_user_change(req *r);
void api_user_drop(req *r);
void api_token_add(req *r);
void api_token_drop(req *r);
void api_indexes(req *r);
void api_index_create(req *r);
void api_index_get(req *r);
void api_index_change(req *r);
void api_index_drop(req *r);
void api_index_compact(req *r);
void api_fields(req *r);
void api_field_get(req *r);
void api_field_set(req *r);
void api_health(req *r);
void api_ready(req *r);
void api_metrics(req *r);
void api_openapi(req *r);
void api_shortcuts(req *r);
void api_shortcut_create(req *r);
void api_shortcut_get(req *r);
void api_shortcut_change(req *r);
void api_shortcut_drop(req *r);
/* old ALCO's addresses: old_grep.c, old_pages.c, old_collector.c */
void old_grep(req *r);
void old_log_page(req *r);
void old_add_slash(req *r);
void old_shortcut(req *r);
void old_sphinx_conf(req *r);
void old_indices(req *r);

/* ---- tail.c */
AL_CHECK al_code tails_new(server *s, tails **ret, al_err *err);
/* Ends its thread; after the last request. ingest may still tell it of commits. */
void tails_stop(tails *t);
/* After the engine was closed. */
tails *tails_free(tails *t);
size_t tails_count(tails *t);

/* ---- upload.c: POST logs. */
typedef struct upload upload;
/* HTTP thread, after the head. Answers with a problem and returns false when the body shall not be
 * taken. */
bool upload_begin(req *r, al_slice encoding);
/* HTTP thread. Takes up to n bytes and returns how many; fewer: r->lock is held by the caller, who
 * suspends the connection, and upload resumes it. */
size_t upload_take_locked(req *r, const char *bytes, size_t n);
/* HTTP thread, once: the body is complete. The answer comes later. r->lock is held. */
void upload_end_locked(req *r);
/* HTTP thread: the body will never be complete. r->lock is held. */
void upload_abort_locked(req *r);
upload *upload_free(upload *u);
/* Wakes the uploads that wait for room. */
void uploads_room(void *srv);
/* Wakes those that wait for memory, when there is some. Any thread, under no lock. */
void uploads_tell_room(server *s);
