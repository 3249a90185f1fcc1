/* wl_compositor, wl_region and wl_surface: what a client wants to show, in effect from its commit. */
#include "surface.h"
#include "alloc.h"
#include "clock.h"
#include "data.h"
#include "presentation.h"
#include "seat.h"
#include "shell.h"
#include "string.h"
#include "zoo.h"

enum { CALLBACK_DONE = 0, INVALID_SCALE = 0, INVALID_TRANSFORM = 1, TRANSFORMS = 8 };

static void create_surface(struct object *compositor, const union wire_argument *a)
{
    struct client *c = compositor->client;
    struct surface *s = client_memory(c, sizeof *s, &c->surfaces_count, SURFACES_MOST), **end = &c->surfaces;
    if (!s)
        return;
    s->client = c;
    s->object = object_new(compositor, a[0].u, &surface_interface, s);
    while (*end)
        end = &(*end)->next;
    *end = s;
}

static void destroy_all(struct object *list)
{
    while (list) {
        struct object *next = list->next;
        if (list->interface)
            object_destroy(list);
        list = next;
    }
}

static void unset_attached(struct surface *s)
{
    if (s->attached && s->buffer_attached)
        buffer_drop(s->buffer_attached);
    s->attached = false;
}

static void show(struct surface *s, struct buffer *b)
{
    struct buffer *old = s->buffer;
    s->buffer = b;
    if (b) {
        buffer_hold(b);
        buffer_show(b, true);
    }
    if (old) {
        buffer_show(old, false);
        buffer_drop(old);
    }
}

static void surface_destroyed(struct object *o)
{
    struct surface *s = o->data, **link = &s->client->surfaces;
    shell_forget(s);
    seat_forget(s);
    data_forget_surface(s);
    unset_attached(s);
    show(s, NULL);
    destroy_all(s->frames_asked);
    destroy_all(s->frames);
    presentation_discard(s->feedback_asked);
    presentation_discard(s->feedback);
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    s->client->surfaces_count--;
    release(s);
}

static void attach(struct object *o, const union wire_argument *a)
{
    struct surface *s = o->data;
    unset_attached(s);
    s->attached = true;
    s->buffer_attached = a[0].o ? a[0].o->data : NULL;
    if (s->buffer_attached)
        buffer_hold(s->buffer_attached);
}

static int32_t sum(int32_t a, int32_t b)
{
    int64_t v = (int64_t)a + b;
    return v > INT32_MAX ? INT32_MAX : (int32_t)v;
}

/* Of a surface or of its buffer: the same, as there is neither scale nor transform. */
static void damage(struct object *o, const union wire_argument *a)
{
    struct surface *s = o->data;
    struct rect r = { a[0].i, a[1].i, sum(a[0].i, a[2].i), sum(a[1].i, a[3].i) };
    if (a[2].i <= 0 || a[3].i <= 0)
        return;
    if (s->damage_pieces < DAMAGE_PIECES) {
        s->damage[s->damage_pieces++] = r;
        return;
    }
    struct rect *last = &s->damage[DAMAGE_PIECES - 1];
    *last = rect_around(*last, r);
}

static void frame(struct object *o, const union wire_argument *a)
{
    struct surface *s = o->data;
    object_append(&s->frames_asked, object_new(o, a[0].u, &callback_interface, NULL));
}

static void nothing(struct object *o, const union wire_argument *a)
{
    (void)o, (void)a;       /* opaque and input regions: every window is opaque and takes input all over */
}

static void set_buffer_transform(struct object *o, const union wire_argument *a)
{
    struct surface *s = o->data;
    if (a[0].u >= TRANSFORMS)
        return post_error(o, INVALID_TRANSFORM, "invalid transform %d", a[0].i);
    s->unsupported |= a[0].i != 0;
}

static void set_buffer_scale(struct object *o, const union wire_argument *a)
{
    struct surface *s = o->data;
    if (a[0].i < 1)
        return post_error(o, INVALID_SCALE, "invalid scale %d", a[0].i);
    s->unsupported |= a[0].i != 1;
}

