/* A Wayland client whose window says which frame it shows (docs/weston.md).
 *
 *     rayos-client ID X Y WIDTH HEIGHT FRAMES_A_SECOND
 *
 * Misbehaves when the agent orders it to. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <wayland-client.h>
#include "page.h"
#include "picture.h"
#include "xdg-shell-client.h"

enum { BUFFERS = 3, FLOOD = 100000 };

struct buffer {
    struct wl_buffer *handle;
    uint32_t *pixels;
    bool busy;
};

static struct {
    struct wl_display *display;
    struct wl_compositor *compositor;
    struct wl_shm *shm;
    struct xdg_wm_base *shell;
    struct wl_surface *surface;
    struct xdg_surface *xdg_surface;
    struct buffer buffers[BUFFERS];
    struct picture picture;
    struct page *page;
    uint64_t interval_us, due_us, committed_us;
    bool configured, waiting, mapped, idle;     /* waiting: for a frame callback; idle: draws no more */
} me;

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void released(void *data, struct wl_buffer *handle)
{
    (void)handle;
    ((struct buffer *)data)->busy = false;
}

static const struct wl_buffer_listener buffer_events = { .release = released };

static void make_buffers(void)
{
    size_t stride = (size_t)me.picture.width * 4, size = stride * me.picture.height;
    int fd = memfd_create("buffers", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)(size * BUFFERS)) < 0)
        exit(LEFT_REFUSED);
    uint32_t *pixels = mmap(NULL, size * BUFFERS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (pixels == MAP_FAILED)
        exit(LEFT_REFUSED);
    struct wl_shm_pool *pool = wl_shm_create_pool(me.shm, fd, (int32_t)(size * BUFFERS));
    for (int i = 0; i < BUFFERS; i++) {
        struct buffer *b = &me.buffers[i];
        b->pixels = pixels + (size_t)i * size / 4;
        b->handle = wl_shm_pool_create_buffer(pool, (int32_t)((size_t)i * size), (int32_t)me.picture.width,
                                              (int32_t)me.picture.height, (int32_t)stride, WL_SHM_FORMAT_XRGB8888);
        wl_buffer_add_listener(b->handle, &buffer_events, b);
    }
    wl_shm_pool_destroy(pool);
    close(fd);
}

