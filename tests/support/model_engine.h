#pragma once
/* model_engine.h: a second engine behind query/engine.h: arrays of records and the naive matcher,
 * nothing on disk. It is the truth that property tests hold the store against, and an engine for
 * tests of what lies above. One committer thread, as the contract of engine.h wants it. */
#include "query/engine.h"

/* `hooks` is copied; NULL: none. */
AL_CHECK al_code model_engine_open(const eng_hooks *hooks, engine **ret, al_err *err);
/* While true, appends are refused with AL_AGAIN as on a full disk; has_room is called when it ends.
 */
void model_engine_refuse(engine *e, bool refuses);
