#pragma once
/* stand-in until branch sql is merged */
#include "base/buf.h"
void sql_put_match_word(al_buf *out, al_slice word);
void sql_put_string(al_buf *out, al_slice s);
void sql_put_json_path(al_buf *out, al_slice column, const al_slice *keys, size_t n);
