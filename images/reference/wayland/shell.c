/* xdg_wm_base, xdg_positioner, xdg_surface, xdg_toplevel: surfaces become windows. */
#include "shell.h"
#include "alloc.h"
#include "format.h"
#include "input.h"
#include "presentation.h"
#include "seat.h"
#include "string.h"
#include "vga.h"

enum { BASE_PING = 0, XDG_SURFACE_CONFIGURE = 0, TOPLEVEL_CONFIGURE = 0, TOPLEVEL_CLOSE = 1, SURFACE_ENTER = 0, SURFACE_LEAVE = 1 };
enum { BASE_ROLE = 0, BASE_DEFUNCT_SURFACES = 1, BASE_INVALID_POPUP_PARENT = 3, BASE_INVALID_SURFACE_STATE = 4, BASE_INVALID_POSITIONER = 5 };
enum { NOT_CONSTRUCTED = 1, ALREADY_CONSTRUCTED, UNCONFIGURED_BUFFER, INVALID_SERIAL, INVALID_SIZE, DEFUNCT_ROLE_OBJECT };
enum { TOPLEVEL_INVALID_RESIZE_EDGE, TOPLEVEL_INVALID_PARENT, TOPLEVEL_INVALID_SIZE };
enum { STATE_FULLSCREEN = 2, STATE_RESIZING = 3, STATE_ACTIVATED = 4 };
enum { FIRST_PLACE = 64, FIRST_ACCENT = 0x808080, EDGE_TOP = 1, EDGE_LEFT = 4, EDGE_LAST = 10 };

/* ---- what the client is told ---- */

static void configure(struct xdg *x)
{
    uint32_t states[3], serial = next_serial();
    size_t n = 0;
    if (!x->toplevel)
        return;
    if (x->fullscreen_said)
        states[n++] = STATE_FULLSCREEN;
    if (x->resized_edges)
        states[n++] = STATE_RESIZING;
    if (x->window && window_focused() == x->window)
        states[n++] = STATE_ACTIVATED;
    event(x->toplevel, TOPLEVEL_CONFIGURE, "iia", x->width, x->height, (const void *)states, n * sizeof *states);
    event(x->object, XDG_SURFACE_CONFIGURE, "u", serial);
    if (x->sent_count == CONFIGURES_MOST) {
        x->forgotten = x->sent[0].serial;
        memmove(x->sent, x->sent + 1, --x->sent_count * sizeof *x->sent);
    }
    x->sent[x->sent_count++] = (struct configure){ serial, x->fullscreen_said };
}

static void set_fullscreen_said(struct xdg *x, bool on)
{
    if (on == x->fullscreen_said) {
        if (on && x->window && x->window->fullscreen && !x->window->hidden)
            window_raise(x->window);
        return;
    }
    x->fullscreen_said = on;
    if (on) {
        x->width_before = x->width;
        x->height_before = x->height;
    }
    x->width = on ? DESKTOP_WIDTH : x->width_before;
    x->height = on ? DESKTOP_HEIGHT : x->height_before;
    if (x->asked)
        configure(x);
}

void server_configure(struct window *w, int width, int height)
{
    w->xdg->width = width;
    w->xdg->height = height;
    configure(w->xdg);
}

void server_fullscreen(struct window *w, bool on)
{
    set_fullscreen_said(w->xdg, on);
}

void server_close(struct window *w)
{
    event(w->xdg->toplevel, TOPLEVEL_CLOSE, "");
}

void shell_activated(struct xdg *x)
{
    if (x->window)
        configure(x);
}

void shell_resizing(struct window *w, uint32_t edges, int width, int height)
{
    struct xdg *x = w->xdg;
    if (x->max_width && width > x->max_width)
        width = x->max_width;
    if (x->max_height && height > x->max_height)
        height = x->max_height;
    x->width = width < x->min_width ? x->min_width : width < 1 ? 1 : width;
    x->height = height < x->min_height ? x->min_height : height < 1 ? 1 : height;
    x->resized_edges = edges;
    configure(x);
}

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

/* ---- mapping ---- */

static void tell_outputs(struct xdg *x, uint32_t opcode)
{
    struct object *surface = x->surface->object;
    for (struct object *o = object_first(surface->client, &output_interface); o; o = object_after(o))
        event(surface, opcode, "o", o);
}

/* The client's own id for its first window; further ones get ids past all clients'. */
static int free_window_id(const struct client *c)
{
    int id = c->connection->client;
    if (window_by_id(id))
        for (id = CLIENT_IDS + 1; id <= WINDOW_LAST && window_by_id(id); id++)
            ;
    return id <= WINDOW_LAST ? id : 0;
}

static void map(struct xdg *x, struct rect outer)
{
    struct client *c = x->surface->client;
    int id = free_window_id(c);
    struct window *w = x->window = id ? window_create(id, x, outer) : NULL;
    if (!w)
        return post_error(&c->objects[1], ERROR_NO_MEMORY, "no memory for another window");
    w->accent = x->accent;
    format(w->title, sizeof w->title, "%s", x->title);
    window_appear(w);
    tell_outputs(x, SURFACE_ENTER);
    client_mapped(c->connection->client, w);
}

