/* Verbs that direct the windows. */
#include "commands.h"
#include "input.h"
#include "markers.h"
#include "string.h"
#include "vga.h"
#include "windows.h"

static void create(const struct argument *a, struct reply *r)
{
    enum window_kind kind = WINDOW_SOLID;
    if (a[6].given && same_text(a[6].word, "checker"))
        kind = WINDOW_CHECKER;
    else if (a[6].given && !same_text(a[6].word, "solid"))
        return commands_refuse(r, "argument", "kind");
    int id = (int)a[0].number;
    if (window_by_id(id))
        return commands_refuse(r, "id", a[0].word);
    struct rect outer = rect_at((int)a[1].number, (int)a[2].number, (int)a[3].number, (int)a[4].number);
    if (!window_create(id, outer, (uint32_t)a[5].number, kind))
        return commands_refuse(r, "limit", "memory");
    marker("SOAK:CLIENT_CREATED:%d", id);
}

static void destroy(const struct argument *a, struct reply *r)
{
    struct window *w = command_window(a, r);
    if (!w)
        return;
    input_forget(w);
    window_destroy(w);
    marker("SOAK:CLIENT_DESTROYED:%ld", a[0].number);
}

static void move(const struct argument *a, struct reply *r)
{
    struct window *w = command_window(a, r);
    if (w)
        window_place(w, rect_at((int)a[1].number, (int)a[2].number, w->outer.x1 - w->outer.x0, w->outer.y1 - w->outer.y0));
}

static void resize(const struct argument *a, struct reply *r)
{
    struct window *w = command_window(a, r);
    if (w)
        window_place(w, rect_at(w->outer.x0, w->outer.y0, (int)a[1].number, (int)a[2].number));
}

static void raise(const struct argument *a, struct reply *r)
{
    struct window *w = command_window(a, r);
    if (!w)
        return;
    if (w->hidden)
        return commands_refuse(r, "state", "hidden");
    window_raise(w);
}

static void lower(const struct argument *a, struct reply *r)
{
    struct window *w = command_window(a, r);
    if (w)
        window_lower(w);
}

static void hide(const struct argument *a, struct reply *r)
{
    struct window *w = command_window(a, r);
    if (!w)
        return;
    input_forget(w);
    window_hide(w);
}

static void show(const struct argument *a, struct reply *r)
{
    struct window *w = command_window(a, r);
    if (w)
        window_show(w);
}

static void redraw(const struct argument *a, struct reply *r)
{
    struct window *w = command_window(a, r);
    if (w)
        window_redraw(w);
}

static void animate(const struct argument *a, struct reply *r)
{
    struct window *w = command_window(a, r);
    if (w)
        w->animated = a[1].number;
}

#define X PARAMETER_NUMBER("x", WINDOW_MIN_POSITION, WINDOW_MAX_POSITION)
#define Y PARAMETER_NUMBER("y", WINDOW_MIN_POSITION, WINDOW_MAX_POSITION)
#define W PARAMETER_NUMBER("w", WINDOW_MIN_WIDTH, DESKTOP_WIDTH)
#define H PARAMETER_NUMBER("h", WINDOW_MIN_HEIGHT, DESKTOP_HEIGHT)

const struct command desktop_commands[] = {
    { "create", create, { PARAMETER_ID, X, Y, W, H, { .key = "color", .kind = COLOR }, { .key = "kind", .kind = ANY_WORD, .optional = true } } },
    { "destroy", destroy, { PARAMETER_ID } },
    { "move", move, { PARAMETER_ID, X, Y } },
    { "resize", resize, { PARAMETER_ID, W, H } },
    { "raise", raise, { PARAMETER_ID } },
    { "lower", lower, { PARAMETER_ID } },
    { "focus", raise, { PARAMETER_ID } },
    { "hide", hide, { PARAMETER_ID } },
    { "show", show, { PARAMETER_ID } },
    { "redraw", redraw, { PARAMETER_ID } },
    { "animate", animate, { PARAMETER_ID, PARAMETER_NUMBER("on", 0, 1) } },
    { }
};
