/* Who asks, and may they. The table of routes says who each is for; this file is the one that reads
 * it. A wrong token is refused even beside a good cookie: who shows one means it. */
#include "server/access.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "server/guard.h"
#include "server/secret.h"

enum { SESSIONS_TRIED_MAX = 4 }; /* of cookies with our name; browsers send one a path */

bool access_allows(route_who who, cat_role role)
{
    switch (who) {
    case FOR_ALL:
    case FOR_USERS:
        return true;
    case FOR_READERS:
        return role == CAT_READER || role == CAT_ADMIN;
    case FOR_WRITERS:
        return role == CAT_WRITER || role == CAT_ADMIN;
    case FOR_ADMINS:
        break;
    }
    return role == CAT_ADMIN;
}

const char *access_who_name(route_who who)
{
    switch (who) {
    case FOR_ALL:
        return "everybody";
    case FOR_USERS:
        return "users";
    case FOR_READERS:
        return "readers and admins";
    case FOR_WRITERS:
        return "writers and admins";
    case FOR_ADMINS:
        break;
    }
    return "admins";
}

bool access_bearer(al_slice h, al_slice *ret)
{
    static const char scheme[] = "Bearer ";
    if (!h.ptr || h.len < sizeof scheme - 1 ||
        strncasecmp((const char *)h.ptr, scheme, sizeof scheme - 1) != 0)
        return false;
    *ret = al_slice_trim(al_slice_sub(h, sizeof scheme - 1, h.len));
    return true;
}

bool access_next_cookie(al_slice cookies, const char *name, size_t *at, al_slice *ret)
{
    while (*at < cookies.len) {
        size_t end = al_slice_find(cookies, ';', *at);
        al_slice pair = al_slice_trim(al_slice_sub(cookies, *at, end));
        size_t equal = al_slice_find(pair, '=', 0);
        *at = end + 1;
        if (equal < pair.len && al_slice_eq(al_slice_sub(pair, 0, equal), al_cstr(name))) {
            *ret = al_slice_sub(pair, equal + 1, pair.len);
            return true;
        }
    }
    return false;
}

/* The secret of the first cookie that is a session. */
static bool find_session(cat_users *users, al_slice cookies, al_slice *ret_secret, asker *ret)
{
    size_t at = 0;
    for (int i = 0; i < SESSIONS_TRIED_MAX; i++) {
        if (!access_next_cookie(cookies, ACCESS_SESSION_COOKIE, &at, ret_secret))
            return false;
        ret->secret = secret_hash(*ret_secret);
        if (cat_whose_session(users, &ret->secret, al_now_ns(), &ret->user))
            return true;
    }
    return false;
}

static bool has_csrf(const access_request *r, al_slice session)
{
    char expected[SECRET_CSRF_BYTES + 1];
    secret_csrf(session, expected);
    return secret_eq(r->csrf, al_cstr(expected));
}

static access_verdict judge(const asker *who, const route *to)
{
    return access_allows(to->who, who->user.role) ? ACCESS_OK : ACCESS_ROLE;
}

access_verdict access_check(cat_users *users, const access_request *r, const route *to,
                            asker *ret_who)
{
    al_slice secret = {0};
    bool has_users = cat_users_exist(users);
    *ret_who = (asker){.how = ASKER_UNKNOWN};
    if (r->is_private || (!has_users && r->is_loopback)) {
        *ret_who =
            (asker){.how = r->is_private ? ASKER_OWNER : ASKER_LOCAL, .user.role = CAT_ADMIN};
        return ACCESS_OK;
    }
    if (access_bearer(r->authorization, &secret)) {
        ret_who->secret = secret_hash(secret);
        if (cat_whose_token(users, &ret_who->secret, &ret_who->user)) {
            ret_who->how = ASKER_TOKEN;
            return judge(ret_who, to);
        }
        if (to->who != FOR_ALL && has_users)
            return ACCESS_BAD_TOKEN;
    } else if (find_session(users, r->cookie, &secret, ret_who)) {
        ret_who->how = ASKER_SESSION;
        if (!r->is_get && to->who != FOR_ALL && !has_csrf(r, secret))
            return ACCESS_NO_CSRF;
        return judge(ret_who, to);
    }
    if (to->who == FOR_ALL)
        return ACCESS_OK;
    return has_users ? ACCESS_UNKNOWN : ACCESS_NO_USERS;
}

bool access_still(cat_users *users, const asker *who, const route *to)
{
    cat_asker now;
    switch (who->how) {
    case ASKER_OWNER:
        return true;
    case ASKER_LOCAL:
        return !cat_users_exist(users);
    case ASKER_TOKEN:
        return cat_whose_token(users, &who->secret, &now) && access_allows(to->who, now.role);
    case ASKER_SESSION:
        return cat_whose_session(users, &who->secret, al_now_ns(), &now) &&
               access_allows(to->who, now.role);
    case ASKER_UNKNOWN:
        break;
    }
    return to->who == FOR_ALL;
}

/* ---- Whose tries */

static void put_four(const uint8_t b[4], char ret[ACCESS_CLIENT_BYTES_MAX])
{
    (void)snprintf(ret, ACCESS_CLIENT_BYTES_MAX, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
}

static void put_six(const uint8_t b[16], char ret[ACCESS_CLIENT_BYTES_MAX])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (memcmp(b, mapped, sizeof mapped) == 0) {
        put_four(b + 12, ret);
        return;
    }
    int n = 0;
    for (int i = 0; i < 8; i++)
        n += snprintf(ret + n, ACCESS_CLIENT_BYTES_MAX - (size_t)n, "%02x", b[i]);
    (void)snprintf(ret + n, ACCESS_CLIENT_BYTES_MAX - (size_t)n, "/64");
}

/* The last address of the list; whatever stands there is a key, if it is no address. */
static void put_forwarded(al_slice list, char ret[ACCESS_CLIENT_BYTES_MAX])
{
    char text[INET6_ADDRSTRLEN] = "";
    struct in6_addr six;
    size_t begin = list.len;
    while (begin && list.ptr[begin - 1] != ',')
        begin--;
    al_slice last = al_slice_trim(al_slice_sub(list, begin, list.len));
    if (last.len < sizeof text && last.len)
        memcpy(text, last.ptr, last.len);
    if (inet_pton(AF_INET6, text, &six) == 1)
        put_six(six.s6_addr, ret);
    else
        (void)snprintf(ret, ACCESS_CLIENT_BYTES_MAX, "%s", text);
}

void access_client(const struct sockaddr *peer, al_slice forwarded_for,
                   char ret[ACCESS_CLIENT_BYTES_MAX])
{
    ret[0] = '\0';
    if (forwarded_for.ptr && (!peer || guard_addr_is_loopback(peer))) {
        put_forwarded(forwarded_for, ret);
    } else if (peer && peer->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, peer, sizeof in);
        uint8_t b[4];
        memcpy(b, &in.sin_addr, sizeof b);
        put_four(b, ret);
    } else if (peer && peer->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, peer, sizeof in);
        put_six(in.sin6_addr.s6_addr, ret);
    }
}
