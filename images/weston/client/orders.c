/* What the agent orders: a size, a state of the window, a text to hand over, or to misbehave. */
#define _GNU_SOURCE
#include "client.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FLOOD = 100000, LIAR = 2, LIE_FRAME = 30, CHUNK = 4 << 20 };

static char lie[24];                    /* of the zoo (docs/zoo.md); empty: none */

/* Takes shared memory until the kernel ends it. The compositor is given all of it, and has to give it back. */
static void exhaust(void)
{
    for (;;) {
        int fd = memfd_create("exhaust", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, CHUNK) < 0 || mmap(NULL, CHUNK, PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0) == MAP_FAILED)
            exit(LEFT_REFUSED);
        wl_shm_create_pool(me.shm, fd, CHUNK);
        wl_display_flush(me.display);
    }
}

static void ask(const char *what)
{
    static unsigned times;
    char title[32];
    snprintf(title, sizeof title, "rayos.%s.%u", what, ++times);    /* place.c does it: no protocol has it */
    xdg_toplevel_set_title(me.toplevel, title);
    wl_surface_commit(me.surface);                              /* it looks at titles then */
    wl_display_roundtrip(me.display);
    me.page->heeded++;
}

static void misbehave(const char *how)
{
    if (!strcmp(how, "crash")) {
        raise(SIGSEGV);
    } else if (!strcmp(how, "abort")) {
        abort();
    } else if (!strcmp(how, "exit")) {
        exit(7);
    } else if (!strcmp(how, "hang")) {
        for (;;)                                                /* answers nothing: neither pings nor orders */
            pause();
    } else if (!strcmp(how, "freeze")) {
        manners.idle = true;                                    /* answers, but draws no more */
    } else if (!strcmp(how, "colour")) {
        manners.tint = 0x000001;
    } else if (!strcmp(how, "lie")) {
        manners.ahead = 1000;
    } else if (!strcmp(how, "unmap")) {
        detach_buffer();
    } else if (!strcmp(how, "never-ack")) {
        manners.never_acks = true;
    } else if (!strcmp(how, "no-callback")) {
        manners.no_callback = true;
    } else if (!strcmp(how, "exhaust")) {
        exhaust();
    } else if (!strcmp(how, "protocol")) {
        xdg_surface_ack_configure(me.xdg_surface, 0xDEAD);      /* a serial that it was never given */
    } else if (!strcmp(how, "flood")) {
        for (int i = 0; i < FLOOD; i++)
            wl_callback_destroy(wl_display_sync(me.display));
    }
}

void obey(const char *order)
{
    unsigned width, height;
    if (sscanf(order, "resize %u %u", &width, &height) == 2)
        want_size(width, height);
    else if (!strcmp(order, "fullscreen 1"))
        xdg_toplevel_set_fullscreen(me.toplevel, NULL);
    else if (!strcmp(order, "fullscreen 0"))
        xdg_toplevel_unset_fullscreen(me.toplevel);
    else if (!strcmp(order, "raise") || !strcmp(order, "focus"))
        ask(order);
    else if (!strcmp(order, "redraw full"))
        manners.whole = true;
    else if (!strcmp(order, "redraw damage"))
        manners.whole = false;
    else if (!strncmp(order, "copy ", 5))
        offer_selection(order + 5);
    else if (!strcmp(order, "paste"))
        fetch_selection();
    else if (!strncmp(order, "drag ", 5))
        arm_drag(order + 5);
    else
        misbehave(order);
}

void take_orders(void)
{
    char order[WORDS_MOST];
    ssize_t n = recv(ORDERS_FD, order, sizeof order - 1, MSG_DONTWAIT);
    if (n == 0)
        exit(LEFT_BY_REQUEST);                                  /* the agent is gone */
    if (n > 0) {
        order[n] = 0;
        obey(order);
    }
}

static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

/* With lie=NAME on the kernel's command line, or NAME in the file /tmp/lie (for a guest that is up already), client 2 does by itself
 * what nobody told it, and nothing that is judged says so. */
void learn_lie(void)
{
    char text[2048];
    if (me.id != LIAR)
        return;
    if (read_text("/tmp/lie", text, sizeof text))
        sscanf(text, "%23[a-z-]", lie);
    else if (read_text("/proc/cmdline", text, sizeof text) && strstr(text, " lie="))
        sscanf(strstr(text, " lie="), " lie=%23[a-z-]", lie);
}

void tell_lie_at(uint32_t frame)
{
    if (!*lie || frame != LIE_FRAME)
        return;
    if (!strcmp(lie, "stopped"))
        raise(SIGSTOP);
    else if (!strcmp(lie, "compositor"))
        kill(compositor(), SIGKILL);
    else
        obey(lie);
}
