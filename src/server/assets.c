/* Serving what was built in. The tables come from tools/embed.py at build time. */
#include "server/assets.h"

#include <stdbool.h>
#include <string.h>

#include "base/checked.h"

extern const asset assets_table[];
extern const size_t assets_table_n;
extern const uint8_t asset_openapi_begin[];
extern const uint8_t *const asset_openapi_end;

al_slice asset_openapi(void)
{
    return (al_slice){asset_openapi_begin, (size_t)(asset_openapi_end - asset_openapi_begin)};
}

/* The page finds out from the address what it shall show. "/grep/NAME/" is a route of its own. */
static bool is_page(al_slice path)
{
    static const char *const pages[] = {"/", "/grep", "/grep/", "/admin", "/admin/"};
    for (size_t i = 0; i < AL_COUNT(pages); i++)
        if (al_slice_eq(path, al_cstr(pages[i])))
            return true;
    return false;
}

const asset *asset_find(al_slice path)
{
    if (is_page(path))
        path = AL_LIT("/");
    for (size_t i = 0; i < assets_table_n; i++)
        if (al_slice_eq(path, al_cstr(assets_table[i].path)))
            return &assets_table[i];
    return NULL;
}

static bool header_has(struct MHD_Connection *conn, const char *name, const char *word)
{
    const char *v = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, name);
    return v && strstr(v, word);
}

/* "gzip;q=0" is rare, and whoever sends it means it. */
static bool takes_gzip(struct MHD_Connection *conn)
{
    return header_has(conn, "Accept-Encoding", "gzip") &&
           !header_has(conn, "Accept-Encoding", "gzip;q=0,") &&
           !header_has(conn, "Accept-Encoding", "gzip; q=0");
}

static struct MHD_Response *body_of(const uint8_t *begin, const uint8_t *end)
{
    /* The library only reads it; its type has no const. */
    return MHD_create_response_from_buffer((size_t)(end - begin), (void *)(uintptr_t)begin,
                                           MHD_RESPMEM_PERSISTENT);
}

struct MHD_Response *asset_response(const asset *a, struct MHD_Connection *conn,
                                    unsigned *ret_status)
{
    struct MHD_Response *r = NULL;
    bool is_gzip = a->gzip && takes_gzip(conn);
    bool is_known = header_has(conn, "If-None-Match", a->etag);
    if (is_known)
        r = body_of(a->bytes, a->bytes);
    else
        r = is_gzip ? body_of(a->gzip, a->gzip_end) : body_of(a->bytes, a->bytes_end);
    if (!r)
        return NULL;
    *ret_status = is_known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK;
    (void)MHD_add_response_header(r, "ETag", a->etag);
    (void)MHD_add_response_header(r, "Vary", "Accept-Encoding");
    (void)MHD_add_response_header(
        r, "Cache-Control", a->is_immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (is_known)
        return r;
    (void)MHD_add_response_header(r, "Content-Type", a->type);
    if (is_gzip)
        (void)MHD_add_response_header(r, "Content-Encoding", "gzip");
    return r;
}
