#pragma once
/* sphinx_dirs.h: the directories that a sphinx.conf of ours speaks of. Main thread only. */
#include "base/err.h"
#include "base/slice.h"

/* Makes the node's directory and those of all days in `text`; removes days of the same indexes that
 * are not in it: directories of eight digits beside them, but never the newest that is there, none
 * that a searchd has open (it ends when files of its tables vanish; the next call finds it closed),
 * and none that holds anything but files `rt.*`. Says what it leaves for that last reason. AL_IO
 * names what could not be made. */
AL_CHECK al_code sphinx_dirs_follow(al_slice text, al_err *err);
/* The value of the next line "NAME = VALUE" from *at on, which then is behind it; empty: there is
 * none. "# files" is where the node's files are. */
al_slice sphinx_line(al_slice text, const char *name, size_t *at);
