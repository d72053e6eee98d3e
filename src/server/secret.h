#pragma once
/* secret.h: passwords and random secrets (tokens, sessions), by libsodium. Any thread, but
 * passwords: each call takes SECRET_PASSWORD_MEMORY for a few hundredths of a second and belongs on
 * a worker. */
#include "catalog/cat_users.h"

enum {
    SECRET_BYTES = 32, /* random ones of a secret */
    SECRET_TEXT_BYTES = sizeof "alco_" - 1 + 43,
    SECRET_CSRF_BYTES = 43,
    SECRET_PASSWORD_BYTES_MAX = 1024,
    SECRET_PASSWORD_MEMORY = 19 << 20, /* OWASP: argon2id with 19 MiB and two passes */
    SECRET_PASSWORD_PASSES = 2,
};

/* Before all others; once or more often. */
AL_CHECK al_code secret_start(al_err *err);

/* The text that is kept of it, made anew with salt each time. AL_NOMEM. */
AL_CHECK al_code secret_hash_password(al_slice password, char ret[CAT_PASSWORD_HASH_MAX + 1],
                                      al_err *err);
/* Was `hash` made of this password? Takes as long when `hash` is empty, which no password fits: so
 * that nobody learns who has one. False also without memory. */
bool secret_password_fits(const char *hash, al_slice password);

/* What it compares with then: a hash of the same cost. For the test. */
void secret_decoy(char ret[CAT_PASSWORD_HASH_MAX + 1]);

/* "alco_" and 43 letters, digits, '-', '_'; NUL-terminated. */
void secret_make(char ret[SECRET_TEXT_BYTES + 1]);
/* What is kept of a secret. They are random and long: one round of BLAKE2b is enough. */
cat_secret_hash secret_hash(al_slice secret);
/* What a page that may read a session's cookies sends along, and others cannot know; follows from
 * the session's secret, and does not betray it. */
void secret_csrf(al_slice session, char ret[SECRET_CSRF_BYTES + 1]);
/* In a time that does not depend on where they differ. */
bool secret_eq(al_slice a, al_slice b);
/* Overwrites it, though it is dead. */
void secret_forget(al_slice secret);
