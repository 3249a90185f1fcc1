/* Pointer and keyboard: what the window is given is echoed, and shown. A press of the left button moves the window by its strip, or
 * begins a drag that was armed. */
#include "client.h"
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <unistd.h>

static struct wl_pointer *pointer;
static struct wl_keyboard *keyboard;
static int pointer_x = -1, pointer_y = -1;              /* as echoed last */

static void key(void *data, struct wl_keyboard *from, uint32_t serial, uint32_t time, uint32_t code, uint32_t state)
{
    char text[32];
    (void)data; (void)from; (void)time;
    me.serial = serial;
    snprintf(text, sizeof text, "%u:%u", code, state);
    take_input("KEY", text);
}

static void keymap(void *data, struct wl_keyboard *from, uint32_t format, int32_t fd, uint32_t size)
{
    (void)data; (void)from; (void)format; (void)size;
    close(fd);                                          /* codes are echoed, not characters */
}

static void focus(void *data, struct wl_keyboard *from, uint32_t serial, struct wl_surface *surface, struct wl_array *keys)
{
    (void)data; (void)from; (void)surface; (void)keys;
    me.serial = serial;
    me.page->focused = true;
}

static void blur(void *data, struct wl_keyboard *from, uint32_t serial, struct wl_surface *surface)
{
    (void)data; (void)from; (void)serial; (void)surface;
    me.page->focused = false;
}

static void modifiers(void *data, struct wl_keyboard *from, uint32_t serial, uint32_t down, uint32_t latched, uint32_t locked,
                      uint32_t group)
{
    (void)data; (void)from; (void)serial; (void)down; (void)latched; (void)locked; (void)group;
}

static const struct wl_keyboard_listener keyboard_events = {
    .keymap = keymap, .enter = focus, .leave = blur, .key = key, .modifiers = modifiers,
};

void move_pointer(wl_fixed_t x, wl_fixed_t y)
{
    char text[32];
    if (wl_fixed_to_int(x) == pointer_x && wl_fixed_to_int(y) == pointer_y)
        return;                                         /* an entry and the motion that it came by are one */
    pointer_x = wl_fixed_to_int(x);
    pointer_y = wl_fixed_to_int(y);
    snprintf(text, sizeof text, "%d:%d", pointer_x, pointer_y);
    take_input("POINTER", text);
}

void lose_pointer(void)
{
    pointer_x = pointer_y = -1;
}

static void enter(void *data, struct wl_pointer *from, uint32_t serial, struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y)
{
    (void)data; (void)surface;
    wl_pointer_set_cursor(from, serial, NULL, 0, 0);    /* a cursor would hide pixels */
    move_pointer(x, y);
}

static void leave(void *data, struct wl_pointer *from, uint32_t serial, struct wl_surface *surface)
{
    (void)data; (void)from; (void)serial; (void)surface;
    lose_pointer();
}

static void motion(void *data, struct wl_pointer *from, uint32_t time, wl_fixed_t x, wl_fixed_t y)
{
    (void)data; (void)from; (void)time;
    move_pointer(x, y);
}

static void button(void *data, struct wl_pointer *from, uint32_t serial, uint32_t time, uint32_t code, uint32_t state)
{
    char text[32];
    (void)data; (void)from; (void)time;
    me.serial = serial;
    if (code == BTN_LEFT && state && in_strip(pointer_x))
        xdg_toplevel_move(me.toplevel, me.seat, serial);
    else if (code == BTN_LEFT && state)
        begin_drag(serial);
    else if (code == BTN_LEFT)
        miss_drag();                                    /* of the end of a drag the pointer tells nothing */
    wl_display_flush(me.display);                       /* whoever waits for the echo may go on: the compositor knows */
    snprintf(text, sizeof text, "%u:%u", code, state);
    take_input("BUTTON", text);
}

static void axis(void *data, struct wl_pointer *from, uint32_t time, uint32_t which, wl_fixed_t value)
{
    (void)data; (void)from; (void)time; (void)which; (void)value;
}

static const struct wl_pointer_listener pointer_events = {
    .enter = enter, .leave = leave, .motion = motion, .button = button, .axis = axis,
};

static void capabilities(void *data, struct wl_seat *seat, uint32_t has)
{
    (void)data;
    if (has & WL_SEAT_CAPABILITY_POINTER && !pointer) {
        pointer = wl_seat_get_pointer(seat);
        wl_pointer_add_listener(pointer, &pointer_events, NULL);
    }
    if (has & WL_SEAT_CAPABILITY_KEYBOARD && !keyboard) {
        keyboard = wl_seat_get_keyboard(seat);
        wl_keyboard_add_listener(keyboard, &keyboard_events, NULL);
    }
}

static const struct wl_seat_listener seat_events = { .capabilities = capabilities };

void listen_to_seat(void)
{
    if (me.seat)
        wl_seat_add_listener(me.seat, &seat_events, NULL);
}