static void shown(void *data, struct wl_callback *callback, uint32_t time)
{
    (void)data;
    (void)time;
    wl_callback_destroy(callback);
    me.waiting = false;
    me.page->shown = me.picture.frame;
    me.page->latency_us += now_us() - me.committed_us;
    if (!me.mapped) {
        me.mapped = true;
        send(ORDERS_FD, "mapped", 6, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static const struct wl_callback_listener frame_events = { .done = shown };

/* The next frame, if there is a buffer for it. */
static void draw(void)
{
    struct buffer *b = NULL;
    for (int i = 0; i < BUFFERS && !b; i++)
        if (!me.buffers[i].busy)
            b = &me.buffers[i];
    if (!b)
        return;
    b->busy = true;
    me.picture.frame++;
    me.picture.pixels = b->pixels;
    draw_picture(&me.picture);
    wl_callback_add_listener(wl_surface_frame(me.surface), &frame_events, NULL);
    wl_surface_attach(me.surface, b->handle, 0, 0);
    wl_surface_damage(me.surface, 0, 0, (int32_t)me.picture.width, (int32_t)me.picture.height);
    wl_surface_commit(me.surface);
    me.waiting = true;
    me.committed_us = now_us();
    me.due_us = me.committed_us + me.interval_us;
    me.page->drawn = me.picture.frame;
}

static void configured(void *data, struct xdg_surface *surface, uint32_t serial)
{
    (void)data;
    xdg_surface_ack_configure(surface, serial);
    me.configured = true;
}

static const struct xdg_surface_listener surface_events = { .configure = configured };

/* Its size is its own: a fixed one is what makes its place and its content computable. */
static void sized(void *data, struct xdg_toplevel *toplevel, int32_t width, int32_t height, struct wl_array *states)
{
    (void)data; (void)toplevel; (void)width; (void)height; (void)states;
}

static void closed(void *data, struct xdg_toplevel *toplevel)
{
    (void)data; (void)toplevel;
    exit(LEFT_BY_REQUEST);
}

static const struct xdg_toplevel_listener toplevel_events = { .configure = sized, .close = closed };

static void ping(void *data, struct xdg_wm_base *shell, uint32_t serial)
{
    (void)data;
    xdg_wm_base_pong(shell, serial);
}

static const struct xdg_wm_base_listener shell_events = { .ping = ping };

static void global(void *data, struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version)
{
    (void)data; (void)version;
    if (!strcmp(interface, wl_compositor_interface.name))
        me.compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 1);
    else if (!strcmp(interface, wl_shm_interface.name))
        me.shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
    else if (!strcmp(interface, xdg_wm_base_interface.name))
        me.shell = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
}

static void global_gone(void *data, struct wl_registry *registry, uint32_t name)
{
    (void)data; (void)registry; (void)name;
}

static const struct wl_registry_listener registry_events = { .global = global, .global_remove = global_gone };

static void open_window(const char *id, const char *x, const char *y)
{
    char text[64];
    me.surface = wl_compositor_create_surface(me.compositor);
    me.xdg_surface = xdg_wm_base_get_xdg_surface(me.shell, me.surface);
    xdg_surface_add_listener(me.xdg_surface, &surface_events, NULL);
    struct xdg_toplevel *toplevel = xdg_surface_get_toplevel(me.xdg_surface);
    xdg_toplevel_add_listener(toplevel, &toplevel_events, NULL);
    snprintf(text, sizeof text, "rayos.client.%s@%s,%s", id, x, y);     /* place.c reads where it wants to be */
    xdg_toplevel_set_app_id(toplevel, text);
    xdg_toplevel_set_title(toplevel, text);
    wl_surface_commit(me.surface);
}

static void obey(const char *order)
{
    if (!strcmp(order, "crash")) {
        raise(SIGSEGV);
    } else if (!strcmp(order, "abort")) {
        abort();
    } else if (!strcmp(order, "exit")) {
        exit(7);
    } else if (!strcmp(order, "hang")) {
        for (;;)                                                /* answers nothing: neither pings nor orders */
            pause();
    } else if (!strcmp(order, "freeze")) {
        me.idle = true;                                         /* answers, but draws no more */
    } else if (!strcmp(order, "colour")) {
        me.picture.tint = 0x000001;
    } else if (!strcmp(order, "lie")) {
        me.picture.ahead = 1000;
    } else if (!strcmp(order, "unmap")) {
        me.idle = true;
        wl_surface_attach(me.surface, NULL, 0, 0);
        wl_surface_commit(me.surface);
    } else if (!strcmp(order, "protocol")) {
        xdg_surface_ack_configure(me.xdg_surface, 0xDEAD);      /* a serial that it was never given */
    } else if (!strcmp(order, "flood")) {
        for (int i = 0; i < FLOOD; i++)
            wl_callback_destroy(wl_display_sync(me.display));
    }
}

static void take_orders(void)
{
    char order[32];
    ssize_t n = recv(ORDERS_FD, order, sizeof order - 1, MSG_DONTWAIT);
    if (n == 0)
        exit(LEFT_BY_REQUEST);                                  /* the agent is gone */
    if (n > 0) {
        order[n] = 0;
        obey(order);
    }
}

/* Draws when a frame is due and the one before was shown; how long to wait for that, in ms, -1: for an event. */
static int turn(void)
{
    if (!me.configured || me.waiting || me.idle)
        return -1;
    uint64_t now = now_us();
    if (now < me.due_us)
        return (int)((me.due_us - now + 999) / 1000);
    draw();
    return -1;
}

int main(int argc, char **argv)
{
    if (argc != 7)
        return LEFT_WRONG_USE;
    me.picture = (struct picture){ .id = (uint16_t)atoi(argv[1]), .width = (uint32_t)atoi(argv[4]), .height = (uint32_t)atoi(argv[5]) };
    int rate = atoi(argv[6]);
    me.interval_us = rate > 0 ? 1000000 / (uint64_t)rate : 0;
    me.page = mmap(NULL, sizeof *me.page, PROT_READ | PROT_WRITE, MAP_SHARED, PAGE_FD, 0);
    me.display = wl_display_connect(NULL);
    if (me.page == MAP_FAILED || !me.display || me.picture.width < LEAST_WIDTH || me.picture.height < LEAST_HEIGHT)
        return LEFT_WRONG_USE;
    me.page->width = me.picture.width;
    me.page->height = me.picture.height;
    struct wl_registry *registry = wl_display_get_registry(me.display);
    wl_registry_add_listener(registry, &registry_events, NULL);
    if (wl_display_roundtrip(me.display) < 0)
        return LEFT_DISCONNECTED;
    if (!me.compositor || !me.shm || !me.shell)
        return LEFT_REFUSED;
    xdg_wm_base_add_listener(me.shell, &shell_events, NULL);
    make_buffers();
    open_window(argv[1], argv[2], argv[3]);

    struct pollfd ports[2] = { { wl_display_get_fd(me.display), POLLIN, 0 }, { ORDERS_FD, POLLIN, 0 } };
    for (;;) {
        while (wl_display_prepare_read(me.display))
            wl_display_dispatch_pending(me.display);
        int wait = turn();
        if (wl_display_flush(me.display) < 0 && errno != EAGAIN) {
            wl_display_cancel_read(me.display);
            break;
        }
        /* Full: the compositor does not read. What is left goes when it does. */
        poll(ports, 2, wait);
        if (ports[0].revents) {
            if (wl_display_read_events(me.display) < 0)
                break;
        } else {
            wl_display_cancel_read(me.display);
        }
        if (wl_display_dispatch_pending(me.display) < 0)
            break;
        if (ports[1].revents)
            take_orders();
    }
    return wl_display_get_error(me.display) == EPROTO ? LEFT_REFUSED : LEFT_DISCONNECTED;
}
