/* The table of routes, and finding one. */
#include "server/routes.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "server/api.h"

#define ONE "/api/v1/indexes/{index}"

const route routes[] = {
    {"GET", "/health", api_health, BODY_NONE, "", true, true},
    {"GET", "/ready", api_ready, BODY_NONE, "", true, true},
    {"GET", "/metrics", api_metrics, BODY_NONE, "", false, true},
    {"GET", "/api/openapi.json", api_openapi, BODY_NONE, "", true, true},
    {"GET", "/api/v1/indexes", api_indexes, BODY_NONE, "", false, true},
    {"POST", "/api/v1/indexes", api_index_create, BODY_JSON, "", false, false},
    {"GET", ONE, api_index_get, BODY_NONE, "", false, true},
    {"PATCH", ONE, api_index_change, BODY_JSON, "", false, false},
    {"DELETE", ONE, api_index_drop, BODY_NONE, "", false, false},
    {"GET", ONE "/fields", api_fields, BODY_NONE, "", false, true},
    {"GET", ONE "/fields/{field}", api_field_get, BODY_NONE, "", false, true},
    {"PATCH", ONE "/fields/{field}", api_field_set, BODY_JSON, "", false, false},
    {"POST", ONE "/compact", api_index_compact, BODY_NONE, "", false, false},
    {"POST", ONE "/logs", NULL, BODY_LINES, "", false, false},
    {"GET", ONE "/search", api_search, BODY_NONE, "q from to limit order cursor fields format",
     false, false},
    {"POST", ONE "/search", api_search, BODY_PARAMS, "q from to limit order cursor fields format",
     false, false},
    {"GET", ONE "/count", api_count, BODY_NONE, "q from to", false, false},
    {"POST", ONE "/count", api_count, BODY_PARAMS, "q from to", false, false},
    {"GET", ONE "/histogram", api_histogram, BODY_NONE, "q from to interval by", false, false},
    {"GET", ONE "/values", api_values, BODY_NONE, "field limit q from to", false, false},
    {"GET", ONE "/context", api_context, BODY_NONE, "id of before after same fields", false, false},
    {"GET", ONE "/tail", api_tail, BODY_NONE, "q fields", false, false},

    {"GET", ONE "/shortcuts", api_shortcuts, BODY_NONE, "", false, true},
    {"POST", ONE "/shortcuts", api_shortcut_create, BODY_JSON, "", false, false},
    {"GET", ONE "/shortcuts/{shortcut}", api_shortcut_get, BODY_NONE, "", false, true},
    {"PATCH", ONE "/shortcuts/{shortcut}", api_shortcut_change, BODY_JSON, "", false, false},
    {"DELETE", ONE "/shortcuts/{shortcut}", api_shortcut_drop, BODY_NONE, "", false, false},

    /* old ALCO's */
    {"GET", "/api/grep/{index}", old_add_slash, BODY_NONE, ROUTE_OLD, false, true},
    {"GET", "/api/grep/{index}/*", old_grep, BODY_NONE, ROUTE_OLD, false, false},
    {"GET", "/api/collector/indices", old_add_slash, BODY_NONE, ROUTE_OLD, false, true},
    {"GET", "/api/collector/indices/", old_indices, BODY_NONE, ROUTE_OLD, false, true},
    {"GET", "/grep/{index}", old_add_slash, BODY_NONE, ROUTE_OLD, false, true},
    {"GET", "/grep/{index}/", old_log_page, BODY_NONE, ROUTE_OLD, false, true},
    {"GET", "/grep/shortcut/{shortcut}/*", old_shortcut, BODY_NONE, ROUTE_OLD, false, true},
    {"GET", "/grep/shortcut/{shortcut}", old_add_slash, BODY_NONE, ROUTE_OLD, false, true},
    {"GET", "/collector/sphinx.conf*", old_sphinx_conf, BODY_NONE, ROUTE_OLD, false, true},
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