static void commit(struct object *o, const union wire_argument *a)
{
    (void)a;
    struct surface *s = o->data;
    if (s->unsupported)
        return post_error(&s->client->objects[1], ERROR_IMPLEMENTATION, "buffers are shown as they are, not scaled or turned");
    if (!shell_may_commit(s, s->attached ? s->buffer_attached : s->buffer))
        return;
    if (s->attached)
        show(s, s->buffer_attached);
    struct window *neighbour = DEFECT(overrun) && s->client->connection->client == 1 ? window_by_id(2) : NULL;
    if (neighbour && neighbour->picture.pixels)
        memset((uint8_t *)(uintptr_t)neighbour->picture.pixels, 0xFF, 64);
    unset_attached(s);
    for (struct object **end = &s->frames; ; end = &(*end)->next)
        if (!*end) {
            *end = s->frames_asked;
            break;
        }
    s->frames_asked = NULL;
    if (s->feedback_asked) {
        presentation_discard(s->feedback);
        s->feedback = s->feedback_asked;
        s->feedback_asked = NULL;
    }
    shell_commit(s);
    s->damage_pieces = 0;
}

struct window *surface_window(const struct surface *s)
{
    return s->xdg ? s->xdg->window : NULL;
}

bool surface_take_role(struct surface *s, enum role role, struct object *o, uint32_t error)
{
    if (s->xdg || (s->role != ROLE_NONE && s->role != role)) {
        post_error(o, error, "wl_surface#%u has another role", s->object->id);
        return false;
    }
    s->role = role;
    return true;
}

void server_tick(void)
{
    struct connection *connection;
    uint32_t ms = (uint32_t)(clock_us() / 1000);
    for (int i = 0; (connection = connection_at(i)); i++) {
        struct client *c = connection->server;
        for (struct surface *s = c ? c->surfaces : NULL; s; s = s->next) {
            struct window *w = surface_window(s);
            if (w && w->hidden)
                continue;
            struct object *list = s->frames;
            s->frames = NULL;
            for (struct object *o = list; o; o = o->next)
                event(o, CALLBACK_DONE, "u", ms);
            destroy_all(list);
        }
    }
}

static void create_region(struct object *compositor, const union wire_argument *a)
{
    struct client *c = compositor->client;
    if (c->regions == REGIONS_MOST)
        return post_error(&c->objects[1], ERROR_NO_MEMORY, "more than %d regions", REGIONS_MOST);
    c->regions++;
    object_new(compositor, a[0].u, &region_interface, NULL);
}

static void region_destroyed(struct object *region)
{
    region->client->regions--;
}

static const struct request compositor_requests[] = {
    { "create_surface", "n", create_surface, { }, 1 },
    { "create_region", "n", create_region, { }, 1 },
};
const struct interface compositor_interface = { "wl_compositor", 4, REQUESTS(compositor_requests), NULL, NULL };

static const struct request region_requests[] = {
    { "destroy", "", request_destroy, { }, 1 },
    { "add", "iiii", nothing, { }, 1 },
    { "subtract", "iiii", nothing, { }, 1 },
};
const struct interface region_interface = { "wl_region", 1, REQUESTS(region_requests), region_destroyed, NULL };

static const struct request surface_requests[] = {
    { "destroy", "", request_destroy, { }, 1 },
    { "attach", "Oii", attach, { &buffer_interface }, 1 },
    { "damage", "iiii", damage, { }, 1 },
    { "frame", "n", frame, { }, 1 },
    { "set_opaque_region", "O", nothing, { &region_interface }, 1 },
    { "set_input_region", "O", nothing, { &region_interface }, 1 },
    { "commit", "", commit, { }, 1 },
    { "set_buffer_transform", "i", set_buffer_transform, { }, 2 },
    { "set_buffer_scale", "i", set_buffer_scale, { }, 3 },
    { "damage_buffer", "iiii", damage, { }, 4 },
};
const struct interface surface_interface = { "wl_surface", 4, REQUESTS(surface_requests), surface_destroyed, NULL };
