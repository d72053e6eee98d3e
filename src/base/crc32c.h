#pragma once
/* crc32c.h: the Castagnoli CRC (polynomial 0x1EDC6F41, reflected, RFC 3720 appendix B.4).
 * Any thread. */
#include <stddef.h>
#include <stdint.h>

/* CRC of n bytes, going on from `crc` (0 to begin): al_crc32c(al_crc32c(0, a), b) is that of a and
 * b. */
uint32_t al_crc32c(uint32_t crc, const void *bytes, size_t n);
