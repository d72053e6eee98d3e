#pragma once
/* cleanup.h: things that end with their scope. A variable is declared with its empty value and
 * destroyed on every return; AL_TAKE hands it out instead. */

#define AL_CLEANUP(fn) __attribute__((cleanup(fn)))

/* p -> its empty value, in one expression: `*ret = AL_TAKE(p);` */
#define AL_TAKE(p)                                                                                 \
    (__extension__({                                                                               \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = (__typeof__(p)){0};                                                                  \
        taken_;                                                                                    \
    }))

/* Defines <fn>p(T **) for AL_CLEANUP from a destructor that takes NULL. */
/* NOLINTBEGIN(bugprone-macro-parentheses): `type` names a type, in a declaration */
#define AL_DEFINE_CLEANUP(type, fn)                                                                \
    static inline void fn##p(type **p)                                                             \
    {                                                                                              \
        (void)fn(*p);                                                                              \
    }                                                                                              \
    struct al_swallow_semicolon_
/* NOLINTEND(bugprone-macro-parentheses) */

/* AL_CLEANUP(al_closep) int fd = -1; */
void al_closep(int *fd);
/* AL_CLEANUP(al_freep) char *p = NULL; */
void al_freep(void *p);
