/* Drawing into the back buffer. */
#include "draw.h"
#include "alloc.h"
#include "integrity.h"

uint32_t *back;

/* Pixels go in pairs: under TCG the cost is the number of instructions, not of bytes, and `rep` is slower. */
typedef uint64_t pair __attribute__((may_alias, aligned(4)));

void draw_init(void)
{
    back = alloc(DESKTOP_WIDTH * DESKTOP_HEIGHT * sizeof *back);
}

void draw_run(uint32_t *to, int n, uint32_t color)
{
    uint64_t two = (uint64_t)color << 32 | color;
    for (; n >= 8; n -= 8, to += 8) {
        pair *p = (pair *)to;
        p[0] = two;
        p[1] = two;
        p[2] = two;
        p[3] = two;
    }
    for (; n >= 2; n -= 2, to += 2)
        *(pair *)to = two;
    if (n > 0)
        *to = color;
}

void draw_fill(struct rect r, uint32_t color)
{
    for (int y = r.y0; y < r.y1; y++)
        draw_run(back_at(r.x0, y), r.x1 - r.x0, color);
}

/* Long runs go in large steps: TCG's cost of a step is that of a few more stores. */
__attribute__((always_inline)) static inline void copy(uint32_t *to, const uint8_t *from, int n, uint32_t mask)
{
    typedef uint64_t anywhere __attribute__((may_alias, aligned(1)));
    uint64_t both = (uint64_t)mask << 32 | mask;
    for (; n >= 32; n -= 32, to += 32, from += 128)
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
            ((pair *)to)[i] = ((const anywhere *)from)[i] & both;
    for (; n >= 8; n -= 8, to += 8, from += 32)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            ((pair *)to)[i] = ((const anywhere *)from)[i] & both;
    for (; n >= 2; n -= 2, to += 2, from += 8)
        *(pair *)to = *(const anywhere *)from & both;
    if (n > 0)
        *to = (uint32_t)(from[0] | from[1] << 8 | from[2] << 16 | (uint32_t)from[3] << 24) & mask;
}

void draw_copy(uint32_t *to, const uint32_t *from, int n)
{
    copy(to, (const uint8_t *)from, n, ~0u);
}

void draw_picture(uint32_t *to, const uint8_t *from, int n)
{
    copy(to, from, n, 0xFFFFFF);
}

void draw_character(int x, int y, char c, uint32_t color, struct rect clip)
{
    if (c < FONT_FIRST || c > FONT_LAST || x >= clip.x1 || y >= clip.y1 || x + FONT_WIDTH <= clip.x0 || y + FONT_HEIGHT <= clip.y0)
        return;
    const uint8_t *rows = integrity_block.glyphs[c - FONT_FIRST];
    for (int row = 0; row < FONT_HEIGHT; row++) {
        if (y + row < clip.y0 || y + row >= clip.y1)
            continue;
        for (int column = 0; column < FONT_WIDTH; column++)
            if (rows[row] & 0x10 >> column && x + column >= clip.x0 && x + column < clip.x1)
                *back_at(x + column, y + row) = color;
    }
}

void draw_text(int x, int y, const char *text, uint32_t color, struct rect clip)
{
    for (; *text; text++, x += CELL_WIDTH)
        draw_character(x, y, *text, color, clip);
}
