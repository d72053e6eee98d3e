#pragma once
/* grep_pages.h: hits page by page, for what asks for more between them: -A -B -C, -n. */
#include "cli/grep_source.h"

/* Calls back for each hit of the source's query, oldest first, of pages of n_rows; false from it
 * ends the walk. Partial
 * answers are noted in the source. Errors as grep_source_ask; AL_INVALID: not alco's. */
AL_CHECK al_code grep_pages(grep_source *s, unsigned n_rows, bool (*take)(void *ctx, al_slice hit),
                            void *ctx, al_err *err);
