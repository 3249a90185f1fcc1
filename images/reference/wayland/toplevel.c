/* xdg_surface and xdg_toplevel: what a client asks for its windows. */
#include "shell.h"
#include "alloc.h"
#include "format.h"
#include "input.h"
#include "seat.h"
#include "string.h"

enum { BASE_INVALID_POPUP_PARENT = 3, BASE_INVALID_POSITIONER = 5, EDGE_LAST = 10 };
enum { NOT_CONSTRUCTED = 1, ALREADY_CONSTRUCTED, UNCONFIGURED_BUFFER, INVALID_SERIAL, INVALID_SIZE, DEFUNCT_ROLE_OBJECT };
enum { TOPLEVEL_INVALID_RESIZE_EDGE, TOPLEVEL_INVALID_PARENT, TOPLEVEL_INVALID_SIZE };

bool shell_may_commit(struct surface *s, const struct buffer *shown)
{
    struct xdg *x = s->xdg;
    if (!x)
        return true;
    if (!x->toplevel)
        post_error(x->object, NOT_CONSTRUCTED, "xdg_surface without a role");
    else if ((x->max_width && x->min_width > x->max_width) || (x->max_height && x->min_height > x->max_height))
        post_error(x->toplevel, TOPLEVEL_INVALID_SIZE, "minimum size over the maximum");
    else if (shown && !x->configured)
        post_error(x->object, UNCONFIGURED_BUFFER, "buffer before the first configure was acknowledged");
    return !s->client->failed;
}

static void get_toplevel(struct object *o, const union wire_argument *a)
{
    struct xdg *x = o->data;
    if (x->toplevel)
        return post_error(o, ALREADY_CONSTRUCTED, "xdg_surface has xdg_toplevel#%u", x->toplevel->id);
    if (x->surface)
        x->surface->role = ROLE_TOPLEVEL;
    x->toplevel = object_new(o, a[0].u, &toplevel_interface, x);
}

static void get_popup(struct object *o, const union wire_argument *a)
{
    struct xdg *x = o->data;
    const struct positioner *p = a[2].o->data;
    if (x->toplevel)
        return post_error(o, ALREADY_CONSTRUCTED, "xdg_surface has xdg_toplevel#%u", x->toplevel->id);
    if (!p->sized || !p->anchored)
        return post_error(x->base, BASE_INVALID_POSITIONER, "positioner without size or anchor rectangle");
    post_error(x->base, BASE_INVALID_POPUP_PARENT, "this compositor has no popups");
}

static void set_window_geometry(struct object *o, const union wire_argument *a)
{
    struct xdg *x = o->data;
    if (!x->toplevel)
        return post_error(o, NOT_CONSTRUCTED, "xdg_surface without a role");
    if (a[2].i <= 0 || a[3].i <= 0)
        return post_error(o, INVALID_SIZE, "geometry %dx%d", a[2].i, a[3].i);
    int64_t right = (int64_t)a[0].i + a[2].i, bottom = (int64_t)a[1].i + a[3].i;
    x->geometry_asked = (struct rect){ a[0].i, a[1].i, right > INT32_MAX ? INT32_MAX : (int)right, bottom > INT32_MAX ? INT32_MAX : (int)bottom };
}

static void ack_configure(struct object *o, const union wire_argument *a)
{
    struct xdg *x = o->data;
    if (!x->toplevel)
        return post_error(o, NOT_CONSTRUCTED, "xdg_surface without a role");
    int i = 0;
    while (i < x->sent_count && x->sent[i].serial != a[0].u)
        i++;
    if (i < x->sent_count) {
        x->fullscreen = x->sent[i].fullscreen;
        x->sent_count -= i + 1;
        memmove(x->sent, x->sent + i + 1, (size_t)x->sent_count * sizeof *x->sent);
    } else if (a[0].u > x->forgotten) {
        return post_error(o, INVALID_SERIAL, "configure %u was not sent, or acknowledged before", a[0].u);
    }
    x->configured = true;
}

static void drop_if_unused(struct xdg *x)
{
    if (!x->object && !x->toplevel)
        release(x);
}

static void xdg_surface_destroy(struct object *o, const union wire_argument *a)
{
    (void)a;
    const struct xdg *x = o->data;
    if (x->toplevel)
        return post_error(o, DEFUNCT_ROLE_OBJECT, "xdg_toplevel#%u is still there", x->toplevel->id);
    object_destroy(o);
}

static void xdg_surface_destroyed(struct object *o)
{
    struct xdg *x = o->data;
    if (x->surface)
        shell_forget(x->surface);
    x->object = NULL;
    drop_if_unused(x);
}

