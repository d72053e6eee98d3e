/* Where the configuration is and what to say of it. */
#include "cli/config_read.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

#define USUAL_CONFIG "/etc/alco/alco.yaml"

void config_say_mistake(void *ctx, const char *line)
{
    (void)ctx;
    cli_say("%s", line);
}

/* The file: one that was named must be there. */
static al_code read_file(config *c, const char *named, al_err *err)
{
    const char *path = named;
    if (!path || !path[0])
        path = getenv("ALCO_CONFIG"); /* NOLINT(concurrency-mt-unsafe): one thread */
    bool is_named = path && path[0];
    al_code code = config_read_file(c, is_named ? path : USUAL_CONFIG, err);
    return code == AL_NOT_FOUND && !is_named ? AL_OK : code;
}

int config_read_all(config *c, const char *named)
{
    al_err err = {0};
    al_code file = read_file(c, named, &err);
    if (file)
        cli_say("%s", err.msg);
    al_code environment = config_read_environment(c, environ, &err);
    config_settle(c);
    return file || environment ? CLI_USAGE : CLI_OK;
}
