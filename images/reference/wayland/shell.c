/* Surfaces become windows: what a toplevel is told of its window, and what its commits do to it. */
#include "shell.h"
#include "alloc.h"
#include "format.h"
#include "input.h"
#include "presentation.h"
#include "seat.h"
#include "string.h"
#include "vga.h"

enum { XDG_SURFACE_CONFIGURE = 0, TOPLEVEL_CONFIGURE = 0, TOPLEVEL_CLOSE = 1, SURFACE_ENTER = 0, SURFACE_LEAVE = 1 };
enum { STATE_FULLSCREEN = 2, STATE_RESIZING = 3, STATE_ACTIVATED = 4, EDGE_TOP = 1, EDGE_LEFT = 4 };

/* ---- what the client is told ---- */

void shell_configure(struct xdg *x)
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

void shell_set_fullscreen(struct xdg *x, bool on)
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
        shell_configure(x);
}

void server_configure(struct window *w, int width, int height)
{
    w->xdg->width = width;
    w->xdg->height = height;
    shell_configure(w->xdg);
}

void server_fullscreen(struct window *w, bool on)
{
    shell_set_fullscreen(w->xdg, on);
}

void server_close(struct window *w)
{
    event(w->xdg->toplevel, TOPLEVEL_CLOSE, "");
}

void shell_activated(struct xdg *x)
{
    if (x->window)
        shell_configure(x);
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
    shell_configure(x);
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

void shell_unmap(struct xdg *x)
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
        return shell_unmap(x);
    if (!x->asked) {
        x->asked = true;
        shell_configure(x);
    }
}

void shell_forget(struct surface *s)
{
    struct xdg *x = s->xdg;
    if (!x)
        return;
    shell_unmap(x);
    x->surface = NULL;
    s->xdg = NULL;
}

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
