/* The way to a window and back: the globals that we need, our objects, their end. */
#include "client.h"
#include "calls.h"

struct objects objects;

static bool same(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        ;
    return *a == *b;
}

void connect_bind(uint32_t name, const char *interface, uint32_t offered)
{
    static const struct {
        const char *interface;
        uint32_t version, *id;
        uint8_t kind;
    } wanted[] = {
        { "wl_compositor", 4, &objects.compositor, OBJECT_GLOBAL }, { "wl_shm", 1, &objects.shm, OBJECT_GLOBAL },
        { "wl_seat", 5, &objects.seat, OBJECT_SEAT }, { "wl_data_device_manager", 3, &objects.data_manager, OBJECT_GLOBAL },
        { "xdg_wm_base", 1, &objects.wm_base, OBJECT_WM_BASE }, { "rayos_shell_v1", 1, &objects.shell, OBJECT_SHELL },
    };
    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (*wanted[i].id || !same(wanted[i].interface, interface))
            continue;
        uint32_t version = offered < wanted[i].version ? offered : wanted[i].version;
        *wanted[i].id = wire_new_id(wanted[i].kind);
        wire_begin(REGISTRY, REGISTRY_BIND);
        wire_word(name);
        wire_string(interface);
        wire_word(version);
        wire_word(*wanted[i].id);
        wire_end();
    }
}

void connect_make_window(const struct task_arguments *arguments)
{
    if (!objects.compositor || !objects.shm || !objects.wm_base)
        call_exit(EXIT_UNSUPPORTED);
    objects.surface = wire_new_id(OBJECT_SURFACE);
    WIRE(objects.compositor, COMPOSITOR_CREATE_SURFACE, objects.surface);
    objects.xdg_surface = wire_new_id(OBJECT_XDG_SURFACE);
    WIRE(objects.wm_base, WM_BASE_GET_XDG_SURFACE, objects.xdg_surface, objects.surface);
    objects.toplevel = wire_new_id(OBJECT_TOPLEVEL);
    WIRE(objects.xdg_surface, XDG_SURFACE_GET_TOPLEVEL, objects.toplevel);
    char title[] = "client \0\0";
    int id = arguments->id, n = sizeof title - 3;
    if (id >= 10)
        title[n++] = (char)('0' + id / 10);
    title[n] = (char)('0' + id % 10);
    wire_begin(objects.toplevel, TOPLEVEL_SET_TITLE);
    wire_string(title);
    wire_end();
    if (objects.shell) {
        objects.window = wire_new_id(OBJECT_WINDOW);
        WIRE(objects.shell, SHELL_GET_WINDOW, objects.window, objects.toplevel);
        WIRE(objects.window, WINDOW_SET_PLACE, (uint32_t)arguments->x, (uint32_t)arguments->y);
        WIRE(objects.window, WINDOW_SET_ACCENT, arguments->color);
    }
    WIRE0(objects.surface, SURFACE_COMMIT);     /* asks for the first configure */
    if (objects.seat) {
        objects.keyboard = wire_new_id(OBJECT_KEYBOARD);
        WIRE(objects.seat, SEAT_GET_KEYBOARD, objects.keyboard);
        objects.pointer = wire_new_id(OBJECT_POINTER);
        WIRE(objects.seat, SEAT_GET_POINTER, objects.pointer);
    }
    transfer_begin();
}

void connect_close(void)
{
    if (objects.window)
        WIRE0(objects.window, WINDOW_DESTROY);
    WIRE0(objects.toplevel, TOPLEVEL_DESTROY);
    WIRE0(objects.xdg_surface, XDG_SURFACE_DESTROY);
    WIRE0(objects.surface, SURFACE_DESTROY);
    buffers_destroy();
    wire_flush();
    call_exit(EXIT_CLOSED);
}
