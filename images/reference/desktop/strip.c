/* The identity strip at the screen's right edge: bands of 12 rows of 8 cells of 4x4 pixels. */
#include "strip.h"
#include "checksums.h"
#include "vga.h"

enum { BYTES = 12, CELL = 4, BITS = 8, WHITE = 0xFFFFFF };
_Static_assert(BYTES * CELL == BAND_ROWS && BITS * CELL == STRIP_WIDTH && BANDS * BAND_ROWS == SCREEN_HEIGHT, "the strip fits");

typedef uint64_t pair __attribute__((may_alias));

/* What each band shows; most bytes of a new frame are those of the last. All 0 is a black screen's. */
static uint8_t shown[BANDS][BYTES];

static void write_row(uint32_t *to, uint8_t byte)
{
    for (int bit = 0; bit < BITS; bit++) {
        uint64_t two = byte & 0x80 >> bit ? (uint64_t)WHITE << 32 | WHITE : 0;
#pragma GCC unroll 4
        for (int y = 0; y < CELL; y++) {
            pair *p = (pair *)(to + y * SCREEN_WIDTH + bit * CELL);
            p[0] = two;
            p[1] = two;
        }
    }
}

void strip_write(unsigned band, uint32_t frame, uint32_t identity)
{
    uint8_t bytes[BYTES] = {
        0xA5,
        (uint8_t)(frame >> 24), (uint8_t)(frame >> 16), (uint8_t)(frame >> 8), (uint8_t)frame,
        (uint8_t)(identity >> 24), (uint8_t)(identity >> 16), (uint8_t)(identity >> 8), (uint8_t)identity,
        (uint8_t)band,
    };
    bytes[10] = crc8(0, bytes, 10);
    bytes[11] = 0x5A;
    uint32_t *to = screen + band * BAND_ROWS * SCREEN_WIDTH + DESKTOP_WIDTH;
    for (int i = 0; i < BYTES; i++, to += CELL * SCREEN_WIDTH) {
        if (shown[band][i] == bytes[i])
            continue;
        shown[band][i] = bytes[i];
        write_row(to, bytes[i]);
    }
}
