#pragma once
/* banned.h: functions that this program does not use, made into compile errors. Included first by
 * the build in every file; the message of the compiler names the function. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef AL_WITH_MYSQL_H /* its macros name some of them, which is fine where they are made before   \
                        */
#include <mysql.h>
#endif
/* Where a checked build makes macros of them: clang does not poison a macro. */
#undef sprintf
#undef vsprintf
#undef strncpy
#undef strncat
#undef strcpy
#undef strcat
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok atoi atol atof       \
    gmtime localtime ctime asctime
