/* Users, tokens and sessions in memory, and their three tables.
 * Shape: members (one a user) sorted by name; each has a list of its keys (tokens and sessions),
 * and all keys stand in one array sorted by hash, where whoever asks is found. Hashes are of random
 * secrets, so the time that a search takes tells nothing worth knowing.
 * Writing: db_lock is held throughout; what can fail (checks, memory, the file) comes first, then
 * memory is changed under `lock`, where nothing fails any more. Readers take `lock` alone.
 * Invariants: (1) while there are members, one is an admin; (2) a key in memory is in the file, and
 * belongs to a member. A key of the file whose user is gone is passed over. */
#include "catalog/cat_users.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/thread.h"
#include "catalog/cat_sql.h"

enum { KEYS_MAX = CAT_USERS_MAX * (CAT_TOKENS_PER_USER_MAX + CAT_SESSIONS_PER_USER_MAX) };

typedef struct member member;

typedef struct key { /* a token or a session */
    cat_secret_hash hash;
    member *who;
    struct key *next; /* of the same member */
    bool is_session;
    int64_t made_ns;
    int64_t end_ns;                    /* of a session */
    char name[CAT_TOKEN_NAME_MAX + 1]; /* of a token */
} key;

struct member {
    cat_user user; /* without tokens: they are keys */
    key *keys;     /* newest first */
    size_t n_tokens;
    size_t n_sessions;
};

struct cat_users {
    cat_db *db; /* guarded by db_lock, as *is_log_dirty */
    pthread_mutex_t *db_lock;
    bool *is_log_dirty;
    atomic_bool has_members;
    pthread_rwlock_t lock;
    /* guarded by lock; written with db_lock held, too */
    member **members; /* by name */
    size_t n;
    size_t cap;
    key **keys; /* by hash */
    size_t n_keys;
    size_t cap_keys;
};

static const char *const role_names[CAT_ROLES] = {"reader", "writer", "admin"};

const char *cat_role_name(cat_role role)
{
    assert(role < CAT_ROLES);
    return role_names[role];
}

bool cat_role_of(al_slice name, cat_role *ret)
{
    for (int i = 0; i < CAT_ROLES; i++) {
        if (al_slice_eq(name, al_cstr(role_names[i]))) {
            *ret = (cat_role)i;
            return true;
        }
    }
    return false;
}

static bool is_letter_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool cat_user_name_is_good(al_slice name, size_t max)
{
    if (name.len == 0 || name.len > max || !is_letter_or_digit(name.ptr[0]))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_letter_or_digit(name.ptr[i]) && (!name.ptr[i] || !strchr("_-.@+", name.ptr[i])))
            return false;
    return true;
}

static cat_value hash_value(const cat_secret_hash *h)
{
    return cat_blob((al_slice){h->bytes, sizeof h->bytes});
}

/* ---- Finding */

