/* wl_display, wl_registry and wl_callback: the start of every client. wl_output: what it shows on. */
#include "objects.h"
#include "string.h"
#include "vga.h"

enum { REGISTRY_GLOBAL = 0, CALLBACK_DONE = 0 };
enum { OUTPUT_GEOMETRY, OUTPUT_MODE, OUTPUT_DONE, OUTPUT_SCALE, MODE_CURRENT_PREFERRED = 3, REFRESH_MHZ = 60000 };

static const struct interface *const globals[] = {      /* name in the registry: place in here, from 1 */
    &compositor_interface, &shm_interface, &seat_interface, &output_interface, &data_manager_interface, &base_interface,
    &presentation_interface, &rayos_shell_interface,
};
enum { GLOBALS = sizeof globals / sizeof *globals };

static void sync(struct object *display, const union wire_argument *a)
{
    struct object *callback = object_new(display, a[0].u, &callback_interface, NULL);
    event(callback, CALLBACK_DONE, "u", next_serial());
    object_destroy(callback);
}

static void get_registry(struct object *display, const union wire_argument *a)
{
    struct object *registry = object_new(display, a[0].u, &registry_interface, NULL);
    for (uint32_t i = 0; i < GLOBALS; i++)
        event(registry, REGISTRY_GLOBAL, "usu", i + 1, globals[i]->name, globals[i]->version);
}

static void bind(struct object *registry, const union wire_argument *a)
{
    uint32_t name = a[0].u, version = a[2].u;
    if (name < 1 || name > GLOBALS || !same_text(globals[name - 1]->name, a[1].s))
        return post_error(registry, ERROR_INVALID_OBJECT, "invalid global %s (%u)", a[1].s, name);
    const struct interface *interface = globals[name - 1];
    if (version < 1 || version > interface->version)
        return post_error(registry, ERROR_INVALID_OBJECT, "invalid version for global %s (%u): have %u, wanted %u", a[1].s, name,
                          interface->version, version);
    struct object *o = object_new(registry, a[3].u, interface, NULL);
    o->version = version;
    if (interface->bound)
        interface->bound(o);
}

static const struct request display_requests[] = { { "sync", "n", sync, { }, 1 }, { "get_registry", "n", get_registry, { }, 1 } };
const struct interface display_interface = { "wl_display", 1, REQUESTS(display_requests), NULL, NULL };

static const struct request registry_requests[] = { { "bind", "usun", bind, { }, 1 } };
const struct interface registry_interface = { "wl_registry", 1, REQUESTS(registry_requests), NULL, NULL };

const struct interface callback_interface = { "wl_callback", 1, 0, NULL, NULL, NULL };

static void describe_output(struct object *o)
{
    event(o, OUTPUT_GEOMETRY, "iiiiissi", 0, 0, 0, 0, 0, "RayOS", "reference", 0);
    event(o, OUTPUT_MODE, "uiii", MODE_CURRENT_PREFERRED, DESKTOP_WIDTH, DESKTOP_HEIGHT, REFRESH_MHZ);
    if (o->version < 2)
        return;
    event(o, OUTPUT_SCALE, "i", 1);
    event(o, OUTPUT_DONE, "");
}

static const struct request output_requests[] = { { "release", "", request_destroy, { }, 3 } };
const struct interface output_interface = { "wl_output", 3, REQUESTS(output_requests), NULL, describe_output };
