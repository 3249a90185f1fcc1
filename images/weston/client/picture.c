#include "picture.h"
#include <stddef.h>

enum { TILE = 32, BAR = 16, STEP = 4, CELL = 2, BAND_BYTES = 20 };

static uint8_t crc8(const uint8_t *p, size_t n)
{
    uint8_t crc = 0;
    while (n--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = (uint8_t)(crc & 0x80 ? crc << 1 ^ 0x07 : crc << 1);
    }
    return crc;
}

static uint32_t crc32_of(uint32_t crc, uint64_t word)
{
    crc = ~crc;
    for (int byte = 0; byte < 8; byte++) {
        crc ^= (uint8_t)(word >> 8 * byte);
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
    }
    return ~crc;
}

static void draw_content(const struct picture *p)
{
    uint32_t width = p->width - STRIP_WIDTH, base = 0x303030 + ((p->id * UINT32_C(0x9E3779B1) >> 8) & 0x7F7F7F);
    uint32_t bar = (uint32_t)((uint64_t)p->frame * STEP % width);
    for (uint32_t y = 0; y < p->height; y++) {
        uint32_t *row = p->pixels + (size_t)y * p->width + STRIP_WIDTH;
        for (uint32_t x = 0; x < width; x++)
            row[x] = base + (((x ^ y) & 8) ? 0x101010 : 0);
        for (uint32_t i = 0; i < BAR; i++)
            row[(bar + i) % width] ^= 0xFFFFFF;
    }
}

/* As the tile table of a whole screen (docs/protocol.md, Frame identity), of the content alone. */
static uint32_t content_crc(const struct picture *p)
{
    uint32_t crc = 0;
    for (uint32_t top = 0; top < p->height; top += TILE)
        for (uint32_t left = STRIP_WIDTH; left < p->width; left += TILE) {
            uint32_t bottom = top + TILE < p->height ? top + TILE : p->height;
            uint32_t right = left + TILE < p->width ? left + TILE : p->width;
            uint64_t h = 0;
            for (uint32_t y = top; y < bottom; y++)
                for (uint32_t x = left; x < right; x++)
                    h = h * UINT64_C(6364136223846793005) + p->pixels[(size_t)y * p->width + x];
            crc = crc32_of(crc, h);
        }
    return crc;
}

static void put(uint8_t *to, uint32_t value, int bytes)
{
    while (bytes--) {
        to[bytes] = (uint8_t)value;
        value >>= 8;
    }
}

static void draw_strip(const struct picture *p, uint32_t crc)
{
    uint8_t band[BAND_BYTES] = { 0xA5, 0xC3 };
    put(band + 2, p->id, 2);
    put(band + 4, p->width - STRIP_WIDTH, 2);
    put(band + 6, p->height, 2);
    put(band + 8, p->frame + (uint32_t)p->ahead, 4);
    put(band + 12, crc, 4);
    band[19] = 0x5A;
    for (uint32_t y = 0; y < p->height; y++) {
        uint32_t *row = p->pixels + (size_t)y * p->width, index = y / BAND_HEIGHT, line = y % BAND_HEIGHT / CELL;
        if (y % BAND_HEIGHT == 0) {
            put(band + 16, index, 2);
            band[18] = crc8(band, 18);
        }
        for (uint32_t x = 0; x < STRIP_WIDTH; x++) {
            uint32_t cell = x / CELL;
            int white = band[2 * line + cell / 8] & 0x80 >> cell % 8;
            row[x] = white && (index + 1) * BAND_HEIGHT <= p->height ? 0xFFFFFF : 0;
        }
    }
}

void draw_picture(const struct picture *p)
{
    draw_content(p);
    uint32_t crc = content_crc(p);
    if (p->tint)
        for (uint32_t y = 0; y < p->height; y++)
            for (uint32_t x = STRIP_WIDTH; x < p->width; x++)
                p->pixels[(size_t)y * p->width + x] ^= p->tint;
    draw_strip(p, crc);
}
