/* The rows of settings.h as an array. */
#include "config/settings.h"

#define SETTING_ROW(id, key, also, flag, form, kind, when, ...)                                    \
    [SET_##id] = {key, also, flag, form, SETTING_##kind, SETTING_##when, __VA_ARGS__},
const setting settings[SETTINGS_N] = {SETTINGS(SETTING_ROW)};
#undef SETTING_ROW
