#pragma once
/* config_text.h: texts made from the table of settings. Each appends; whoever uses the buffer
 * checks al_buf_code. Any thread. */
#include "base/buf.h"
#include "config/settings.h"

/* The flags as `--help` shows them, two lines of at most 96 bytes and more each. */
void config_put_help(al_buf *out);
/* A configuration file with every setting, its sentence and its default, all commented out: "# " is
 * in front of a sentence, "#" alone in front of YAML. */
void config_put_default_file(al_buf *out);
/* The table of doc/config.md. */
void config_put_markdown(al_buf *out);
/* ALCO_PAGE_SIZE for page_size; "" when the setting has no flag. `size` bytes at `ret`. */
void config_variable(const setting *s, char *ret, size_t size);
