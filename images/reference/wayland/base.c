/* xdg_wm_base: where surfaces get their roles, and pings; xdg_positioner, of popups that there are none of. */
#include "alloc.h"
#include "shell.h"

enum { BASE_PING = 0, BASE_ROLE = 0, BASE_DEFUNCT_SURFACES = 1, BASE_INVALID_SURFACE_STATE = 4, FIRST_PLACE = 64, FIRST_ACCENT = 0x808080 };

/* A ping that waits for its pong is the object's data. */
void server_ping_all(void (*heard)(int client, bool answers))
{
    struct connection *connection;
    for (int i = 0; (connection = connection_at(i)); i++) {
        struct client *c = connection->server;
        bool answers = true;
        for (struct object *o = c ? object_first(c, &base_interface) : NULL; o; o = object_after(o))
            answers &= !o->data;
        if (c)
            heard(connection->client, answers);
        for (struct object *o = c && answers ? object_first(c, &base_interface) : NULL; o; o = object_after(o)) {
            uint32_t serial = next_serial();
            o->data = (void *)(uintptr_t)serial;
            event(o, BASE_PING, "u", serial);
        }
    }
}

static void pong(struct object *base, const union wire_argument *a)
{
    if ((uintptr_t)base->data == a[0].u)
        base->data = NULL;
}

static void base_destroy(struct object *base, const union wire_argument *a)
{
    (void)a;
    for (struct object *o = object_first(base->client, &xdg_surface_interface); o; o = object_after(o))
        if (((struct xdg *)o->data)->base == base)
            return post_error(base, BASE_DEFUNCT_SURFACES, "xdg_surface#%u is still there", o->id);
    object_destroy(base);
}

static void get_xdg_surface(struct object *base, const union wire_argument *a)
{
    struct surface *s = a[1].o->data;
    if (s->xdg || (s->role != ROLE_NONE && s->role != ROLE_TOPLEVEL))
        return post_error(base, BASE_ROLE, "wl_surface#%u has a role", s->object->id);
    if (s->buffer || (s->attached && s->buffer_attached))
        return post_error(base, BASE_INVALID_SURFACE_STATE, "wl_surface#%u has a buffer", s->object->id);
    struct xdg *x = client_memory(base->client, sizeof *x, NULL, 0);
    if (!x)
        return;
    *x = (struct xdg){ .surface = s, .base = base, .x = FIRST_PLACE, .y = FIRST_PLACE, .accent = FIRST_ACCENT };
    x->object = object_new(base, a[0].u, &xdg_surface_interface, x);
    s->xdg = x;
}

enum { POSITIONER_INVALID_INPUT = 0, ANCHOR_LAST = 8 };

static void create_positioner(struct object *base, const union wire_argument *a)
{
    struct positioner *p = client_memory(base->client, sizeof *p, NULL, 0);
    if (p)
        object_new(base, a[0].u, &positioner_interface, p);
}

static void positioner_destroyed(struct object *o)
{
    release(o->data);
}

static void set_size(struct object *o, const union wire_argument *a)
{
    if (a[0].i <= 0 || a[1].i <= 0)
        return post_error(o, POSITIONER_INVALID_INPUT, "size %dx%d", a[0].i, a[1].i);
    ((struct positioner *)o->data)->sized = true;
}

static void set_anchor_rect(struct object *o, const union wire_argument *a)
{
    if (a[2].i < 0 || a[3].i < 0)
        return post_error(o, POSITIONER_INVALID_INPUT, "anchor rectangle %dx%d", a[2].i, a[3].i);
    ((struct positioner *)o->data)->anchored = true;
}

static void set_anchor_or_gravity(struct object *o, const union wire_argument *a)
{
    if (a[0].u > ANCHOR_LAST)
        post_error(o, POSITIONER_INVALID_INPUT, "invalid value %u", a[0].u);
}

static void no_effect(struct object *o, const union wire_argument *a)
{
    (void)o, (void)a;       /* checked; has no effect here */
}

static const struct request base_requests[] = {
    { "destroy", "", base_destroy, { }, 1 },
    { "create_positioner", "n", create_positioner, { }, 1 },
    { "get_xdg_surface", "no", get_xdg_surface, { &surface_interface }, 1 },
    { "pong", "u", pong, { }, 1 },
};
const struct interface base_interface = { "xdg_wm_base", 2, REQUESTS(base_requests), NULL, NULL };

static const struct request positioner_requests[] = {
    { "destroy", "", request_destroy, { }, 1 },
    { "set_size", "ii", set_size, { }, 1 },
    { "set_anchor_rect", "iiii", set_anchor_rect, { }, 1 },
    { "set_anchor", "u", set_anchor_or_gravity, { }, 1 },
    { "set_gravity", "u", set_anchor_or_gravity, { }, 1 },
    { "set_constraint_adjustment", "u", no_effect, { }, 1 },
    { "set_offset", "ii", no_effect, { }, 1 },
};
const struct interface positioner_interface = { "xdg_positioner", 2, REQUESTS(positioner_requests), positioner_destroyed, NULL };
