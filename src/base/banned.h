#pragma once
/* banned.h: functions that this program does not use, made into compile errors. Included first by
 * the build in every file; the message of the compiler names the function. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok atoi atol atof       \
    gmtime localtime ctime asctime
