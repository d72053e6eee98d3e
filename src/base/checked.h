#pragma once
/* checked.h: arithmetic that says when it does not fit; true = it fitted and *ret is written.
 * Operands and *ret have the same type. */
#define al_add(a, b, ret) (!__builtin_add_overflow((a), (b), (ret)))
#define al_mul(a, b, ret) (!__builtin_mul_overflow((a), (b), (ret)))

#define AL_MIN(a, b)    ((a) < (b) ? (a) : (b))
#define AL_MAX(a, b)    ((a) > (b) ? (a) : (b))
#define AL_COUNT(array) (sizeof(array) / sizeof((array)[0]))
