/* File names. See names.h for the contract. */
#include "store/names.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"

enum { HEX_DIGITS = 16 };

void names_format(char ret[NAME_BYTES], name_kind kind, uint64_t number)
{
    const char *suffix = kind == NAME_LOG ? "log" : kind == NAME_SEG ? "seg" : "pos";
    assert(kind == NAME_LOG || kind == NAME_SEG || kind == NAME_POS || kind == NAME_INDEX);
    int n = kind == NAME_INDEX ? snprintf(ret, NAME_BYTES, "%" PRIu64, number)
                               : snprintf(ret, NAME_BYTES, "%016" PRIx64 ".%s", number, suffix);
    assert(n > 0 && n < NAME_BYTES);
}

static bool parse_hex(const char *name, uint64_t *ret)
{
    uint64_t v = 0;
    for (int i = 0; i < HEX_DIGITS; i++) {
        char c = name[i];
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret = v;
    return true;
}

name_kind names_parse(const char *name, uint64_t *ret_number)
{
    static const struct {
        const char *name;
        name_kind kind;
    } fixed[] = {{NAME_OF_ROOT, NAME_ROOT},
                 {NAME_OF_LOCK, NAME_LOCK},
                 {NAME_OF_LOG_DIR, NAME_LOG_DIR},
                 {NAME_OF_MANIFEST, NAME_MANIFEST},
                 {NAME_OF_LOG_END, NAME_LOG_END},
                 {".log", NAME_LOG},
                 {".seg", NAME_SEG},
                 {".pos", NAME_POS}};
    al_slice s = al_cstr(name);
    if (al_slice_ends(s, AL_LIT(NAME_SUFFIX_TMP)))
        return NAME_TMP;
    if (al_slice_ends(s, AL_LIT(NAME_SUFFIX_BAD)))
        return NAME_BAD;
    uint64_t number = 0;
    for (unsigned i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        if (strcmp(name, fixed[i].name) == 0)
            return fixed[i].name[0] == '.' ? NAME_OTHER : fixed[i].kind;
        if (fixed[i].name[0] == '.' && s.len == HEX_DIGITS + 4 &&
            strcmp(name + HEX_DIGITS, fixed[i].name) == 0 && parse_hex(name, &number)) {
            *ret_number = number;
            return fixed[i].kind;
        }
    }
    if (s.len && s.ptr[0] != '0' && al_parse_u64(s, &number) && number <= UINT32_MAX) {
        *ret_number = number;
        return NAME_INDEX;
    }
    return NAME_OTHER;
}

name_kind names_strip(const char *name, char ret[NAME_BYTES])
{
    uint64_t ignored;
    name_kind kind = names_parse(name, &ignored);
    size_t len = strlen(name);
    ret[0] = '\0';
    if (kind != NAME_TMP && kind != NAME_BAD)
        return NAME_OTHER;
    len -= strlen(kind == NAME_TMP ? NAME_SUFFIX_TMP : NAME_SUFFIX_BAD);
    if (len >= NAME_BYTES)
        return kind;
    memcpy(ret, name, len);
    ret[len] = '\0';
    return kind;
}
