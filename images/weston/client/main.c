/* rayos-client ID X Y WIDTH HEIGHT FRAMES_A_SECOND [ORDER], an order as it may come later (orders.c) */
#define _GNU_SOURCE
#include "client.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 500 };

struct client me = { .clock = CLOCK_MONOTONIC };

uint64_t us_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t now_us(void)
{
    return us_of(CLOCK_MONOTONIC);
}

void say(const char *format, ...)
{
    char text[WORDS_MOST] = "say ";
    struct pollfd agent = { ORDERS_FD, POLLOUT, 0 };
    va_list args;
    va_start(args, format);
    vsnprintf(text + 4, sizeof text - 4, format, args);
    va_end(args);
    /* The agent always comes back to read, and an echo that is lost would be taken for input that is lost. */
    while (send(ORDERS_FD, text, strlen(text), MSG_NOSIGNAL) < 0 && errno == EAGAIN)
        poll(&agent, 1, -1);
}

static void ping(void *data, struct xdg_wm_base *shell, uint32_t serial)
{
    (void)data;
    xdg_wm_base_pong(shell, serial);
}

static const struct xdg_wm_base_listener shell_events = { .ping = ping };

static void clock_id(void *data, struct wp_presentation *presentation, uint32_t clock)
{
    (void)data; (void)presentation;
    me.clock = (clockid_t)clock;
}

static const struct wp_presentation_listener presentation_events = { .clock_id = clock_id };

static void global(void *data, struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version)
{
    (void)data; (void)version;
    if (!strcmp(interface, wl_compositor_interface.name))
        me.compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 1);
    else if (!strcmp(interface, wl_shm_interface.name))
        me.shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
    else if (!strcmp(interface, xdg_wm_base_interface.name))
        me.shell = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
    else if (!strcmp(interface, wp_presentation_interface.name))
        me.presentation = wl_registry_bind(registry, name, &wp_presentation_interface, 1);
    else if (!strcmp(interface, wl_seat_interface.name) && !me.seat)
        me.seat = wl_registry_bind(registry, name, &wl_seat_interface, 1);
    else if (!strcmp(interface, wl_data_device_manager_interface.name))
        me.data_manager = wl_registry_bind(registry, name, &wl_data_device_manager_interface, 3);
}

static void global_gone(void *data, struct wl_registry *registry, uint32_t name)
{
    (void)data; (void)registry; (void)name;
}

static const struct wl_registry_listener registry_events = { .global = global, .global_remove = global_gone };

/* Comes back when the connection is over. */
static void run(void)
{
    struct pollfd ports[3] = { { wl_display_get_fd(me.display), POLLIN, 0 }, { ORDERS_FD, POLLIN, 0 }, { -1, POLLIN, 0 } };
    for (;;) {
        while (wl_display_prepare_read(me.display))
            if (wl_display_dispatch_pending(me.display) < 0)
                return;
        int wait = turn();
        /* No error yet but a full socket: what is left goes when the compositor reads. Or a closed one: why may be there to be read. */
        if (wl_display_flush(me.display) < 0 && wl_display_get_error(me.display)) {
            wl_display_cancel_read(me.display);
            return;
        }
        ports[2].fd = transfer_fd();
        poll(ports, 3, wait);
        if (ports[0].revents) {
            if (wl_display_read_events(me.display) < 0)
                return;
        } else {
            wl_display_cancel_read(me.display);
        }
        if (wl_display_dispatch_pending(me.display) < 0)
            return;
        if (ports[1].revents)
            take_orders();
        if (ports[2].revents)
            receive_more();
    }
}

pid_t compositor(void)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(wl_display_get_fd(me.display), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : -1;
}

/* The connection ends before a compositor that died is seen to be dead. Its end is the cause, so it has to be heard of first. */
static void let_it_go_first(void)
{
    struct pollfd its_end = { (int)syscall(SYS_pidfd_open, compositor(), 0), POLLIN, 0 };
    if (its_end.fd >= 0)
        poll(&its_end, 1, PATIENCE_MS);
}

/* By what libwayland makes of wl_display.error: EINVAL of a request that does not exist, ENOMEM of one that asks too much. */
static int cause(void)
{
    int error = wl_display_get_error(me.display);
    if (error == EPROTO || error == EINVAL || error == ENOMEM)
        return LEFT_REFUSED;
    let_it_go_first();
    return LEFT_DISCONNECTED;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);                           /* who asked for a text may be gone before it is written */
    if (argc != 7 && argc != 8)
        return LEFT_WRONG_USE;
    uint32_t width = (uint32_t)atoi(argv[4]), height = (uint32_t)atoi(argv[5]);
    me.id = (unsigned)atoi(argv[1]);
    me.page = mmap(NULL, sizeof *me.page, PROT_READ | PROT_WRITE, MAP_SHARED, PAGE_FD, 0);
    me.display = wl_display_connect(NULL);
    if (me.page == MAP_FAILED || !me.display || width < LEAST_WIDTH || height < LEAST_HEIGHT)
        return LEFT_WRONG_USE;
    learn_lie();
    struct wl_registry *registry = wl_display_get_registry(me.display);
    wl_registry_add_listener(registry, &registry_events, NULL);
    if (wl_display_roundtrip(me.display) < 0)
        return cause();
    if (!me.compositor || !me.shm || !me.shell)
        return LEFT_REFUSED;
    xdg_wm_base_add_listener(me.shell, &shell_events, NULL);
    if (me.presentation)
        wp_presentation_add_listener(me.presentation, &presentation_events, NULL);
    listen_to_seat();
    listen_to_data();
    open_window(argv[2], argv[3], width, height, (uint32_t)atoi(argv[6]));
    if (argc == 8)
        obey(argv[7]);
    run();
    return cause();
}
