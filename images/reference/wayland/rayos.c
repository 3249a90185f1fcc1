/* rayos_shell_v1, rayos_window_v1: a window's place and colour, a user's input, the theme (rayos.xml). */
#include "input.h"
#include "keymap.h"
#include "objects.h"
#include "shell.h"

enum { SHELL_THEME = 0, BUTTON_LEFT = 0x110, BUTTONS = 3 };

static uint32_t theme_now;

static void get_window(struct object *shell, const union wire_argument *a)
{
    object_new(shell, a[0].u, &rayos_window_interface, a[1].o->data);
}

static void key(struct object *shell, const union wire_argument *a)
{
    (void)shell;
    input_key_code(a[0].u, a[1].u);
}

static void motion(struct object *shell, const union wire_argument *a)
{
    (void)shell;
    input_point(a[0].i, a[1].i, input_buttons());
}

static void button(struct object *shell, const union wire_argument *a)
{
    (void)shell;
    int x, y;
    uint32_t bit = a[0].u - BUTTON_LEFT;
    input_pointer_at(&x, &y);
    if (bit < BUTTONS)
        input_point(x, y, (uint8_t)(a[1].u ? input_buttons() | 1u << bit : input_buttons() & ~(1u << bit)));
}

static void set_place(struct object *o, const union wire_argument *a)
{
    struct xdg *x = o->data;
    if (x)
        shell_place(x, a[0].i, a[1].i);
}

static void set_accent(struct object *o, const union wire_argument *a)
{
    struct xdg *x = o->data;
    if (x)
        shell_set_accent(x, a[0].u);
}

static void tell_theme(struct object *shell)
{
    event(shell, SHELL_THEME, "u", theme_now);
}

void server_theme(uint32_t theme)
{
    struct connection *connection;
    theme_now = theme;
    for (int i = 0; (connection = connection_at(i)); i++) {
        struct client *c = connection->server;
        for (struct object *o = c ? object_first(c, &rayos_shell_interface) : NULL; o; o = object_after(o))
            tell_theme(o);
    }
}

static const struct request shell_requests[] = {
    { "destroy", "", request_destroy, { }, 1 },
    { "get_window", "no", get_window, { &toplevel_interface }, 1 },
    { "key", "uu", key, { }, 1 },
    { "motion", "ii", motion, { }, 1 },
    { "button", "uu", button, { }, 1 },
};
const struct interface rayos_shell_interface = { "rayos_shell_v1", 1, REQUESTS(shell_requests), NULL, tell_theme };

static const struct request window_requests[] = {
    { "destroy", "", request_destroy, { }, 1 },
    { "set_place", "ii", set_place, { }, 1 },
    { "set_accent", "u", set_accent, { }, 1 },
};
const struct interface rayos_window_interface = { "rayos_window_v1", 1, REQUESTS(window_requests), NULL, NULL };
