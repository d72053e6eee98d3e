#pragma once
/* cat_users.h: who may ask: users with a role, their API tokens and sessions. Part of the catalogue
 * (catalog.h), in its file; held in memory, so that finding out who asks touches no disk. It keeps
 * hashes only and knows nothing of how they are made: a password's is text, a secret's (of a token
 * or a session) CAT_SECRET_HASH_BYTES. Any thread. What changes anything is durable on return;
 * AL_IO and AL_NOMEM: nothing has changed.
 * Invariant: while there are users, one of them is an admin. */
#include <pthread.h>

#include "catalog/catalog.h"

typedef struct cat_users cat_users;

enum {
    CAT_USER_NAME_MAX = 64,
    CAT_TOKEN_NAME_MAX = 64,
    CAT_PASSWORD_HASH_MAX = 127,
    CAT_SECRET_HASH_BYTES = 32,
    CAT_USERS_MAX = 1000,
    CAT_TOKENS_PER_USER_MAX = 100,
    CAT_SESSIONS_PER_USER_MAX = 20,
};

typedef enum cat_role {             /* in the file as text: the values may change */
                        CAT_READER, /* searches */
                        CAT_WRITER, /* sends logs, and nothing else */
                        CAT_ADMIN,  /* everything */
                        CAT_ROLES,
} cat_role;
/* "reader"; never NULL for a role. */
const char *cat_role_name(cat_role role);
bool cat_role_of(al_slice name, cat_role *ret);

typedef struct cat_secret_hash {
    uint8_t bytes[CAT_SECRET_HASH_BYTES];
} cat_secret_hash;

typedef struct cat_token {
    char name[CAT_TOKEN_NAME_MAX + 1];
    int64_t made_ns;
} cat_token;

typedef struct cat_user {
    char name[CAT_USER_NAME_MAX + 1];
    cat_role role;
    char password[CAT_PASSWORD_HASH_MAX + 1]; /* hash; empty: no password opens it */
    int64_t made_ns;
    const cat_token *tokens; /* by name; lives as long as whoever gave it says */
    size_t n_tokens;
} cat_user;

/* Those of an open catalogue; valid until it is closed. */
cat_users *catalog_users(catalog *cat);

/* A name of a user or a token: 1 to `max` letters, digits, '_', '-', '.', '@', '+', which begins
 * with a letter or digit. */
bool cat_user_name_is_good(al_slice name, size_t max);
/* Both at once, without a lock that could be waited for long. */
bool cat_users_exist(cat_users *u);

/* AL_INVALID: the name, or the first user is no admin. AL_EXISTS; AL_LIMIT: CAT_USERS_MAX. */
AL_CHECK al_code cat_user_add(cat_users *u, const cat_user *user, al_err *err);
/* NULL: as it was. A new password ends the user's sessions. AL_NOT_FOUND, with a message;
 * AL_EXISTS: the last admin would be none any more. */
AL_CHECK al_code cat_user_change(cat_users *u, const char *name, const cat_role *role,
                                 const char *password, al_err *err);
/* With tokens and sessions. AL_NOT_FOUND, with a message; AL_EXISTS: it is the last admin, and
 * there are other users, or `keeps_admin`. */
AL_CHECK al_code cat_user_drop(cat_users *u, const char *name, bool keeps_admin, al_err *err);
/* A copy, with tokens, in the arena. AL_NOT_FOUND, with a message; AL_NOMEM. */
AL_CHECK al_code cat_user_get(cat_users *u, const char *name, al_arena *arena, cat_user *ret,
                              al_err *err);
/* All, by name, in the arena. AL_NOMEM. */
AL_CHECK al_code cat_users_list(cat_users *u, al_arena *arena, cat_user **ret, size_t *ret_n,
                                al_err *err);

/* token->name empty: the first free of token-1, token-2…, which is put there. AL_NOT_FOUND: the
 * user, with a message; AL_EXISTS: the name; AL_LIMIT: CAT_TOKENS_PER_USER_MAX; AL_INVALID. */
AL_CHECK al_code cat_token_add(cat_users *u, const char *user, cat_token *token,
                               const cat_secret_hash *hash, al_err *err);
AL_CHECK al_code cat_token_drop(cat_users *u, const char *user, const char *name, al_err *err);

/* Of a user with more than CAT_SESSIONS_PER_USER_MAX the oldest ends. `password`: the hash that was
 * verified; AL_NOT_FOUND, without a message: the user is gone or has another one by now. */
AL_CHECK al_code cat_session_add(cat_users *u, const char *user, const char *password,
                                 const cat_secret_hash *hash, int64_t now_ns, int64_t end_ns,
                                 al_err *err);
/* AL_OK also when there is none. */
AL_CHECK al_code cat_session_drop(cat_users *u, const cat_secret_hash *hash, al_err *err);

typedef struct cat_asker {
    char name[CAT_USER_NAME_MAX + 1];
    cat_role role;
} cat_asker;

/* Whose token or session (ended ones are none) this is. */
bool cat_whose_token(cat_users *u, const cat_secret_hash *hash, cat_asker *ret);
bool cat_whose_session(cat_users *u, const cat_secret_hash *hash, int64_t now_ns, cat_asker *ret);

/* ---- For catalog.c */

typedef struct cat_db cat_db;
/* Reads what the file has. `db_lock` guards the file, and *is_log_dirty, which writing sets. */
AL_CHECK al_code cat_users_open(cat_db *db, pthread_mutex_t *db_lock, bool *is_log_dirty,
                                cat_users **ret, al_err *err);
cat_users *cat_users_close(cat_users *u);
