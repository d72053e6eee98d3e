/* json_dump [ZONE]: NDJSON on stdin -> what rec_decode made of each line, one JSON object a line on
 * stdout. For tests/integration/test_json_diff.py, which compares it with Python's json.
 * Arrival time is 0, times without offset are read in ZONE (utc). Text that is no UTF-8 would be
 * changed on the way out, so that texts are written as hexadecimal:
 * {"error":bool,"notes":n,"time":"…","seq":n,"message":"hex", "fields":[["hex","type","hex"],…]}.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/decode.h"

static const char *const type_names[] = {"null",   "false", "true",  "number",
                                         "string", "array", "object"};

static void put_hex(al_slice s)
{
    (void)putchar('"');
    for (size_t i = 0; i < s.len; i++)
        (void)printf("%02x", s.ptr[i]);
    (void)putchar('"');
}

static void dump(const record *r, unsigned notes)
{
    (void)printf("{\"error\":%s,\"notes\":%u,\"time\":\"%" PRId64 "\",\"seq\":%" PRId64
                 ",\"message\":",
                 notes & REC_NOTE_PARSE_ERROR ? "true" : "false", notes, r->time_ns, r->seq);
    put_hex(r->message);
    (void)printf(",\"fields\":[");
    for (uint32_t i = 0; i < r->n_fields; i++) {
        (void)printf("%s[", i ? "," : "");
        put_hex(r->fields[i].name);
        (void)printf(",\"%s\",", type_names[r->fields[i].val.type]);
        put_hex(r->fields[i].val.text);
        (void)putchar(']');
    }
    (void)printf("]}\n");
}

int main(int argc, char **argv)
{
    AL_CLEANUP(rec_zone_freep) rec_zone *zone = NULL;
    al_err err;
    if (argc > 1 && rec_zone_open(al_cstr(argv[1]), &zone, &err)) {
        (void)fprintf(stderr, "json_dump: %s\n", err.msg);
        return EXIT_FAILURE;
    }
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(1 << 16);
    AL_CLEANUP(al_freep) char *line = NULL;
    size_t cap = 0;
    ssize_t n = 0;
    rec_options opt = {.zone = zone};
    if (!arena)
        return EXIT_FAILURE;
    while ((n = getline(&line, &cap, stdin)) >= 0) {
        record r;
        unsigned notes = 0;
        if (n > 0 && line[n - 1] == '\n')
            n--;
        /* On the heap and exactly as long: address sanitizer sees one byte too many. */
        AL_CLEANUP(al_freep) uint8_t *body = malloc(n ? (size_t)n : 1);
        if (!body)
            return EXIT_FAILURE;
        memcpy(body, line, (size_t)n);
        if (rec_decode((al_slice){body, (size_t)n}, &opt, arena, &r, &notes))
            return EXIT_FAILURE;
        dump(&r, notes);
        al_arena_reset(arena);
    }
    return EXIT_SUCCESS;
}
