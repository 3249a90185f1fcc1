/* CRC-8 (poly 0x07, init 0, not reflected) and CRC-32 (IEEE, as zlib's). */
#include "checksums.h"

enum { EIGHT = 8 };

static uint32_t crc32_table[EIGHT][256];    /* [k][b]: of byte b and k zero bytes behind it */
static uint8_t crc8_table[256];

void checksums_init(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ 0xEDB88320u : c >> 1;
        crc32_table[0][i] = c;
        uint8_t d = (uint8_t)i;
        for (int bit = 0; bit < 8; bit++)
            d = (uint8_t)(d & 0x80 ? d << 1 ^ 0x07 : d << 1);
        crc8_table[i] = d;
    }
    for (int k = 1; k < EIGHT; k++)
        for (uint32_t i = 0; i < 256; i++)
            crc32_table[k][i] = crc32_table[0][(uint8_t)crc32_table[k - 1][i]] ^ crc32_table[k - 1][i] >> 8;
}

uint8_t crc8(uint8_t crc, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    while (n--)
        crc = crc8_table[crc ^ *p++];
    return crc;
}

uint32_t crc32(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint32_t crc = ~0u;
    typedef uint64_t anywhere __attribute__((may_alias, aligned(1)));
    for (; n >= EIGHT; n -= EIGHT, p += EIGHT) {
        uint64_t v = *(const anywhere *)p ^ crc;
        crc = 0;
#pragma GCC unroll 8
        for (int i = 0; i < EIGHT; i++)
            crc ^= crc32_table[EIGHT - 1 - i][v >> 8 * i & 0xFF];
    }
    while (n--)
        crc = crc32_table[0][(uint8_t)(crc ^ *p++)] ^ crc >> 8;
    return ~crc;
}
