#pragma once
/* assets.h: the page and openapi.json, built into the program. Immutable. */
#include <microhttpd.h>
#include <stdbool.h>

#include "base/slice.h"

typedef struct asset {
    const char *path; /* "/app.0123.js" */
    const char *type; /* media type */
    const uint8_t *bytes;
    const uint8_t *bytes_end;
    const uint8_t *gzip; /* NULL: none */
    const uint8_t *gzip_end;
    const char *etag;  /* with quotes */
    bool is_immutable; /* its name changes with its content */
} asset;

/* The file for a path, or NULL. "/", "/grep/" and "/admin/" are the page. */
const asset *asset_find(al_slice path);
/* The answer, with ETag, caching and encoding as the request asks; *ret_status 200 or 304. NULL
 * without memory. */
struct MHD_Response *asset_response(const asset *a, struct MHD_Connection *conn,
                                    unsigned *ret_status);
al_slice asset_openapi(void);
