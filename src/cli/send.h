#pragma once
/* send.h: `alco send`. */

/* argv[0] is "send". Returns the exit status: 0 every line was confirmed by the broker and reached
 * a queue, 1 some reached no queue, 2 an error. */
int cmd_send(int argc, char **argv);
