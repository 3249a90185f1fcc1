/* What a client draws. */
#include "content.h"

/* The compositor has its own (desktop/integrity.c), which ring 3 cannot read. */
enum { FONT_FIRST = 0x20, FONT_LAST = 0x7e, FONT_GLYPHS = FONT_LAST - FONT_FIRST + 1, FONT_WIDTH = 5, FONT_HEIGHT = 7, CELL_WIDTH = 6, CELL_HEIGHT = 8 };
static const uint8_t glyphs[FONT_GLYPHS][FONT_HEIGHT] = {
#include "desktop/glyphs.h"
};

enum { TEXT_MARGIN = 4, CHECKER = 0x202020, CELLS_ACROSS = 62 /* of 992 pixels */ };

/* Pixels go in pairs: under TCG the cost is the number of instructions, not of bytes, and `rep` is slower. */
typedef uint64_t pair __attribute__((may_alias, aligned(4)));

static uint64_t pair_of(uint32_t color)
{
    return (uint64_t)color << 32 | color;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Runs of 8 pixels in two colours by turns. */
static void fill_runs(uint32_t *to, int n, uint32_t color, uint32_t other)
{
    uint64_t a = pair_of(color), b = pair_of(other);
    for (; n >= 16; n -= 16, to += 16) {
        pair *p = (pair *)to;
        p[0] = a;
        p[1] = a;
        p[2] = a;
        p[3] = a;
        p[4] = b;
        p[5] = b;
        p[6] = b;
        p[7] = b;
    }
    for (int i = 0; i < n; i++)
        to[i] = i < 8 ? color : other;
}

static void fill(uint32_t *to, int n, uint32_t color)
{
    fill_runs(to, n, color, color);
}

static void draw_checker(const struct picture *p, uint32_t *to)
{
    for (int y = 0; y < p->height; y++, to += p->width) {
        bool odd = (p->redraws >> 3 ^ (unsigned)y >> 3) & 1;
        uint32_t color = odd ? p->color ^ CHECKER : p->color, other = color ^ CHECKER;
        int phase = (int)(p->redraws & 7), head = phase ? least(8 - phase, p->width) : 0;     /* the first run began before the row */
        fill(to, head, color);
        fill_runs(to + head, p->width - head, head ? other : color, head ? color : other);
    }
}

static bool is_plain_checker(const struct picture *p)
{
    return p->kind == CONTENT_CHECKER && !p->media && !p->text_length;
}

/* With n one or two higher only the first pixels of each run are others: an animation writes a quarter of the pixels. */
static void move_checker(const struct picture *p, uint32_t *to)
{
    int phase = (int)(p->redraws & 7), first = phase ? 8 - phase : 0;
    for (int y = 0; y < p->height; y++, to += p->width) {
        bool odd = (p->redraws >> 3 ^ (unsigned)y >> 3) & 1;
        uint64_t a = pair_of(odd ? p->color ^ CHECKER : p->color), b = a ^ pair_of(CHECKER);
        if (phase == 1)
            *to = (uint32_t)a;
        uint64_t now = phase ? b : a, other = phase ? a : b;
        uint32_t *at = to + first, *end = to + p->width;
        for (; at + 10 <= end; at += 16) {
            *(pair *)at = now;
            *(pair *)(at + 8) = other;
        }
        if (at + 2 <= end) {
            *(pair *)at = now;
            at += 8;
            now = other;
        }
        if (at < end)
            *at = (uint32_t)now;
    }
}

static void draw_media(const struct picture *p, uint32_t *to)
{
    uint32_t colors[CELLS_ACROSS];
    int cells = (p->width + BLOCK - 1) / BLOCK;
    for (int y = 0; y < p->height; y++, to += p->width) {
        if (y % BLOCK == 0)
            for (int i = 0; i < cells; i++)
                colors[i] = mix(p->media_seed, (uint32_t)(y / BLOCK * 64 + i)) & 0xFFFFFF;
        for (int i = 0; i < cells; i++)
            fill(to + i * BLOCK, least(p->width - i * BLOCK, BLOCK), colors[i]);
    }
}

static void draw_character(const struct picture *p, uint32_t *to, int x, int y, char c, struct box clip)
{
    if (c < FONT_FIRST || c > FONT_LAST)
        return;
    const uint8_t *rows = glyphs[c - FONT_FIRST];
    for (int row = 0; row < FONT_HEIGHT; row++)
        for (int column = 0; column < FONT_WIDTH; column++) {
            int at_x = x + column - clip.x, at_y = y + row - clip.y;
            if (rows[row] & 0x10 >> column && at_x >= 0 && at_x < clip.width && at_y >= 0 && at_y < clip.height)
                to[(y + row) * p->width + x + column] = p->text_color;
        }
}

static void draw_text(const struct picture *p, uint32_t *to, struct box clip)
{
    int columns = (p->width - 2 * TEXT_MARGIN) / CELL_WIDTH, rows = (p->height - 2 * TEXT_MARGIN) / CELL_HEIGHT;
    int column = 0, row = 0;
    for (int i = 0; i < p->text_length; i++) {
        if (p->text[i] == '\n') {
            column = 0;
            row++;
            continue;
        }
        if (column == columns) {
            column = 0;
            row++;
        }
        if (row >= rows)
            return;
        draw_character(p, to, TEXT_MARGIN + column * CELL_WIDTH, TEXT_MARGIN + row * CELL_HEIGHT, p->text[i], clip);
        column++;
    }
}

static void content_draw(const struct picture *p, uint32_t *to)
{
    if (p->media)
        draw_media(p, to);
    else if (p->kind == CONTENT_CHECKER)
        draw_checker(p, to);
    else
        fill(to, p->width * p->height, p->color);
    draw_text(p, to, (struct box){ 0, 0, p->width, p->height });
}

struct drawn content_redraw(const struct picture *p, uint32_t *to, struct drawn before)
{
    bool plain = is_plain_checker(p);
    if (plain && before.plain_checker && before.color == p->color && p->redraws - before.redraws <= 2)
        move_checker(p, to);
    else
        content_draw(p, to);
    return (struct drawn){ plain, p->color, p->redraws };
}

void content_draw_block(const struct picture *p, uint32_t *to, int x, int y, uint32_t color)
{
    for (int row = y; row < y + BLOCK; row++)
        fill(to + row * p->width + x, BLOCK, color);
    draw_text(p, to, (struct box){ x, y, BLOCK, BLOCK });
}

void content_copy(const struct picture *p, uint32_t *to, const uint32_t *from, struct box b)
{
    for (int y = b.y; y < b.y + b.height; y++) {
        uint32_t *t = to + y * p->width + b.x;
        const uint32_t *f = from + y * p->width + b.x;
        int n = b.width;
        for (; n >= 8; n -= 8, t += 8, f += 8) {
            pair *q = (pair *)t;
            const pair *s = (const pair *)f;
            q[0] = s[0];
            q[1] = s[1];
            q[2] = s[2];
            q[3] = s[3];
        }
        while (n-- > 0)
            *t++ = *f++;
    }
}
