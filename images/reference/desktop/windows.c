/* The windows: their state, stacking order and focus. Every change adds its damage. */
#include "windows.h"
#include <stddef.h>
#include "alloc.h"
#include "damage.h"

static struct window *by_id[WINDOW_IDS + 1];
static struct window *stack[WINDOW_IDS];        /* bottom first */
static int count;
static struct window *focused;

static void damage_outer(const struct window *w)
{
    if (w && !w->hidden)
        damage_add(w->outer);
}

static void damage_content(const struct window *w)
{
    if (!w->hidden)
        damage_add(window_content(w));
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
    if (w == focused)
        return;
    damage_outer(focused);
    damage_outer(w);
    focused = w;
}

struct window *window_create(int id, struct rect outer, uint32_t color, enum window_kind kind)
{
    struct window *w = alloc(sizeof *w);
    if (!w)
        return NULL;
    *w = (struct window){ .id = id, .outer = outer, .color = color, .kind = kind };
    by_id[id] = w;
    stack[count++] = w;
    damage_outer(w);
    set_focus(w);
    return w;
}

void window_destroy(struct window *w)
{
    damage_outer(w);
    unstack(w);
    by_id[w->id] = NULL;
    if (focused == w)
        set_focus(window_top());
    release(w);
}

struct window *window_by_id(int id)
{
    return id >= 1 && id <= WINDOW_IDS ? by_id[id] : NULL;
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
    return (struct rect){ w->outer.x0 + 1, w->outer.y0 + 1 + TITLE_ROWS, w->outer.x1 - 1, w->outer.y1 - 1 };
}

bool window_in_title(const struct window *w, int y)
{
    return y >= w->outer.y0 && y <= w->outer.y0 + TITLE_ROWS;
}

void window_place(struct window *w, struct rect outer)
{
    damage_outer(w);
    w->outer = outer;
    damage_outer(w);
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

void window_redraw(struct window *w)
{
    w->redraws++;
    damage_content(w);
}

bool window_type(struct window *w, char c)
{
    if (c == '\b' ? w->text_length == 0 : w->text_length == TEXT_MOST)
        return false;
    if (c == '\b')
        w->text_length--;
    else
        w->text[w->text_length++] = c;
    damage_content(w);
    return true;
}

void windows_animate(void)
{
    for (int i = 0; i < count; i++)
        if (stack[i]->animated)
            window_redraw(stack[i]);
}
