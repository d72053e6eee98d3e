/* A thin layer over libsodium, so that no other file of this folder chooses an algorithm. */
#include "server/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

_Static_assert(CAT_PASSWORD_HASH_MAX + 1 >= crypto_pwhash_STRBYTES, "a hash fits the catalogue");
_Static_assert(CAT_SECRET_HASH_BYTES >= crypto_generichash_BYTES, "so does a secret's");

al_code secret_start(al_err *err)
{
    return sodium_init() < 0 ? al_fail(err, AL_IO, "libsodium does not start") : AL_OK;
}

al_code secret_hash_password(al_slice password, char ret[CAT_PASSWORD_HASH_MAX + 1], al_err *err)
{
    char hash[crypto_pwhash_STRBYTES];
    if (crypto_pwhash_str(hash, password.ptr ? (const char *)password.ptr : "", password.len,
                          SECRET_PASSWORD_PASSES, SECRET_PASSWORD_MEMORY))
        return al_fail(err, AL_NOMEM, "no memory to hash a password");
    memcpy(ret, hash, sizeof hash);
    return AL_OK;
}

void secret_decoy(char ret[CAT_PASSWORD_HASH_MAX + 1])
{
    static const char zeroes[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"; /* 32 bytes */
    (void)snprintf(ret, CAT_PASSWORD_HASH_MAX + 1, "$argon2id$v=19$m=%d,t=%d,p=1$%.22s$%.43s",
                   SECRET_PASSWORD_MEMORY / 1024, SECRET_PASSWORD_PASSES, zeroes, zeroes);
}

bool secret_password_fits(const char *hash, al_slice password)
{
    char known[CAT_PASSWORD_HASH_MAX + 1];
    bool is_decoy = hash[0] == '\0';
    if (is_decoy)
        secret_decoy(known);
    else
        (void)snprintf(known, sizeof known, "%s", hash);
    int r = crypto_pwhash_str_verify(known, password.ptr ? (const char *)password.ptr : "",
                                     password.len);
    return r == 0 && !is_decoy;
}

static void put_base64(char *ret, size_t room, const uint8_t bytes[SECRET_BYTES])
{
    (void)sodium_bin2base64(ret, room, bytes, SECRET_BYTES,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void secret_make(char ret[SECRET_TEXT_BYTES + 1])
{
    uint8_t bytes[SECRET_BYTES];
    randombytes_buf(bytes, sizeof bytes);
    (void)snprintf(ret, SECRET_TEXT_BYTES + 1, "alco_");
    put_base64(ret + 5, SECRET_TEXT_BYTES + 1 - 5, bytes);
    sodium_memzero(bytes, sizeof bytes);
}

cat_secret_hash secret_hash(al_slice secret)
{
    cat_secret_hash h;
    (void)crypto_generichash(h.bytes, sizeof h.bytes, secret.ptr, secret.len, NULL, 0);
    return h;
}

void secret_csrf(al_slice session, char ret[SECRET_CSRF_BYTES + 1])
{
    static const uint8_t use[crypto_generichash_KEYBYTES_MIN] = "alco csrf"; /* no secret */
    uint8_t bytes[SECRET_BYTES];
    (void)crypto_generichash(bytes, sizeof bytes, session.ptr, session.len, use, sizeof use);
    put_base64(ret, SECRET_CSRF_BYTES + 1, bytes);
}

bool secret_eq(al_slice a, al_slice b)
{
    return a.len == b.len && (a.len == 0 || sodium_memcmp(a.ptr, b.ptr, a.len) == 0);
}

void secret_forget(al_slice secret)
{
    if (secret.len)
        sodium_memzero((void *)(uintptr_t)secret.ptr, secret.len);
}
