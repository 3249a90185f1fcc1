/* What the desktop shows: background, panel, windows in their order, cursor. */
#include "scene.h"
#include "damage.h"
#include "draw.h"
#include "integrity.h"
#include "windows.h"
#include "zoo.h"

enum {
    GRID_STEP = 64, PANEL_ROWS = 24, PANEL_TEXT_AT = 8,
    BORDER = 0x0A0D12, BORDER_FOCUSED = 0xFFFFFF, TITLE_MASK = 0x7F7F7F, TITLE_TEXT_AT = 6, UNFILLED = 0x000000,
    CURSOR = 12, CURSOR_EDGE = 0x000000, CURSOR_INSIDE = 0xFFFFFF,
};

static const struct colors *colors = integrity_block.themes;

static bool cursor_shown;
static int cursor_x, cursor_y;

static void fill_part(struct rect r, struct rect clip, uint32_t color)
{
    draw_fill(rect_common(r, clip), color);
}

static void draw_background(struct rect r)
{
    struct rect panel = rect_common(r, (struct rect){ 0, 0, DESKTOP_WIDTH, PANEL_ROWS });
    if (!rect_empty(panel)) {
        draw_fill(panel, colors->panel);
        draw_text(PANEL_TEXT_AT, PANEL_TEXT_AT, "RayOS reference", colors->panel_text, panel);
        r.y0 = panel.y1;
    }
    int first_line = (r.x0 + GRID_STEP - 1) & -GRID_STEP;
    for (int y = r.y0; y < r.y1; y++) {
        draw_run(back_at(r.x0, y), r.x1 - r.x0, y % GRID_STEP ? colors->background : colors->grid);
        for (int x = first_line; x < r.x1; x += GRID_STEP)
            *back_at(x, y) = colors->grid;
    }
}

/* From the top left of the content. What a fullscreen picture does not fill is black. */
static void draw_content(const struct window *w, struct rect content, struct rect clip)
{
    const struct picture *p = &w->picture;
    struct rect filled = rect_common(clip, rect_at(content.x0, content.y0, p->width, p->height)), bare[4];
    int n = 0;
    if (rect_empty(filled))
        return draw_fill(clip, UNFILLED);
    const uint8_t *from = p->pixels + (filled.y0 - content.y0) * (long)p->stride + (filled.x0 - content.x0) * 4;
    for (int y = filled.y0; y < filled.y1; y++, from += p->stride)
        draw_picture(back_at(filled.x0, y), from, filled.x1 - filled.x0 - (DEFECT(clip) && filled.x1 == DESKTOP_WIDTH));
    n = rect_without(clip, filled, bare);
    for (int i = 0; i < n; i++)
        draw_fill(bare[i], UNFILLED);
}

static void draw_window(const struct window *w, struct rect clip)
{
    struct rect o = w->outer, content = window_content(w), part = rect_common(content, clip);
    if (!rect_empty(part))
        draw_content(w, content, part);
    if (rect_same(part, clip))
        return;                             /* nothing but content, the case of animations */

    struct rect title = rect_common((struct rect){ o.x0 + 1, o.y0 + 1, o.x1 - 1, o.y0 + 1 + TITLE_ROWS }, clip);
    if (!rect_empty(title)) {
        draw_fill(title, (w->accent >> 1 & TITLE_MASK) + colors->title_added);
        draw_text(o.x0 + TITLE_TEXT_AT, o.y0 + TITLE_TEXT_AT, w->title, colors->title_text, title);
    }
    uint32_t border = w == window_focused() ? BORDER_FOCUSED : BORDER;
    fill_part((struct rect){ o.x0, o.y0, o.x1, o.y0 + 1 }, clip, border);
    fill_part((struct rect){ o.x0, o.y1 - 1, o.x1, o.y1 }, clip, border);
    fill_part((struct rect){ o.x0, o.y0, o.x0 + 1, o.y1 }, clip, border);
    fill_part((struct rect){ o.x1 - 1, o.y0, o.x1, o.y1 }, clip, border);
}

/* Draws r from the stack's `position` downwards; each pixel is drawn once. */
static void draw_stack(struct rect r, int position)
{
    for (; position >= 0; position--) {
        int top = windows_count() - 1, swapped = DEFECT(stacking) && top > 0 && position >= top - 1 ? 2 * top - 1 - position : position;
        const struct window *w = window_in_stack(swapped);
        if (w->hidden)
            continue;
        struct rect covered = rect_common(r, w->outer), pieces[4];
        if (rect_empty(covered))
            continue;
        draw_window(w, covered);
        int n = rect_without(r, covered, pieces);
        for (int i = 0; i < n; i++)
            draw_stack(pieces[i], position - 1);
        return;
    }
    draw_background(r);
}

static struct rect cursor_rect(void)
{
    return rect_at(cursor_x, cursor_y, CURSOR, CURSOR);
}

static void draw_cursor(struct rect clip)
{
    struct rect part = rect_common(cursor_rect(), clip);
    for (int y = part.y0; y < part.y1; y++)
        for (int x = part.x0; x < part.x1; x++) {
            int r = y - cursor_y, c = x - cursor_x;
            if (c <= r)
                *back_at(x, y) = c == 0 || c == r || r == CURSOR - 1 ? CURSOR_EDGE : CURSOR_INSIDE;
        }
}

void scene_draw(struct rect r)
{
    draw_stack(r, windows_count() - 1);
    if (cursor_shown)
        draw_cursor(r);
}

void scene_cursor_to(int x, int y)
{
    if (cursor_shown && !DEFECT(cursor_trail))
        damage_add(cursor_rect());
    cursor_shown = true;
    cursor_x = x;
    cursor_y = y;
    damage_add(cursor_rect());
}

void scene_set_theme(uint32_t theme)
{
    colors = &integrity_block.themes[theme];
    damage_add(rect_at(0, 0, DESKTOP_WIDTH, DESKTOP_HEIGHT));
}

uint32_t scene_theme(void)
{
    return (uint32_t)(colors - integrity_block.themes);
}

void scene_reset(void)
{
    cursor_shown = false;
    scene_set_theme(0);
}