static void unmap(struct xdg *x)
{
    struct window *w = x->window;
    x->asked = x->configured = x->fullscreen = x->fullscreen_said = false;
    x->sent_count = x->width = x->height = 0;
    x->resized_edges = 0;
    if (!w)
        return;
    if (x->surface)
        tell_outputs(x, SURFACE_LEAVE);
    input_forget(w);
    seat_forget(x->surface);
    x->x = w->outer.x0;
    x->y = w->outer.y0;
    x->window = NULL;
    window_destroy(w);
}

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

/* The window at its new size: what the user drags at stays where it is on the other side. */
static struct rect resized(const struct xdg *x, int width, int height)
{
    struct rect o = x->window->outer;
    int left = x->resized_edges & EDGE_LEFT ? o.x1 - width : o.x0, top = x->resized_edges & EDGE_TOP ? o.y1 - height : o.y0;
    return rect_at(left, top, width, height);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void show_buffer(struct xdg *x, const struct buffer *b)
{
    struct rect all = { 0, 0, b->width, b->height }, part = rect_common(x->geometry, all);
    if (rect_empty(part))
        part = all;
    int width = least(part.x1 - part.x0, DESKTOP_WIDTH - FRAME_WIDTH), height = least(part.y1 - part.y0, DESKTOP_HEIGHT - FRAME_HEIGHT);
    if (!x->sent_count && !x->fullscreen) {
        x->width = width;
        x->height = height;
    }
    if (!x->window) {
        map(x, rect_at(x->x, x->y, width + FRAME_WIDTH, height + FRAME_HEIGHT));
    } else if (x->fullscreen != x->window->fullscreen) {
        input_forget(x->window);
        window_set_fullscreen(x->window, x->fullscreen, width + FRAME_WIDTH, height + FRAME_HEIGHT);
    } else if (!x->fullscreen) {
        struct rect outer = resized(x, width + FRAME_WIDTH, height + FRAME_HEIGHT);
        if (!rect_same(outer, x->window->outer))
            window_place(x->window, outer);
    }
    if (!x->window)
        return;
    if (x->fullscreen && !x->window->fullscreen)
        window_set_fullscreen(x->window, true, 0, 0);
    x->window->picture = (struct picture){
        buffer_pixels(b) + part.y0 * b->stride + part.x0 * 4, b->stride, part.x1 - part.x0, part.y1 - part.y0,
    };
    struct surface *s = x->surface;
    bool seen = false;
    for (int i = 0; i < s->damage_pieces; i++) {
        struct rect r = rect_common(s->damage[i], part);
        seen |= window_damage(x->window, (struct rect){ r.x0 - part.x0, r.y0 - part.y0, r.x1 - part.x0, r.y1 - part.y0 });
    }
    if (seen)
        presentation_committed();
}

void shell_commit(struct surface *s)
{
    struct xdg *x = s->xdg;
    if (!x || !x->toplevel)
        return;
    x->geometry = x->geometry_asked;
    if (s->buffer)
        return show_buffer(x, s->buffer);
    if (x->window)
        return unmap(x);
    if (!x->asked) {
        x->asked = true;
        configure(x);
    }
}

void shell_forget(struct surface *s)
{
    struct xdg *x = s->xdg;
    if (!x)
        return;
    unmap(x);
    x->surface = NULL;
    s->xdg = NULL;
}

/* ---- xdg_wm_base, xdg_positioner ---- */

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
struct positioner { bool sized, anchored; };

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

static void accept(struct object *o, const union wire_argument *a)
{
    (void)o, (void)a;       /* checked; has no effect here */
}

/* ---- xdg_surface ---- */

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

/* ---- xdg_toplevel ---- */

static void toplevel_destroyed(struct object *o)
{
    struct xdg *x = o->data;
    unmap(x);
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
        configure(x);
}

static void set_fullscreen(struct object *o, const union wire_argument *a)
{
    (void)a;
    set_fullscreen_said(o->data, true);
}

static void unset_fullscreen(struct object *o, const union wire_argument *a)
{
    (void)a;
    set_fullscreen_said(o->data, false);
}

/* ---- rayos_window_v1 ---- */

static int clamped(int v)
{
    return v < WINDOW_MIN_POSITION ? WINDOW_MIN_POSITION : v > WINDOW_MAX_POSITION ? WINDOW_MAX_POSITION : v;
}

void shell_place(struct xdg *x, int px, int py)
{
    x->x = clamped(px);
    x->y = clamped(py);
    if (x->window)
        window_move(x->window, x->x, x->y);
}

void shell_set_accent(struct xdg *x, uint32_t rgb)
{
    x->accent = rgb & 0xFFFFFF;
    if (x->window)
        window_set_accent(x->window, x->accent);
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
    { "set_constraint_adjustment", "u", accept, { }, 1 },
    { "set_offset", "ii", accept, { }, 1 },
};
const struct interface positioner_interface = { "xdg_positioner", 2, REQUESTS(positioner_requests), positioner_destroyed, NULL };

static const struct request xdg_surface_requests[] = {
    { "destroy", "", xdg_surface_destroy, { }, 1 },
    { "get_toplevel", "n", get_toplevel, { }, 1 },
    { "get_popup", "nOo", get_popup, { &xdg_surface_interface, &positioner_interface }, 1 },
    { "set_window_geometry", "iiii", set_window_geometry, { }, 1 },
    { "ack_configure", "u", ack_configure, { }, 1 },
};
const struct interface xdg_surface_interface = { "xdg_surface", 2, REQUESTS(xdg_surface_requests), xdg_surface_destroyed, NULL };

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
