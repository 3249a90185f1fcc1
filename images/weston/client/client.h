/* A Wayland client whose window says which frame it shows (docs/weston.md). */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include <wayland-client.h>
#include "page.h"
#include "picture.h"
#include "presentation-time-client.h"
#include "xdg-shell-client.h"

struct client {
    unsigned id;
    struct wl_display *display;
    struct wl_compositor *compositor;
    struct wl_shm *shm;
    struct xdg_wm_base *shell;
    struct wp_presentation *presentation;
    struct wl_seat *seat;
    struct wl_data_device_manager *data_manager;
    struct wl_surface *surface;
    struct xdg_surface *xdg_surface;
    struct xdg_toplevel *toplevel;
    struct page *page;
    clockid_t clock;                            /* that of presentation times */
    uint32_t serial;                            /* of the last input event: what a grab or a selection has to name */
};
extern struct client me;

/* main.c */
uint64_t us_of(clockid_t clock);
uint64_t now_us(void);
pid_t compositor(void);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));        /* a marker RAYOS_CLIENT:… */

/* window.c: the window, its buffers, its frames */
void open_window(const char *x, const char *y, uint32_t width, uint32_t height, uint32_t rate);
/* Draws when a frame is due and the one before was shown; how long to wait for that, in ms, -1: for an event. */
int turn(void);
void take_input(const char *kind, const char *rest);   /* echoes it as KIND:<id>:REST, and shows it in the next frame */
bool in_strip(int x);

/* What it was told to do with its frames. */
struct manners {
    bool whole;                                 /* declares and draws all of its window for each frame */
    bool idle;                                  /* draws no more */
    bool never_acks;                            /* takes no configure */
    bool no_callback;                           /* does not wait for frame callbacks */
    uint32_t tint;                              /* wrong bits in each pixel */
    int32_t ahead;                              /* a lie about the frame number */
};
extern struct manners manners;
void want_size(uint32_t width, uint32_t height);
void detach_buffer(void);

/* input.c */
void listen_to_seat(void);
void move_pointer(wl_fixed_t x, wl_fixed_t y);  /* in pixels of the window; also while something is dragged */
void lose_pointer(void);

/* data.c: clipboard, drag and drop */
void listen_to_data(void);
void offer_selection(const char *text);
void fetch_selection(void);
void arm_drag(const char *text);                /* the next press of a button on the content begins it */
bool begin_drag(uint32_t serial);               /* false: it was not armed */
void miss_drag(void);                           /* the button went up before the compositor heard of the drag: there is none */
int transfer_fd(void);                          /* -1: nothing is being received */
void receive_more(void);

/* orders.c */
void take_orders(void);
void obey(const char *order);
void learn_lie(void);
void tell_lie_at(uint32_t frame);               /* a frame was shown */

#endif
