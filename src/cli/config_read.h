#pragma once
/* config_read.h: the configuration as commands read it. Main thread only. */
#include "config/config.h"

/* For config_new: what is wrong, on stderr. */
void config_say_mistake(void *ctx, const char *line);
/* File and environment, then settled: `named`, else ALCO_CONFIG, else /etc/alco/alco.yaml, and only
 * the last need not be there. CLI_OK; CLI_USAGE: something is wrong, and was said. */
int config_read_all(config *c, const char *named);
