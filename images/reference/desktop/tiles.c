/* The table of tile checksums over the back buffer, and its CRC-32: the frame's identity. */
#include "tiles.h"
#include "checksums.h"
#include "draw.h"

enum { TILE = 32, ACROSS = DESKTOP_WIDTH / TILE, DOWN = DESKTOP_HEIGHT / TILE };

#define FACTOR 6364136223846793005u
#define FACTOR_SQUARED (FACTOR * FACTOR)

typedef uint64_t pair __attribute__((may_alias));

static uint64_t factor_of_row;                      /* FACTOR to the 32nd */
static uint64_t table[DOWN][ACROSS];
static uint64_t row_sums[DESKTOP_HEIGHT][ACROSS];   /* the same sum over one row of a tile */
static uint32_t stale[DOWN][ACROSS];                /* bit y: row y of the tile changed */

/* h = h * FACTOR + pixel over a row of a tile, two pixels a step. With L and R the sums over the left and right
 * pixels of the pairs, h = L * FACTOR + R; a step on whole 64-bit words gives L + (R << 32), which saves
 * the masking. This is the hottest code of the guest: six instructions for two pixels. */
static uint64_t row_sum(const uint32_t *from)
{
    const pair *p = (const pair *)from;
    uint64_t both = 0, right = 0;
#pragma GCC unroll 16
    for (int x = 0; x < TILE / 2; x++) {
        uint64_t v = p[x];
        both = both * FACTOR_SQUARED + v;
        right = right * FACTOR_SQUARED + (v >> 32);
    }
    return (both - (right << 32)) * FACTOR + right;
}

/* Sums the rows in `changed` again, then joins all 32: each step moves a sum up by 32 pixels. */
static uint64_t tile_hash(int across, int down, uint32_t changed)
{
    uint64_t h = 0;
    int y = down * TILE;
    const uint32_t *from = back_at(across * TILE, y);
    for (; y < (down + 1) * TILE; y++, from += DESKTOP_WIDTH, changed >>= 1) {
        if (changed & 1)
            row_sums[y][across] = row_sum(from);
        h = h * factor_of_row + row_sums[y][across];
    }
    return h;
}

void tiles_init(void)
{
    factor_of_row = 1;
    for (int i = 0; i < TILE; i++)
        factor_of_row *= FACTOR;
}

void tiles_damage(struct rect r)
{
    for (int y = r.y0 / TILE; y <= (r.y1 - 1) / TILE; y++) {
        int first = r.y0 - y * TILE, after = r.y1 - y * TILE;
        uint32_t rows = (first > 0 ? ~0u << first : ~0u) & (after < TILE ? ~(~0u << after) : ~0u);
        for (int x = r.x0 / TILE; x <= (r.x1 - 1) / TILE; x++)
            stale[y][x] |= rows;
    }
}

uint32_t tiles_identity(void)
{
    for (int y = 0; y < DOWN; y++)
        for (int x = 0; x < ACROSS; x++)
            if (stale[y][x]) {
                table[y][x] = tile_hash(x, y, stale[y][x]);
                stale[y][x] = 0;
            }
    return crc32(table, sizeof table);
}
