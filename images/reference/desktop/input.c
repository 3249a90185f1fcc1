/* What the user does: key and pointer events to clients, focus, drags of windows. */
#include "input.h"
#include "clients.h"
#include "clock.h"
#include "keyboard.h"
#include "markers.h"
#include "ps2.h"
#include "scene.h"
#include "seat.h"
#include "shell.h"
#include "vga.h"
#include "vmmouse.h"
#include "zoo.h"

enum { LEFT = 1, EDGE_TOP = 1, EDGE_BOTTOM = 2, EDGE_LEFT = 4, EDGE_RIGHT = 8 };

static uint32_t events;             /* printed so far, of both kinds */
static uint8_t buttons;             /* of the last pointer event */
static int pointer_x, pointer_y;
static struct window *gripped;      /* what a drag moves or resizes */
static uint32_t gripped_edges;      /* 0: it moves */
static int grip_x, grip_y;          /* moves: pointer minus its position; resizes: content size minus pointer, by its edges' sign */

static int id_of(const struct window *w)
{
    return w ? w->id : 0;
}

void input_key_code(uint32_t evdev, bool down)
{
    seat_key(evdev, down, clock_us());
}

static void handle_key(struct key_event e)
{
    int id = id_of(window_focused());
    static uint16_t late;
    if (DEFECT(key_reordered) && e.down && zoo_every(9)) {
        late = e.code;
        e.code = 0;
    }
    if (!(DEFECT(key_lost) && e.down && zoo_every(9)) && !(DEFECT(key_stuck) && !e.down && e.code == 0x2a))
        server_key(e.code, e.down, clock_us());
    if (late && e.down && e.code) {
        server_key(late, true, clock_us());
        late = 0;
    }
    if (DEFECT(key_doubled) && e.down && zoo_every(9))
        server_key(e.code, e.down, clock_us());
    clients_settle();
    marker("INPUT:KEY:%u:%s:%02x:%d", ++events, e.down ? "down" : "up", e.code, id);
}

static int clamped(int v, int size)
{
    return v < 0 ? 0 : v < size ? v : size - 1;
}

/* +1, -1 or 0: how a size follows the pointer. */
static int sign(uint32_t growing, uint32_t shrinking)
{
    return gripped_edges & growing ? 1 : gripped_edges & shrinking ? -1 : 0;
}

void input_grip(struct window *w, uint32_t edges)
{
    struct rect content = window_content(w);
    gripped = w;
    gripped_edges = edges;
    grip_x = edges ? content.x1 - content.x0 - sign(EDGE_RIGHT, EDGE_LEFT) * pointer_x : pointer_x - w->outer.x0;
    grip_y = edges ? content.y1 - content.y0 - sign(EDGE_BOTTOM, EDGE_TOP) * pointer_y : pointer_y - w->outer.y0;
    seat_end_grab();
}

bool input_grips(void)
{
    return gripped;
}

static void drag_on(uint32_t edges)
{
    if (gripped_edges)
        shell_resizing(gripped, edges, grip_x + sign(EDGE_RIGHT, EDGE_LEFT) * pointer_x, grip_y + sign(EDGE_BOTTOM, EDGE_TOP) * pointer_y);
    else
        window_place(gripped, rect_at(pointer_x - grip_x, pointer_y - grip_y, gripped->outer.x1 - gripped->outer.x0,
                                      gripped->outer.y1 - gripped->outer.y0));
}

struct window *input_point(int x, int y, uint8_t now)
{
    bool pressed = now & ~buttons & LEFT;
    pointer_x = clamped(x, DESKTOP_WIDTH);
    pointer_y = clamped(y, DESKTOP_HEIGHT);
    buttons = now;
    struct window *w = gripped ? gripped : window_at(pointer_x, pointer_y);
    scene_cursor_to(pointer_x, pointer_y);
    if (gripped) {
        drag_on(now & LEFT ? gripped_edges : 0);
    } else if (w && pressed) {
        window_raise(w);
        if (window_in_title(w, pointer_y))
            input_grip(w, 0);
    }
    if (!(now & LEFT))
        gripped = NULL;
    server_pointer(pointer_x, pointer_y, now, clock_us());
    return w;
}

static void handle_pointer(struct pointer_event e)
{
    int id = id_of(input_point(e.x, e.y, e.buttons));
    clients_settle();
    marker("INPUT:POINTER:%u:%d:%d:%u:%d", ++events, pointer_x, pointer_y, e.buttons, id);
}

void input_pointer_at(int *x, int *y)
{
    *x = pointer_x;
    *y = pointer_y;
}

uint8_t input_buttons(void)
{
    return buttons;
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
    if (gripped == w)
        gripped = NULL;
}

/* The controller is asked only while part of an event is here: then the host has no confirmation yet and sends no other.
 * After the last marker it may send the next at any moment, and the time of what runs until the halt must not tell when. */
bool input_waiting(void)
{
    return (ps2_has_key_byte() || vmmouse_has_event()) && !ps2_busy();
}
