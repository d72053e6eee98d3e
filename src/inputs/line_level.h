#pragma once
/* line_level.h: the level word behind a line's time. Pure; any thread. */
#include "base/slice.h"

/* The level that stands at `at`, in capitals ("ERROR", "WARN"): a word in capitals, or any case in
 * [brackets] or <these>. Before it may stand numbers, threads in brackets, a dash, a logger between
 * dashes. Empty: none that is surely one. Static memory. */
al_slice line_level_read(al_slice line, size_t at);
/* D, I, W, E, F as glog and Android write; else empty. */
al_slice line_level_of_letter(char letter);
