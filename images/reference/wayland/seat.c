/* wl_seat, wl_pointer, wl_keyboard: who gets what the user does. */
#include "seat.h"
#include "data.h"
#include "input.h"
#include "keymap.h"
#include "shell.h"
#include "string.h"
#include "zoo.h"

enum { SEAT_CAPABILITIES, SEAT_NAME, CAPABILITY_POINTER = 1, CAPABILITY_KEYBOARD = 2, MISSING_CAPABILITY = 0 };
enum { POINTER_ENTER, POINTER_LEAVE, POINTER_MOTION, POINTER_BUTTON, POINTER_FRAME = 5, POINTER_ROLE = 0 };
enum { KEYBOARD_KEYMAP, KEYBOARD_ENTER, KEYBOARD_LEAVE, KEYBOARD_KEY, KEYBOARD_MODIFIERS, KEYBOARD_REPEAT_INFO, XKB_V1 = 1 };
enum { BUTTON_LEFT = 0x110, BUTTONS = 3, KEYS = 256 };
enum { KEY_LEFT_CTRL = 29, KEY_LEFT_SHIFT = 42, KEY_RIGHT_SHIFT = 54, KEY_LEFT_ALT = 56, KEY_RIGHT_CTRL = 97, KEY_RIGHT_ALT = 100 };
enum { MOD_SHIFT = 1, MOD_CONTROL = 4, MOD_ALT = 8 };       /* bits of the keymap's real modifiers */

static struct surface *over;            /* the pointer is in it */
static struct surface *grab;            /* since a press, until all buttons are up */
static uint32_t press_serial;
static uint8_t buttons;
static int pointer_x, pointer_y;
static uint8_t pressed[KEYS / 8];

#define EACH(o, client, interface) (struct object *o = object_first(client, interface); o; o = object_after(o))

static struct surface *focus(void)
{
    struct window *w = DEFECT(key_wrong_client) ? window_in_stack(0) : window_focused();
    return w ? w->xdg->surface : NULL;
}

/* ---- pointer ---- */

static int to_fixed(int v)
{
    return v * 256;
}

/* Position in the surface: its picture's place in the window, and the geometry's in the picture. */
static void locate(const struct surface *s, int x, int y, int *fx, int *fy)
{
    const struct xdg *xdg = s->xdg;
    struct rect content = window_content(xdg->window);
    bool whole = rect_empty(xdg->geometry);
    *fx = to_fixed(x - content.x0 + (whole ? 0 : xdg->geometry.x0));
    *fy = to_fixed(y - content.y0 + (whole ? 0 : xdg->geometry.y0));
}

struct surface *seat_surface_at(int x, int y, int *fx, int *fy)
{
    struct window *w = window_at(x, y);
    if (!w || !rect_has(window_content(w), x, y))
        return NULL;
    locate(w->xdg->surface, x, y, fx, fy);
    return w->xdg->surface;
}

static void pointer_frame(struct client *c)
{
    for EACH(o, c, &pointer_interface)
        if (o->version >= 5)
            event(o, POINTER_FRAME, "");
}

static void pointer_enter(struct object *o)
{
    int fx, fy;
    locate(over, pointer_x, pointer_y, &fx, &fy);
    event(o, POINTER_ENTER, "uoii", next_serial(), over->object, fx, fy);
}

static bool move_to(struct surface *s)
{
    if (s == over)
        return false;
    struct surface *left = over;
    over = s;
    if (left) {
        for EACH(o, left->client, &pointer_interface)
            event(o, POINTER_LEAVE, "uo", next_serial(), left->object);
        if (!s || s->client != left->client)
            pointer_frame(left->client);
    }
    if (s)
        for EACH(o, s->client, &pointer_interface)
            pointer_enter(o);
    return true;
}

static struct surface *pointed(void)
{
    int fx, fy;
    if (grab)
        return grab;
    return input_grips() || data_drags() ? NULL : seat_surface_at(pointer_x, pointer_y, &fx, &fy);
}

void seat_point(int x, int y)
{
    pointer_x = x;
    pointer_y = y;
    if (move_to(pointed()) && over)
        pointer_frame(over->client);
}

static void send_button(int bit, bool down, uint32_t ms)
{
    uint32_t serial = next_serial();
    if (down && !grab) {
        grab = over;
        press_serial = serial;
    }
    if (grab)                           /* else the press was not the client's, or was taken from it */
        for EACH(o, grab->client, &pointer_interface)
            event(o, POINTER_BUTTON, "uuuu", serial, ms, BUTTON_LEFT + bit, down);
}

void server_pointer(int x, int y, uint8_t now, uint64_t us)
{
    uint32_t ms = (uint32_t)(us / 1000);
    bool moved = x != pointer_x || y != pointer_y;
    uint8_t changed = buttons ^ now;
    pointer_x = x;
    pointer_y = y;
    buttons = now;
    if (data_drags() && moved)
        data_drag_to(x, y, ms);
    if (data_drags() && !now)
        data_drag_end();
    bool entered = move_to(pointed());
    if (over && moved && !entered) {
        int fx, fy;
        locate(over, x, y, &fx, &fy);
        for EACH(o, over->client, &pointer_interface)
            event(o, POINTER_MOTION, "uii", ms, fx, fy);
    }
    for (int bit = 0; bit < BUTTONS; bit++)
        if (changed >> bit & 1)
            send_button(bit, now >> bit & 1, ms);
    if (over && (moved || entered || changed))
        pointer_frame(over->client);
    if (!now && grab) {
        grab = NULL;
        seat_point(x, y);
    }
}

