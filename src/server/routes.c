/* The table of routes, and finding one. */
#include "server/routes.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "server/api.h"

#define ONE "/api/v1/indexes/{index}"

#define PARAMS_SEARCH "q from to limit order cursor fields format"
#define USER          "/api/v1/users/{user}"

/* Who each is for. /metrics: whoever may do anything at all, so that what reads them needs no right
 * to read logs; they name indexes and count records, and show none. One index: whoever sends to it
 * has to know how it reads times (alco import does). openapi.json says what this
 * program is, not what it holds. */
const route routes[] = {
    {"GET", "/health", api_health, BODY_NONE, "", true, true, FOR_ALL, false},
    {"GET", "/ready", api_ready, BODY_NONE, "", true, true, FOR_ALL, false},
    {"GET", "/metrics", api_metrics, BODY_NONE, "", false, true, FOR_USERS, false},
    {"GET", "/api/openapi.json", api_openapi, BODY_NONE, "", true, true, FOR_ALL, false},

    {"POST", "/api/v1/login", api_login, BODY_JSON, "", false, false, FOR_ALL, true},
    {"POST", "/api/v1/logout", api_logout, BODY_NONE, "", false, true, FOR_USERS, false},
    {"GET", "/api/v1/me", api_me, BODY_NONE, "", false, true, FOR_USERS, false},
    {"GET", "/api/v1/users", api_users, BODY_NONE, "", false, true, FOR_ADMINS, false},
    {"POST", "/api/v1/users", api_user_add, BODY_JSON, "", false, false, FOR_ADMINS, true},
    {"GET", USER, api_user_get, BODY_NONE, "", false, true, FOR_ADMINS, false},
    {"PATCH", USER, api_user_change, BODY_JSON, "", false, false, FOR_ADMINS, true},
    {"DELETE", USER, api_user_drop, BODY_NONE, "", false, true, FOR_ADMINS, false},
    {"POST", USER "/tokens", api_token_add, BODY_JSON, "", false, true, FOR_ADMINS, false},
    {"DELETE", USER "/tokens/{token}", api_token_drop, BODY_NONE, "", false, true, FOR_ADMINS,
     false},

    {"GET", "/api/v1/indexes", api_indexes, BODY_NONE, "", false, true, FOR_READERS, false},
    {"POST", "/api/v1/indexes", api_index_create, BODY_JSON, "", false, false, FOR_ADMINS, false},
    {"GET", ONE, api_index_get, BODY_NONE, "", false, true, FOR_USERS, false},
    {"PATCH", ONE, api_index_change, BODY_JSON, "", false, false, FOR_ADMINS, false},
    {"DELETE", ONE, api_index_drop, BODY_NONE, "", false, false, FOR_ADMINS, false},
    {"GET", ONE "/fields", api_fields, BODY_NONE, "", false, true, FOR_READERS, false},
    {"GET", ONE "/fields/{field}", api_field_get, BODY_NONE, "", false, true, FOR_READERS, false},
    {"PATCH", ONE "/fields/{field}", api_field_set, BODY_JSON, "", false, false, FOR_ADMINS, false},
    {"POST", ONE "/compact", api_index_compact, BODY_NONE, "", false, false, FOR_ADMINS, false},
    {"POST", ONE "/logs", NULL, BODY_LINES, "", false, false, FOR_WRITERS, false},
    {"GET", ONE "/search", api_search, BODY_NONE, PARAMS_SEARCH, false, false, FOR_READERS, false},
    {"POST", ONE "/search", api_search, BODY_PARAMS, PARAMS_SEARCH, false, false, FOR_READERS,
     false},
    {"GET", ONE "/count", api_count, BODY_NONE, "q from to", false, false, FOR_READERS, false},
    {"POST", ONE "/count", api_count, BODY_PARAMS, "q from to", false, false, FOR_READERS, false},
    {"GET", ONE "/histogram", api_histogram, BODY_NONE, "q from to interval by", false, false,
     FOR_READERS, false},
    {"GET", ONE "/values", api_values, BODY_NONE, "field limit q from to", false, false,
     FOR_READERS, false},
    {"GET", ONE "/context", api_context, BODY_NONE, "id of before after same fields", false, false,
     FOR_READERS, false},
    {"GET", ONE "/tail", api_tail, BODY_NONE, "q fields", false, false, FOR_READERS, false},

    {"GET", ONE "/shortcuts", api_shortcuts, BODY_NONE, "", false, true, FOR_READERS, false},
    {"POST", ONE "/shortcuts", api_shortcut_create, BODY_JSON, "", false, false, FOR_ADMINS, false},
    {"GET", ONE "/shortcuts/{shortcut}", api_shortcut_get, BODY_NONE, "", false, true, FOR_READERS,
     false},
    {"PATCH", ONE "/shortcuts/{shortcut}", api_shortcut_change, BODY_JSON, "", false, false,
     FOR_ADMINS, false},
    {"DELETE", ONE "/shortcuts/{shortcut}", api_shortcut_drop, BODY_NONE, "", false, false,
     FOR_ADMINS, false},

    /* old ALCO's */
    {"GET", "/api/grep/{index}", old_add_slash, BODY_NONE, ROUTE_OLD, false, true, FOR_READERS,
     false},
    {"GET", "/api/grep/{index}/*", old_grep, BODY_NONE, ROUTE_OLD, false, false, FOR_READERS,
     false},
    {"GET", "/api/collector/indices", old_add_slash, BODY_NONE, ROUTE_OLD, false, true, FOR_READERS,
     false},
    {"GET", "/api/collector/indices/", old_indices, BODY_NONE, ROUTE_OLD, false, true, FOR_READERS,
     false},
    {"GET", "/grep/{index}", old_add_slash, BODY_NONE, ROUTE_OLD, false, true, FOR_READERS, false},
    {"GET", "/grep/{index}/", old_log_page, BODY_NONE, ROUTE_OLD, false, true, FOR_READERS, false},
    {"GET", "/grep/shortcut/{shortcut}/*", old_shortcut, BODY_NONE, ROUTE_OLD, false, true,
     FOR_READERS, false},
    {"GET", "/grep/shortcut/{shortcut}", old_add_slash, BODY_NONE, ROUTE_OLD, false, true,
     FOR_READERS, false},
    {"GET", "/collector/sphinx.conf*", old_sphinx_conf, BODY_NONE, ROUTE_OLD, false, true,
     FOR_READERS, false},
};
const size_t n_routes = AL_COUNT(routes);

