#include "picture.h"
#include <stdbool.h>
#include <stddef.h>

enum { TILE = 32, STEP = 4, CELL = 2, BAND_BYTES = 20 };

uint8_t crc8(uint8_t crc, const void *bytes, uint32_t n)
{
    for (const uint8_t *p = bytes; n--; p++) {
        crc ^= *p;
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

static uint32_t across(uint32_t width)
{
    return (width - STRIP_WIDTH + TILE - 1) / TILE;
}

static uint32_t down(uint32_t height)
{
    return (height + TILE - 1) / TILE;
}

uint32_t tiles_of(uint32_t width, uint32_t height)
{
    return across(width) * down(height);
}

uint32_t bar_of(const struct picture *p, uint32_t frame)
{
    return (uint32_t)((uint64_t)frame * STEP % (p->width - STRIP_WIDTH));
}

/* A column of content, from its top to its bottom, as it is where no bar is, or as it is where `turns` bars are. */
static void draw_column(const struct picture *p, uint32_t x, uint32_t turns)
{
    uint32_t base = 0x303030 + (((p->id + p->inputs * UINT32_C(256)) * UINT32_C(0x9E3779B1) >> 8) & 0x7F7F7F);
    for (uint32_t y = 0; y < p->height; y++)
        p->pixels[(size_t)y * p->width + STRIP_WIDTH + x] = (base + (((x ^ y) & 8) ? 0x101010 : 0)) ^ (turns & 1 ? 0xFFFFFF : 0);
}

/* How often the bar of that frame covers a column: in a window narrower than the bar more than once. */
static uint32_t turns_at(const struct picture *p, uint32_t frame, uint32_t x)
{
    uint32_t width = p->width - STRIP_WIDTH, from = bar_of(p, frame), turns = 0;
    for (uint32_t i = 0; i < BAR; i++)
        turns += (from + i) % width == x;
    return turns;
}

static void draw_bar(const struct picture *p, uint32_t frame)
{
    for (uint32_t i = 0; i < BAR; i++) {
        uint32_t x = (bar_of(p, frame) + i) % (p->width - STRIP_WIDTH);
        draw_column(p, x, turns_at(p, p->frame, x));
    }
}

/* Tiles as of a whole screen (docs/protocol.md, Frame identity), of the content alone. */
static uint64_t tile_sum(const struct picture *p, uint32_t left, uint32_t top)
{
    uint32_t bottom = top + TILE < p->height ? top + TILE : p->height;
    uint32_t right = left + TILE < p->width ? left + TILE : p->width;
    uint64_t h = 0;
    for (uint32_t y = top; y < bottom; y++)
        for (uint32_t x = left; x < right; x++)
            h = h * UINT64_C(6364136223846793005) + p->pixels[(size_t)y * p->width + x];
    return h;
}

static void sum_tiles(struct picture *p, uint32_t column)
{
    for (uint32_t row = 0; row < down(p->height); row++)
        p->tiles[row * across(p->width) + column] = tile_sum(p, STRIP_WIDTH + column * TILE, row * TILE);
}

static void sum_bar(struct picture *p, uint32_t frame)
{
    uint32_t last = UINT32_MAX;
    for (uint32_t i = 0; i < BAR; i++) {
        uint32_t column = (bar_of(p, frame) + i) % (p->width - STRIP_WIDTH) / TILE;
        if (column != last)
            sum_tiles(p, column);
        last = column;
    }
}

static void put(uint8_t *to, uint32_t value, int bytes)
{
    while (bytes--) {
        to[bytes] = (uint8_t)value;
        value >>= 8;
    }
}

static void draw_strip(const struct picture *p)
{
    uint8_t band[BAND_BYTES] = { 0xA5, 0xC3 };
    uint32_t crc = 0;
    for (uint32_t i = 0; i < tiles_of(p->width, p->height); i++)
        crc = crc32_of(crc, p->tiles[i]);
    put(band + 2, p->id, 2);
    put(band + 4, p->width - STRIP_WIDTH, 2);
    put(band + 6, p->height, 2);
    put(band + 8, p->frame + (uint32_t)p->ahead, 4);
    put(band + 12, crc, 4);
    band[16] = p->inputs;
    band[19] = 0x5A;
    for (uint32_t y = 0; y < p->height; y++) {
        uint32_t *row = p->pixels + (size_t)y * p->width, index = y / BAND_HEIGHT, line = y % BAND_HEIGHT / CELL;
        if (y % BAND_HEIGHT == 0) {
            band[17] = (uint8_t)index;
            band[18] = crc8(0, band, 18);
        }
        for (uint32_t x = 0; x < STRIP_WIDTH; x++) {
            uint32_t cell = x / CELL;
            int white = band[2 * line + cell / 8] & 0x80 >> cell % 8;
            row[x] = white && (index + 1) * BAND_HEIGHT <= p->height ? 0xFFFFFF : 0;
        }
    }
}

void draw_picture(struct picture *p)
{
    for (uint32_t x = 0; x < p->width - STRIP_WIDTH; x++)
        draw_column(p, x, turns_at(p, p->frame, x));
    for (uint32_t column = 0; column < across(p->width); column++)
        sum_tiles(p, column);
    p->summed = p->frame;
    if (p->tint)
        for (uint32_t y = 0; y < p->height; y++)
            for (uint32_t x = STRIP_WIDTH; x < p->width; x++)
                p->pixels[(size_t)y * p->width + x] ^= p->tint;
    draw_strip(p);
}

void redraw_picture(struct picture *p, uint32_t held)
{
    draw_bar(p, held);
    draw_bar(p, p->frame);
    sum_bar(p, p->summed);
    sum_bar(p, p->frame);
    p->summed = p->frame;
    draw_strip(p);
}
