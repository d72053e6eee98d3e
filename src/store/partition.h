#pragma once
/* partition.h: which rows share segments: one index and UTC day (doc/format.md section 5). A stuck
 * or wild clock neither fills nor keeps another day: rows more than a day off their arrival date
 * go by the day of arrival. Pure. */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

typedef struct part_key {
    uint32_t day; /* days since 1970: of the ids, or of the arrival when is_off */
    bool is_off;
} part_key;

static inline uint32_t part_day(uint64_t ns)
{
    return (uint32_t)(ns / (uint64_t)AL_NS_PER_DAY);
}

static inline uint32_t part_arrival_day(int64_t arrival_ns)
{
    return arrival_ns > 0 ? part_day((uint64_t)arrival_ns) : 0;
}

static inline part_key part_of(uint64_t id, int64_t arrival_ns)
{
    uint32_t day = part_day(id);
    uint32_t arrived = part_arrival_day(arrival_ns);
    if (day + 1 < arrived || day > arrived + 1)
        return (part_key){.day = arrived, .is_off = true};
    return (part_key){.day = day};
}
