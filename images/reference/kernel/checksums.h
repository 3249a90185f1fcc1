/* CRC-8 (poly 0x07, init 0, not reflected) and CRC-32 (IEEE, as zlib's). */
#pragma once
#include <stddef.h>
#include <stdint.h>

void     checksums_init(void);
uint8_t  crc8(uint8_t crc, const void *bytes, size_t n);
uint32_t crc32(const void *bytes, size_t n);
