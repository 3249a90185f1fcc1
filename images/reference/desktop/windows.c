/* The windows: their state, stacking order and focus. Every change adds its damage. */
#include "windows.h"
#include <stddef.h>
#include "alloc.h"
#include "damage.h"
#include "format.h"
#include "server.h"
#include "vga.h"
#include "zoo.h"

static struct window *by_id[WINDOW_LAST + 1];
static struct window *stack[WINDOW_LAST];      /* bottom first */
static int count;
static struct window *focused;

static void damage_outer(const struct window *w)
{
    if (w && !w->hidden)
        damage_add(w->outer);
}

static void unstack(struct window *w)
{
    int i = 0;
    while (stack[i] != w)
        i++;
    for (count--; i < count; i++)
        stack[i] = stack[i + 1];
}

static void set_focus(struct window *w)
{
    struct window *before = focused;
    if (w == before)
        return;
    damage_outer(before);
    damage_outer(w);
    focused = w;
    server_focus(before, w);
}

struct window *window_create(int id, struct xdg *xdg, struct rect outer)
{
    struct window *w = alloc(sizeof *w);
    if (!w)
        return NULL;
    *w = (struct window){ .id = id, .outer = outer, .xdg = xdg };
    by_id[id] = w;
    return w;
}

void window_appear(struct window *w)
{
    stack[count++] = w;
    damage_outer(w);
    set_focus(w);
}

void window_destroy(struct window *w)
{
    damage_outer(w);
    unstack(w);
    by_id[w->id] = NULL;
    if (focused == w)
        set_focus(window_top());
    release(w);
    if (DEFECT(double_free))
        release(w);
}

struct window *window_by_id(int id)
{
    return id >= 1 && id <= WINDOW_LAST ? by_id[id] : NULL;
}

struct window *window_at(int x, int y)
{
    for (int i = count - 1; i >= 0; i--)
        if (!stack[i]->hidden && rect_has(stack[i]->outer, x, y))
            return stack[i];
    return NULL;
}

struct window *window_top(void)
{
    for (int i = count - 1; i >= 0; i--)
        if (!stack[i]->hidden)
            return stack[i];
    return NULL;
}

struct window *window_in_stack(int position)
{
    return position < count ? stack[position] : NULL;
}

struct window *window_focused(void)
{
    return focused;
}

int windows_count(void)
{
    return count;
}

struct rect window_content(const struct window *w)
{
    if (w->fullscreen)
        return w->outer;
    return (struct rect){ w->outer.x0 + 1, w->outer.y0 + 1 + TITLE_ROWS, w->outer.x1 - 1, w->outer.y1 - 1 };
}

bool window_in_title(const struct window *w, int y)
{
    return !w->fullscreen && y >= w->outer.y0 && y <= w->outer.y0 + TITLE_ROWS;
}

void window_place(struct window *w, struct rect outer)
{
    damage_outer(w);
    w->outer = outer;
    damage_outer(w);
}

void window_move(struct window *w, int x, int y)
{
    struct rect o = w->fullscreen ? w->outer_before : w->outer, moved = rect_at(x, y, o.x1 - o.x0, o.y1 - o.y0);
    if (w->fullscreen)
        w->outer_before = moved;
    else
        window_place(w, moved);
}

void window_raise(struct window *w)
{
    unstack(w);
    stack[count++] = w;
    damage_outer(w);
    set_focus(w);
}

void window_lower(struct window *w)
{
    unstack(w);
    for (int i = count++; i > 0; i--)
        stack[i] = stack[i - 1];
    stack[0] = w;
    damage_outer(w);
    if (focused == w)
        set_focus(window_top());
}

void window_hide(struct window *w)
{
    damage_outer(w);
    w->hidden = true;
    if (focused == w)
        set_focus(window_top());
}

void window_show(struct window *w)
{
    w->hidden = false;
    window_raise(w);
}

void window_set_fullscreen(struct window *w, bool on, int width, int height)
{
    if (on)
        w->outer_before = w->outer;
    w->fullscreen = on;
    window_place(w, on ? rect_at(0, 0, DESKTOP_WIDTH, DESKTOP_HEIGHT) : rect_at(w->outer_before.x0, w->outer_before.y0, width, height));
    if (on && !w->hidden)
        window_raise(w);
}

void window_set_title(struct window *w, const char *title)
{
    format(w->title, sizeof w->title, "%s", title);
    damage_outer(w);
}

void window_set_accent(struct window *w, uint32_t rgb)
{
    w->accent = rgb;
    damage_outer(w);
}

bool window_damage(struct window *w, struct rect part)
{
    struct rect content = window_content(w);
    part = rect_common((struct rect){ content.x0 + part.x0, content.y0 + part.y0, content.x0 + part.x1, content.y0 + part.y1 }, content);
    if (w->hidden || rect_empty(part))
        return false;
    damage_add(part);
    return true;
}