/* Does "{name}" stand in the pattern's part? */
static bool is_argument(al_slice part)
{
    return part.len > 2 && part.ptr[0] == '{';
}

static bool path_matches(const char *path, const url_target *t, al_slice args[ROUTE_ARGS_MAX])
{
    al_slice pattern = al_cstr(path);
    size_t n_args = 0;
    size_t i = 0;
    for (size_t at = 1; at <= pattern.len; i++) {
        size_t slash = al_slice_find(pattern, '/', at);
        al_slice part = al_slice_sub(pattern, at, slash);
        at = slash + 1;
        if (i == t->n)
            return false;
        if (al_slice_ends(part, AL_LIT("*")))
            return al_slice_starts(t->parts[i], al_slice_sub(part, 0, part.len - 1));
        if (is_argument(part) && t->parts[i].len > 0)
            args[n_args++] = t->parts[i];
        else if (!al_slice_eq(part, t->parts[i]))
            return false;
    }
    return i == t->n;
}

static void allow(char list[64], const char *method)
{
    size_t n = strlen(list);
    (void)snprintf(list + n, 64 - n, "%s%s%s", n ? ", " : "", method,
                   strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

route_verdict route_find(al_slice method, const url_target *t, const route **ret,
                         al_slice ret_args[ROUTE_ARGS_MAX], char ret_allow[64])
{
    bool has_path = false;
    if (al_slice_eq(method, AL_LIT("HEAD")))
        method = AL_LIT("GET");
    ret_allow[0] = '\0';
    for (size_t i = 0; i < n_routes; i++) {
        al_slice args[ROUTE_ARGS_MAX] = {0};
        if (!path_matches(routes[i].path, t, args))
            continue;
        if (al_slice_eq(method, al_cstr(routes[i].method))) {
            *ret = &routes[i];
            memcpy(ret_args, args, sizeof args);
            return ROUTE_FOUND;
        }
        has_path = true;
        allow(ret_allow, routes[i].method);
    }
    return has_path ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}

bool route_is_old(const route *r)
{
    return strcmp(r->params, ROUTE_OLD) == 0;
}

bool route_is_page(const route *r)
{
    return al_slice_starts(al_cstr(r->path), AL_LIT("/grep/"));
}

bool route_has_param(const route *r, al_slice name)
{
    if (route_is_old(r))
        return true;
    al_slice list = al_cstr(r->params);
    for (size_t at = 0; at < list.len;) {
        size_t space = al_slice_find(list, ' ', at);
        if (al_slice_eq(al_slice_sub(list, at, space), name))
            return true;
        at = space + 1;
    }
    return false;
}