static const struct request xdg_surface_requests[] = {
    { "destroy", "", xdg_surface_destroy, { }, 1 },
    { "get_toplevel", "n", get_toplevel, { }, 1 },
    { "get_popup", "nOo", get_popup, { &xdg_surface_interface, &positioner_interface }, 1 },
    { "set_window_geometry", "iiii", set_window_geometry, { }, 1 },
    { "ack_configure", "u", ack_configure, { }, 1 },
};
const struct interface xdg_surface_interface = { "xdg_surface", 2, REQUESTS(xdg_surface_requests), xdg_surface_destroyed, NULL };

/* ---- xdg_toplevel ---- */

static void toplevel_destroyed(struct object *o)
{
    struct xdg *x = o->data;
    shell_unmap(x);
    x->toplevel = NULL;
    for (struct object *w = object_first(o->client, &rayos_window_interface); w; w = object_after(w))
        if (w->data == x)
            w->data = NULL;
    drop_if_unused(x);
}

static void set_parent(struct object *o, const union wire_argument *a)
{
    if (a[0].o == o)
        post_error(o, TOPLEVEL_INVALID_PARENT, "its own parent");
}

static void set_title(struct object *o, const union wire_argument *a)
{
    struct xdg *x = o->data;
    format(x->title, sizeof x->title, "%s", a[0].s);
    if (x->window)
        window_set_title(x->window, x->title);
}

static void move(struct object *o, const union wire_argument *a)
{
    struct xdg *x = o->data;
    if (x->window && !x->window->fullscreen && seat_is_press(x->surface, a[1].u))
        input_grip(x->window, 0);
}

static void resize(struct object *o, const union wire_argument *a)
{
    struct xdg *x = o->data;
    uint32_t edges = a[2].u;
    if (edges > EDGE_LAST || (edges & 3) == 3 || (edges & 12) == 12)
        return post_error(o, TOPLEVEL_INVALID_RESIZE_EDGE, "invalid edges %u", edges);
    if (x->window && !x->window->fullscreen && edges && seat_is_press(x->surface, a[1].u))
        input_grip(x->window, edges);
}

static bool good_size(struct object *o, const union wire_argument *a)
{
    if (a[0].i < 0 || a[1].i < 0)
        post_error(o, TOPLEVEL_INVALID_SIZE, "size %dx%d", a[0].i, a[1].i);
    return a[0].i >= 0 && a[1].i >= 0;
}

static void set_max_size(struct object *o, const union wire_argument *a)
{
    struct xdg *x = o->data;
    if (!good_size(o, a))
        return;
    x->max_width = a[0].i;
    x->max_height = a[1].i;
}

static void set_min_size(struct object *o, const union wire_argument *a)
{
    struct xdg *x = o->data;
    if (!good_size(o, a))
        return;
    x->min_width = a[0].i;
    x->min_height = a[1].i;
}

/* The protocol wants an answer; it says that nothing changed. */
static void answer(struct object *o, const union wire_argument *a)
{
    (void)a;
    struct xdg *x = o->data;
    if (x->asked)
        shell_configure(x);
}

static void set_fullscreen(struct object *o, const union wire_argument *a)
{
    (void)a;
    shell_set_fullscreen(o->data, true);
}

static void unset_fullscreen(struct object *o, const union wire_argument *a)
{
    (void)a;
    shell_set_fullscreen(o->data, false);
}

static void accept(struct object *o, const union wire_argument *a)
{
    (void)o, (void)a;       /* checked; has no effect here */
}

static const struct request toplevel_requests[] = {
    { "destroy", "", request_destroy, { }, 1 },
    { "set_parent", "O", set_parent, { &toplevel_interface }, 1 },
    { "set_title", "s", set_title, { }, 1 },
    { "set_app_id", "s", accept, { }, 1 },
    { "show_window_menu", "ouii", accept, { &seat_interface }, 1 },
    { "move", "ou", move, { &seat_interface }, 1 },
    { "resize", "ouu", resize, { &seat_interface }, 1 },
    { "set_max_size", "ii", set_max_size, { }, 1 },
    { "set_min_size", "ii", set_min_size, { }, 1 },
    { "set_maximized", "", answer, { }, 1 },
    { "unset_maximized", "", answer, { }, 1 },
    { "set_fullscreen", "O", set_fullscreen, { &output_interface }, 1 },
    { "unset_fullscreen", "", unset_fullscreen, { }, 1 },
    { "set_minimized", "", accept, { }, 1 },
};
const struct interface toplevel_interface = { "xdg_toplevel", 2, REQUESTS(toplevel_requests), toplevel_destroyed, NULL };