static size_t place_locked(const cat_users *u, const char *name, bool *ret_found)
{
    size_t low = 0;
    size_t high = u->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (strcmp(u->members[mid]->user.name, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *ret_found = low < u->n && strcmp(u->members[low]->user.name, name) == 0;
    return low;
}

static member *find_locked(const cat_users *u, const char *name)
{
    bool is_found = false;
    size_t i = place_locked(u, name, &is_found);
    return is_found ? u->members[i] : NULL;
}

static al_code no_user(const char *name, al_err *err)
{
    return al_fail(err, AL_NOT_FOUND, "no user '%.64s'", name);
}

static size_t key_place_locked(const cat_users *u, const cat_secret_hash *hash, bool *ret_found)
{
    size_t low = 0;
    size_t high = u->n_keys;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (memcmp(&u->keys[mid]->hash, hash, sizeof *hash) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *ret_found = low < u->n_keys && memcmp(&u->keys[low]->hash, hash, sizeof *hash) == 0;
    return low;
}

static const key *find_key_locked(const cat_users *u, const cat_secret_hash *hash, bool is_session)
{
    bool is_found = false;
    size_t i = key_place_locked(u, hash, &is_found);
    return is_found && u->keys[i]->is_session == is_session ? u->keys[i] : NULL;
}

static const key *find_token_locked(const member *m, const char *name)
{
    for (const key *k = m->keys; k; k = k->next)
        if (!k->is_session && strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

static bool is_last_admin_locked(const cat_users *u, const member *m)
{
    if (m->user.role != CAT_ADMIN)
        return false;
    for (size_t i = 0; i < u->n; i++)
        if (u->members[i] != m && u->members[i]->user.role == CAT_ADMIN)
            return false;
    return true;
}

/* ---- Changing memory */

static al_code reserve_member(cat_users *u, al_err *err)
{
    if (u->n == CAT_USERS_MAX)
        return al_fail(err, AL_LIMIT, "there are %d users already", CAT_USERS_MAX);
    AL_WRITING(&u->lock);
    member **grown = al_grow(u->members, &u->cap, u->n, sizeof(void *), 8, CAT_USERS_MAX);
    if (!grown)
        return al_fail(err, AL_NOMEM, "one more user");
    u->members = grown;
    return AL_OK;
}

static al_code reserve_key(cat_users *u, al_err *err)
{
    AL_WRITING(&u->lock);
    key **grown = al_grow(u->keys, &u->cap_keys, u->n_keys, sizeof(void *), 16, KEYS_MAX);
    if (!grown)
        return al_fail(err, AL_NOMEM, "one more token or session");
    u->keys = grown;
    return AL_OK;
}

/* Takes m; room is reserved. */
static void insert_member_locked(cat_users *u, member *m)
{
    bool is_found = false;
    size_t i = place_locked(u, m->user.name, &is_found);
    assert(!is_found);
    assert(u->n < u->cap);
    memmove(u->members + i + 1, u->members + i, (u->n - i) * sizeof(void *));
    u->members[i] = m;
    u->n++;
    atomic_store(&u->has_members, true);
}

static void insert_key_locked(cat_users *u, key *k, member *who)
{
    bool is_found = false;
    size_t i = key_place_locked(u, &k->hash, &is_found);
    assert(!is_found); /* 32 random bytes, and a primary key of the file */
    assert(u->n_keys < u->cap_keys);
    memmove(u->keys + i + 1, u->keys + i, (u->n_keys - i) * sizeof(void *));
    u->keys[i] = k;
    u->n_keys++;
    k->who = who;
    k->next = who->keys;
    who->keys = k;
    who->n_tokens += !k->is_session;
    who->n_sessions += k->is_session;
}

static void remove_key_locked(cat_users *u, const key *k)
{
    bool is_found = false;
    size_t i = key_place_locked(u, &k->hash, &is_found);
    member *who = k->who;
    key **at = &who->keys;
    assert(is_found);
    u->n_keys--;
    key *gone = u->keys[i];
    memmove(u->keys + i, u->keys + i + 1, (u->n_keys - i) * sizeof(void *));
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    who->n_tokens -= !gone->is_session;
    who->n_sessions -= gone->is_session;
    free(gone);
}

static void end_sessions_locked(cat_users *u, member *m)
{
    for (key *k = m->keys, *next = NULL; k; k = next) {
        next = k->next;
        if (k->is_session)
            remove_key_locked(u, k);
    }
}

static void remove_member_locked(cat_users *u, member *m)
{
    bool is_found = false;
    size_t i = place_locked(u, m->user.name, &is_found);
    assert(is_found);
    while (m->keys)
        remove_key_locked(u, m->keys);
    u->n--;
    memmove(u->members + i, u->members + i + 1, (u->n - i) * sizeof(void *));
    atomic_store(&u->has_members, u->n > 0);
    free(m);
}

/* ---- Open and close */

/* A NUL in it, or too long for `to`: a file that we did not write. */
static bool copy_text(char *to, size_t room, al_slice from)
{
    if (from.len >= room || (from.len && memchr(from.ptr, '\0', from.len)))
        return false;
    if (from.len)
        memcpy(to, from.ptr, from.len);
    to[from.len] = '\0';
    return true;
}

static al_code read_member(void *ctx, sqlite3_stmt *row, al_err *err)
{
    cat_users *u = ctx;
    al_code c = reserve_member(u, err);
    if (c)
        return c;
    AL_CLEANUP(al_freep) member *m = al_zalloc(1, sizeof *m);
    if (!m)
        return al_fail(err, AL_NOMEM, "read users");
    if (!copy_text(m->user.name, sizeof m->user.name, cat_sql_bytes(row, 0)) ||
        !cat_role_of(cat_sql_bytes(row, 1), &m->user.role) ||
        !copy_text(m->user.password, sizeof m->user.password, cat_sql_bytes(row, 2)))
        return al_fail(err, AL_CORRUPT, "catalog.db: impossible user");
    m->user.made_ns = sqlite3_column_int64(row, 3);
    AL_WRITING(&u->lock);
    insert_member_locked(u, AL_TAKE(m)); /* names are unique in the file */
    return AL_OK;
}

/* hash, user, name, made_ns, end_ns; a session has no name. */
static al_code read_key(cat_users *u, sqlite3_stmt *row, bool is_session, al_err *err)
{
    char user[CAT_USER_NAME_MAX + 1];
    al_slice hash = cat_sql_bytes(row, 0);
    al_code c = reserve_key(u, err);
    if (c)
        return c;
    AL_CLEANUP(al_freep) key *k = al_zalloc(1, sizeof *k);
    if (!k)
        return al_fail(err, AL_NOMEM, "read tokens");
    if (hash.len != sizeof k->hash || !copy_text(user, sizeof user, cat_sql_bytes(row, 1)) ||
        !copy_text(k->name, sizeof k->name, cat_sql_bytes(row, 2)))
        return al_fail(err, AL_CORRUPT, "catalog.db: impossible token or session");
    memcpy(&k->hash, hash.ptr, hash.len);
    k->is_session = is_session;
    k->made_ns = sqlite3_column_int64(row, 3);
    k->end_ns = sqlite3_column_int64(row, 4);
    AL_WRITING(&u->lock);
    member *who = find_locked(u, user);
    bool is_there = false;
    (void)key_place_locked(u, &k->hash, &is_there);
    if (who && !is_there)
        insert_key_locked(u, AL_TAKE(k), who);
    return AL_OK;
}

static al_code read_token(void *ctx, sqlite3_stmt *row, al_err *err)
{
    return read_key(ctx, row, false, err);
}

static al_code read_session(void *ctx, sqlite3_stmt *row, al_err *err)
{
    return read_key(ctx, row, true, err);
}

al_code cat_users_open(cat_db *db, pthread_mutex_t *db_lock, bool *is_log_dirty, cat_users **ret,
                       al_err *err)
{
    cat_users *u = al_zalloc(1, sizeof *u);
    if (!u)
        return al_fail(err, AL_NOMEM, "open catalogue");
    u->db = db;
    u->db_lock = db_lock;
    u->is_log_dirty = is_log_dirty;
    (void)pthread_rwlock_init(&u->lock, NULL);
    al_code c = cat_sql_each(db, "SELECT name, role, password, made_ns FROM users ORDER BY name",
                             NULL, 0, read_member, u, err);
    if (!c) /* in the order in which they were made: the newest becomes the first of its list */
        c = cat_sql_each(db, "SELECT hash, user, name, made_ns, 0 FROM tokens ORDER BY made_ns",
                         NULL, 0, read_token, u, err);
    if (!c)
        c = cat_sql_each(db,
                         "SELECT hash, user, '', made_ns, end_ns FROM sessions ORDER BY made_ns",
                         NULL, 0, read_session, u, err);
    if (c) {
        (void)cat_users_close(u);
        return c;
    }
    *ret = u;
    return AL_OK;
}

cat_users *cat_users_close(cat_users *u)
{
    if (!u)
        return NULL;
    for (size_t i = 0; i < u->n_keys; i++)
        free(u->keys[i]);
    for (size_t i = 0; i < u->n; i++)
        free(u->members[i]);
    free(u->keys);
    free(u->members);
    (void)pthread_rwlock_destroy(&u->lock);
    free(u);
    return NULL;
}

bool cat_users_exist(cat_users *u)
{
    return atomic_load(&u->has_members);
}

/* ---- Users */

static al_code check_new(const cat_users *u, const cat_user *user, al_err *err)
{
    if (!cat_user_name_is_good(al_cstr(user->name), CAT_USER_NAME_MAX))
        return al_fail(err, AL_INVALID,
                       "name '%.64s': expected 1 to %d letters, digits or _ - . @ +, a letter or "
                       "digit first",
                       user->name, CAT_USER_NAME_MAX);
    if (find_locked(u, user->name))
        return al_fail(err, AL_EXISTS, "user '%s' exists", user->name);
    if (u->n == 0 && user->role != CAT_ADMIN)
        return al_fail(err, AL_INVALID,
                       "role '%s': expected admin for the first user; from then on everybody has "
                       "to log in",
                       cat_role_name(user->role));
    return AL_OK;
}

al_code cat_user_add(cat_users *u, const cat_user *user, al_err *err)
{
    assert(user->role < CAT_ROLES);
    AL_CLEANUP(al_freep) member *m = al_zalloc(1, sizeof *m);
    if (!m)
        return al_fail(err, AL_NOMEM, "one more user");
    m->user = *user;
    m->user.tokens = NULL;
    m->user.n_tokens = 0;
    AL_LOCKED(u->db_lock);
    al_code c = check_new(u, user, err); /* only we write: db_lock is enough to read */
    if (!c)
        c = reserve_member(u, err);
    cat_value row[] = {cat_text(user->name), cat_text(cat_role_name(user->role)),
                       cat_text(user->password), cat_number(user->made_ns)};
    if (!c)
        c = cat_sql_do(u->db, "INSERT INTO users VALUES(?,?,?,?)", row, AL_COUNT(row), err);
    if (c)
        return c;
    *u->is_log_dirty = true;
    AL_WRITING(&u->lock);
    insert_member_locked(u, AL_TAKE(m));
    return AL_OK;
}

static al_code write_change(cat_users *u, const member *m, const cat_role *role,
                            const char *password, al_err *err)
{
    cat_value row[] = {cat_text(cat_role_name(role ? *role : m->user.role)),
                       cat_text(password ? password : m->user.password), cat_text(m->user.name)};
    al_code c = cat_db_begin(u->db, err);
    if (c)
        return c;
    c = cat_sql_do(u->db, "UPDATE users SET role=?, password=? WHERE name=?", row, 3, err);
    if (!c && password)
        c = cat_sql_do(u->db, "DELETE FROM sessions WHERE user=?", &row[2], 1, err);
    return cat_db_end(u->db, c, err);
}

al_code cat_user_change(cat_users *u, const char *name, const cat_role *role, const char *password,
                        al_err *err)
{
    assert(!password || strlen(password) <= CAT_PASSWORD_HASH_MAX);
    AL_LOCKED(u->db_lock);
    member *m = find_locked(u, name);
    if (!m)
        return no_user(name, err);
    if (role && *role != CAT_ADMIN && is_last_admin_locked(u, m))
        return al_fail(err, AL_EXISTS, "user '%s' is the last admin: make another one first",
                       m->user.name);
    al_code c = write_change(u, m, role, password, err);
    if (c)
        return c;
    *u->is_log_dirty = true;
    AL_WRITING(&u->lock);
    if (role)
        m->user.role = *role;
    if (password) {
        (void)snprintf(m->user.password, sizeof m->user.password, "%s", password);
        end_sessions_locked(u, m);
    }
    return AL_OK;
}

static al_code delete_user(cat_users *u, const char *name, al_err *err)
{
    static const char *const statements[] = {"DELETE FROM users WHERE name=?",
                                             "DELETE FROM tokens WHERE user=?",
                                             "DELETE FROM sessions WHERE user=?"};
    cat_value value = cat_text(name);
    al_code c = cat_db_begin(u->db, err);
    if (c)
        return c;
    for (size_t i = 0; !c && i < AL_COUNT(statements); i++)
        c = cat_sql_do(u->db, statements[i], &value, 1, err);
    return cat_db_end(u->db, c, err);
}

al_code cat_user_drop(cat_users *u, const char *name, bool keeps_admin, al_err *err)
{
    AL_LOCKED(u->db_lock);
    member *m = find_locked(u, name);
    if (!m)
        return no_user(name, err);
    if (is_last_admin_locked(u, m) && (keeps_admin || u->n > 1))
        return al_fail(err, AL_EXISTS, "user '%s' is the last admin: %s first", m->user.name,
                       keeps_admin ? "make another one" : "make another one, or drop the others");
    al_code c = delete_user(u, m->user.name, err);
    if (c)
        return c;
    *u->is_log_dirty = true;
    AL_WRITING(&u->lock);
    remove_member_locked(u, m);
    return AL_OK;
}

/* ---- Reading */

static int by_token_name(const void *a, const void *b)
{
    return strcmp(((const cat_token *)a)->name, ((const cat_token *)b)->name);
}

static al_code copy_locked(const member *m, al_arena *arena, cat_user *ret, al_err *err)
{
    cat_token *tokens = al_arena_alloc(arena, m->n_tokens + 1, sizeof *tokens);
    size_t n = 0;
    if (!tokens)
        return al_fail(err, AL_NOMEM, "list users");
    for (const key *k = m->keys; k; k = k->next) {
        if (k->is_session)
            continue;
        tokens[n].made_ns = k->made_ns;
        memcpy(tokens[n++].name, k->name, sizeof k->name);
    }
    assert(n == m->n_tokens);
    qsort(tokens, n, sizeof *tokens, by_token_name);
    *ret = m->user;
    ret->tokens = tokens;
    ret->n_tokens = n;
    return AL_OK;
}

al_code cat_user_get(cat_users *u, const char *name, al_arena *arena, cat_user *ret, al_err *err)
{
    AL_READING(&u->lock);
    const member *m = find_locked(u, name);
    return m ? copy_locked(m, arena, ret, err) : no_user(name, err);
}

al_code cat_users_list(cat_users *u, al_arena *arena, cat_user **ret, size_t *ret_n, al_err *err)
{
    AL_READING(&u->lock);
    cat_user *all = al_arena_alloc(arena, u->n + 1, sizeof *all);
    if (!all)
        return al_fail(err, AL_NOMEM, "list users");
    al_code c = AL_OK;
    for (size_t i = 0; !c && i < u->n; i++)
        c = copy_locked(u->members[i], arena, &all[i], err);
    if (c)
        return c;
    *ret = all;
    *ret_n = u->n;
    return AL_OK;
}

/* ---- Tokens */

static al_code check_token(const member *m, cat_token *token, al_err *err)
{
    if (m->n_tokens == CAT_TOKENS_PER_USER_MAX)
        return al_fail(err, AL_LIMIT, "user '%s' has %d tokens already", m->user.name,
                       CAT_TOKENS_PER_USER_MAX);
    for (int i = 1; !token->name[0]; i++) { /* ends: the user has fewer than 100 */
        char name[sizeof token->name];
        (void)snprintf(name, sizeof name, "token-%d", i);
        if (!find_token_locked(m, name))
            memcpy(token->name, name, sizeof name);
    }
    if (!cat_user_name_is_good(al_cstr(token->name), CAT_TOKEN_NAME_MAX))
        return al_fail(err, AL_INVALID,
                       "name '%.64s': expected 1 to %d letters, digits or _ - . @ +, a letter or "
                       "digit first",
                       token->name, CAT_TOKEN_NAME_MAX);
    if (find_token_locked(m, token->name))
        return al_fail(err, AL_EXISTS, "user '%s' has a token '%s'", m->user.name, token->name);
    return AL_OK;
}

al_code cat_token_add(cat_users *u, const char *user, cat_token *token, const cat_secret_hash *hash,
                      al_err *err)
{
    AL_CLEANUP(al_freep) key *k = al_zalloc(1, sizeof *k);
    if (!k)
        return al_fail(err, AL_NOMEM, "one more token");
    AL_LOCKED(u->db_lock);
    member *m = find_locked(u, user);
    if (!m)
        return no_user(user, err);
    al_code c = check_token(m, token, err);
    if (!c)
        c = reserve_key(u, err);
    cat_value row[] = {hash_value(hash), cat_text(user), cat_text(token->name),
                       cat_number(token->made_ns)};
    if (!c)
        c = cat_sql_do(u->db, "INSERT INTO tokens VALUES(?,?,?,?)", row, AL_COUNT(row), err);
    if (c)
        return c;
    *u->is_log_dirty = true;
    k->hash = *hash;
    k->made_ns = token->made_ns;
    memcpy(k->name, token->name, sizeof k->name);
    AL_WRITING(&u->lock);
    insert_key_locked(u, AL_TAKE(k), m);
    return AL_OK;
}

al_code cat_token_drop(cat_users *u, const char *user, const char *name, al_err *err)
{
    AL_LOCKED(u->db_lock);
    const member *m = find_locked(u, user);
    if (!m)
        return no_user(user, err);
    const key *k = find_token_locked(m, name);
    if (!k)
        return al_fail(err, AL_NOT_FOUND, "user '%s' has no token '%.64s'", m->user.name, name);
    cat_value value = hash_value(&k->hash);
    al_code c = cat_sql_do(u->db, "DELETE FROM tokens WHERE hash=?", &value, 1, err);
    if (c)
        return c;
    *u->is_log_dirty = true;
    AL_WRITING(&u->lock);
    remove_key_locked(u, k);
    return AL_OK;
}

/* ---- Sessions */

/* The one to give up for a new one; NULL: there is room. */
static const key *oldest_session(const member *m)
{
    const key *oldest = NULL;
    for (const key *k = m->keys; k; k = k->next)
        if (k->is_session)
            oldest = k; /* the newest comes first */
    return m->n_sessions < CAT_SESSIONS_PER_USER_MAX ? NULL : oldest;
}

static al_code write_session(cat_users *u, const cat_value row[4], const key *gone, int64_t now_ns,
                             al_err *err)
{
    cat_value now = cat_number(now_ns);
    al_code c = cat_db_begin(u->db, err);
    if (c)
        return c;
    c = cat_sql_do(u->db, "DELETE FROM sessions WHERE end_ns<=?", &now, 1, err);
    if (!c && gone) {
        cat_value old = hash_value(&gone->hash);
        c = cat_sql_do(u->db, "DELETE FROM sessions WHERE hash=?", &old, 1, err);
    }
    if (!c)
        c = cat_sql_do(u->db, "INSERT INTO sessions VALUES(?,?,?,?)", row, 4, err);
    return cat_db_end(u->db, c, err);
}

static void forget_ended_locked(cat_users *u, int64_t now_ns)
{
    for (size_t i = u->n_keys; i-- > 0;)
        if (u->keys[i]->is_session && u->keys[i]->end_ns <= now_ns)
            remove_key_locked(u, u->keys[i]);
}

al_code cat_session_add(cat_users *u, const char *user, const char *password,
                        const cat_secret_hash *hash, int64_t now_ns, int64_t end_ns, al_err *err)
{
    assert(end_ns > now_ns);
    AL_CLEANUP(al_freep) key *k = al_zalloc(1, sizeof *k);
    if (!k)
        return al_fail(err, AL_NOMEM, "one more session");
    AL_LOCKED(u->db_lock);
    member *m = find_locked(u, user);
    if (!m || strcmp(m->user.password, password) != 0)
        return AL_NOT_FOUND;
    const key *oldest = oldest_session(m);
    al_code c = reserve_key(u, err);
    cat_value row[] = {hash_value(hash), cat_text(user), cat_number(now_ns), cat_number(end_ns)};
    if (!c)
        c = write_session(u, row, oldest, now_ns, err);
    if (c)
        return c;
    *u->is_log_dirty = true;
    *k = (key){.hash = *hash, .is_session = true, .made_ns = now_ns, .end_ns = end_ns};
    AL_WRITING(&u->lock);
    if (oldest)
        remove_key_locked(u, oldest);
    forget_ended_locked(u, now_ns);
    insert_key_locked(u, AL_TAKE(k), m);
    return AL_OK;
}

al_code cat_session_drop(cat_users *u, const cat_secret_hash *hash, al_err *err)
{
    AL_LOCKED(u->db_lock);
    const key *k = find_key_locked(u, hash, true);
    cat_value value = hash_value(hash);
    if (!k)
        return AL_OK;
    al_code c = cat_sql_do(u->db, "DELETE FROM sessions WHERE hash=?", &value, 1, err);
    if (c)
        return c;
    *u->is_log_dirty = true;
    AL_WRITING(&u->lock);
    remove_key_locked(u, k);
    return AL_OK;
}

/* ---- Who asks */

static void tell(const key *k, cat_asker *ret)
{
    memcpy(ret->name, k->who->user.name, sizeof ret->name);
    ret->role = k->who->user.role;
}

bool cat_whose_token(cat_users *u, const cat_secret_hash *hash, cat_asker *ret)
{
    AL_READING(&u->lock);
    const key *k = find_key_locked(u, hash, false);
    if (k)
        tell(k, ret);
    return k;
}

bool cat_whose_session(cat_users *u, const cat_secret_hash *hash, int64_t now_ns, cat_asker *ret)
{
    AL_READING(&u->lock);
    const key *k = find_key_locked(u, hash, true);
    if (!k || k->end_ns <= now_ns)
        return false;
    tell(k, ret);
    return true;
}
