#pragma once
/* json_out.h: writing JSON. The text is always valid JSON in valid UTF-8, whatever the bytes were:
 * each ill-formed sequence becomes one U+FFFD (Unicode 3.9, best practice of maximal subparts).
 * Errors stick to the buffer (base/buf.h). */
#include "base/buf.h"
#include "record/record.h"

/* A JSON string with its quotes. */
void json_put_string(al_buf *out, al_slice text);
/* A value; NaN and the infinities become strings, nested JSON is made valid on the way. */
void json_put_value(al_buf *out, const value *v);
/* {"name":value,...} */
void json_put_fields(al_buf *out, const field *fields, size_t n);