bool seat_is_press(const struct surface *s, uint32_t serial)
{
    return s && grab == s && serial == press_serial;
}

void seat_end_grab(void)
{
    grab = NULL;
    seat_point(pointer_x, pointer_y);
}

void seat_forget(struct surface *s)
{
    if (grab == s)
        grab = NULL;
    if (over == s)
        over = NULL;
}

static void set_cursor(struct object *o, const union wire_argument *a)
{
    if (a[1].o)                 /* the cursor stays the desktop's own */
        surface_take_role(a[1].o->data, ROLE_CURSOR, o, POINTER_ROLE);
}

/* ---- keyboard ---- */

static bool is_down(uint32_t code)
{
    return pressed[code / 8] >> code % 8 & 1;
}

static uint32_t modifiers(void)
{
    return (is_down(KEY_LEFT_SHIFT) || is_down(KEY_RIGHT_SHIFT) ? MOD_SHIFT : 0)
        | (is_down(KEY_LEFT_CTRL) || is_down(KEY_RIGHT_CTRL) ? MOD_CONTROL : 0)
        | (is_down(KEY_LEFT_ALT) || is_down(KEY_RIGHT_ALT) ? MOD_ALT : 0);
}

static void send_modifiers(struct object *o)
{
    event(o, KEYBOARD_MODIFIERS, "uuuuu", next_serial(), modifiers(), 0, 0, 0);
}

static void keyboard_enter(struct object *o, struct surface *s)
{
    uint32_t keys[KEYS];
    size_t n = 0;
    for (uint32_t code = 0; code < KEYS; code++)
        if (is_down(code))
            keys[n++] = code;
    event(o, KEYBOARD_ENTER, "uoa", next_serial(), s->object, (const void *)keys, n * sizeof *keys);
    send_modifiers(o);
}

void server_focus(struct window *from, struct window *to)
{
    if (from) {
        struct surface *s = from->xdg->surface;
        for EACH(o, s->client, &keyboard_interface)
            event(o, KEYBOARD_LEAVE, "uo", next_serial(), s->object);
        shell_activated(from->xdg);
    }
    if (to) {
        struct surface *s = to->xdg->surface;
        data_tell_selection(s->client);
        for EACH(o, s->client, &keyboard_interface)
            keyboard_enter(o, s);
        shell_activated(to->xdg);
    }
}

void seat_key(uint32_t code, bool down, uint64_t us)
{
    if (code >= KEYS)
        return;
    uint32_t before = modifiers(), bit = 1u << code % 8;
    pressed[code / 8] = (uint8_t)(down ? pressed[code / 8] | bit : pressed[code / 8] & ~bit);
    struct surface *s = focus();
    if (!s)
        return;
    for EACH(o, s->client, &keyboard_interface) {
        event(o, KEYBOARD_KEY, "uuuu", next_serial(), (uint32_t)(us / 1000), code, down);
        if (modifiers() != before)
            send_modifiers(o);
    }
}

void server_key(uint16_t code, bool down, uint64_t us)
{
    uint32_t evdev = keymap_evdev(code);
    if (evdev)
        seat_key(evdev, down, us);
}

void seat_reset(void)
{
    memset(pressed, 0, sizeof pressed);
}

/* ---- objects ---- */

static void get_pointer(struct object *seat, const union wire_argument *a)
{
    struct object *o = object_new(seat, a[0].u, &pointer_interface, NULL);
    if (over && over->client == o->client) {
        pointer_enter(o);
        if (o->version >= 5)
            event(o, POINTER_FRAME, "");
    }
}

static void get_keyboard(struct object *seat, const union wire_argument *a)
{
    struct object *o = object_new(seat, a[0].u, &keyboard_interface, NULL);
    struct shared *keymap = keymap_new();
    if (!keymap)
        return post_error(&o->client->objects[1], ERROR_NO_MEMORY, "no memory for the keymap");
    event(o, KEYBOARD_KEYMAP, "uhu", XKB_V1, keymap, (uint32_t)keymap->size);
    shared_drop(keymap);
    if (o->version >= 4)
        event(o, KEYBOARD_REPEAT_INFO, "ii", 0, 0);
    struct surface *s = focus();
    if (s && s->client == o->client)
        keyboard_enter(o, s);
}

static void get_touch(struct object *seat, const union wire_argument *a)
{
    (void)a;
    post_error(seat, MISSING_CAPABILITY, "this seat has no touch device");
}

static void describe(struct object *seat)
{
    event(seat, SEAT_CAPABILITIES, "u", CAPABILITY_POINTER | CAPABILITY_KEYBOARD);
    if (seat->version >= 2)
        event(seat, SEAT_NAME, "s", "seat0");
}

static const struct request seat_requests[] = {
    { "get_pointer", "n", get_pointer, { }, 1 },
    { "get_keyboard", "n", get_keyboard, { }, 1 },
    { "get_touch", "n", get_touch, { }, 1 },
    { "release", "", request_destroy, { }, 5 },
};
const struct interface seat_interface = { "wl_seat", 5, REQUESTS(seat_requests), NULL, describe };

static const struct request pointer_requests[] = {
    { "set_cursor", "uOii", set_cursor, { &surface_interface }, 1 },
    { "release", "", request_destroy, { }, 3 },
};
const struct interface pointer_interface = { "wl_pointer", 5, REQUESTS(pointer_requests), NULL, NULL };

static const struct request keyboard_requests[] = { { "release", "", request_destroy, { }, 3 } };
const struct interface keyboard_interface = { "wl_keyboard", 5, REQUESTS(keyboard_requests), NULL, NULL };
