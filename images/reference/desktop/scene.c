/* What the desktop shows: background, panel, windows in their order, cursor. */
#include "scene.h"
#include "damage.h"
#include "draw.h"
#include "font.h"
#include "format.h"
#include "windows.h"

enum {
    BACKGROUND = 0x1E2A38, GRID = 0x263546, GRID_STEP = 64,
    PANEL = 0x10161E, PANEL_TEXT = 0x9FB4CC, PANEL_ROWS = 24, PANEL_TEXT_AT = 8,
    BORDER = 0x0A0D12, BORDER_FOCUSED = 0xFFFFFF, TITLE_MASK = 0x7F7F7F, CHECKER = 0x202020, TEXT = 0xFFFFFF,
    TITLE_TEXT_AT = 6, TEXT_MARGIN = 4, CURSOR = 12, CURSOR_EDGE = 0x000000, CURSOR_INSIDE = 0xFFFFFF,
};

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
        draw_fill(panel, PANEL);
        draw_text(PANEL_TEXT_AT, PANEL_TEXT_AT, "RayOS reference", PANEL_TEXT, panel);
        r.y0 = panel.y1;
    }
    int first_line = (r.x0 + GRID_STEP - 1) & -GRID_STEP;
    for (int y = r.y0; y < r.y1; y++) {
        draw_run(back_at(r.x0, y), r.x1 - r.x0, y % GRID_STEP ? BACKGROUND : GRID);
        for (int x = first_line; x < r.x1; x += GRID_STEP)
            *back_at(x, y) = GRID;
    }
}

static void draw_typed_text(const struct window *w, struct rect content, struct rect clip)
{
    int columns = (content.x1 - content.x0 - 2 * TEXT_MARGIN) / CELL_WIDTH;
    int rows = (content.y1 - content.y0 - 2 * TEXT_MARGIN) / CELL_HEIGHT;
    int column = 0, row = 0;
    for (int i = 0; i < w->text_length; i++) {
        if (w->text[i] == '\n') {
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
        draw_character(content.x0 + TEXT_MARGIN + column * CELL_WIDTH, content.y0 + TEXT_MARGIN + row * CELL_HEIGHT,
                       w->text[i], TEXT, clip);
        column++;
    }
}

static void draw_content(const struct window *w, struct rect content, struct rect clip)
{
    if (w->kind == WINDOW_CHECKER)
        draw_checker(clip, content.x0, content.y0, w->redraws, w->color, w->color ^ CHECKER);
    else
        draw_fill(clip, w->color);
    if (w->text_length)
        draw_typed_text(w, content, clip);
}

static void draw_window(const struct window *w, struct rect clip)
{
    struct rect o = w->outer, content = window_content(w), part = rect_common(content, clip);
    if (!rect_empty(part))
        draw_content(w, content, part);
    if (part.x0 == clip.x0 && part.y0 == clip.y0 && part.x1 == clip.x1 && part.y1 == clip.y1)
        return;                             /* nothing but content, the case of animations */

    struct rect title = rect_common((struct rect){ o.x0 + 1, o.y0 + 1, o.x1 - 1, o.y0 + 1 + TITLE_ROWS }, clip);
    if (!rect_empty(title)) {
        char name[16];
        format(name, sizeof name, "client %d", w->id);
        draw_fill(title, w->color >> 1 & TITLE_MASK);
        draw_text(o.x0 + TITLE_TEXT_AT, o.y0 + TITLE_TEXT_AT, name, TEXT, title);
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
        const struct window *w = window_in_stack(position);
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
    if (cursor_shown)
        damage_add(cursor_rect());
    cursor_shown = true;
    cursor_x = x;
    cursor_y = y;
    damage_add(cursor_rect());
}
