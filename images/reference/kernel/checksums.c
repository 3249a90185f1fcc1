/* CRC-8 (poly 0x07, init 0, not reflected) and CRC-32 (IEEE, as zlib's). */
#include "checksums.h"

static uint32_t crc32_table[256];

void checksums_init(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ 0xEDB88320u : c >> 1;
        crc32_table[i] = c;
    }
}

uint8_t crc8(uint8_t crc, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    while (n--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = (uint8_t)(crc & 0x80 ? crc << 1 ^ 0x07 : crc << 1);
    }
    return crc;
}

uint32_t crc32(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint32_t crc = ~0u;
    while (n--)
        crc = crc32_table[(uint8_t)(crc ^ *p++)] ^ crc >> 8;
    return ~crc;
}
