/* What the user does: key and pointer events to markers, typed text, focus and drags. */
#include "input.h"
#include <stddef.h>
#include "keyboard.h"
#include "markers.h"
#include "ps2.h"
#include "scene.h"
#include "vga.h"
#include "vmmouse.h"

enum { LEFT = 1 };

static uint32_t events;             /* printed so far, of both kinds */
static uint8_t buttons;             /* of the last pointer event */
static struct window *dragged;
static int grip_x, grip_y;          /* pointer minus the dragged window's position */

static int id_of(const struct window *w)
{
    return w ? w->id : 0;
}

static void handle_key(struct key_event e)
{
    struct window *w = window_focused();
    marker("INPUT:KEY:%u:%s:%02x:%d", ++events, e.down ? "down" : "up", e.code, id_of(w));
    if (!w || !e.down)
        return;
    char c = e.code == KEY_ENTER ? '\n' : e.code == KEY_BACKSPACE ? '\b' : keyboard_character(e.code);
    if (c)
        window_type(w, c);
}

static int clamped(int v, int size)
{
    return v < size ? v : size - 1;
}

static void handle_pointer(struct pointer_event e)
{
    int x = clamped(e.x, DESKTOP_WIDTH), y = clamped(e.y, DESKTOP_HEIGHT);
    bool pressed = e.buttons & ~buttons & LEFT;
    buttons = e.buttons;

    struct window *w = dragged ? dragged : window_at(x, y);
    scene_cursor_to(x, y);
    if (dragged) {
        struct rect o = dragged->outer;
        window_place(dragged, rect_at(x - grip_x, y - grip_y, o.x1 - o.x0, o.y1 - o.y0));
    } else if (w && pressed) {
        window_raise(w);
        if (window_in_title(w, y)) {
            dragged = w;
            grip_x = x - w->outer.x0;
            grip_y = y - w->outer.y0;
        }
    }
    if (!(e.buttons & LEFT))
        dragged = NULL;
    marker("INPUT:POINTER:%u:%d:%d:%u:%d", ++events, x, y, e.buttons, id_of(w));
}

void input_handle(void)
{
    /* An event may be several controller bytes, each with its interrupt. Its marker tells the host that
     * the guest waits again, so it is printed only when nothing more of it is due. */
    if (ps2_busy())
        return;
    struct key_event key;
    while (keyboard_event(&key))
        handle_key(key);
    struct pointer_event pointer;
    while (vmmouse_event(&pointer))
        handle_pointer(pointer);
}

void input_forget(const struct window *w)
{
    if (dragged == w)
        dragged = NULL;
}

bool input_waiting(void)
{
    return !ps2_busy() && (ps2_has_key_byte() || vmmouse_has_event());
}
