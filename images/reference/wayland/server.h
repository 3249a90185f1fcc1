/* The compositor's side of the Wayland connections: objects, requests, events. What a request means for the
 * picture is done by desktop/ (windows.h); what the user does comes from desktop/input.c. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "connection.h"

struct window;

bool server_connect(struct connection *c);      /* wl_display exists; false: no memory */
/* Handles every whole request that waits. A protocol error is sent as wl_display.error, and the connection closed:
 * only the offender's objects go. True: there was something to do. */
bool server_handle(struct connection *c);
/* Makes an end of the clients that failed. Not from inside a request or a change of the windows: both may hold what goes. */
bool server_reap(void);                         /* true: there were some */
void server_disconnect(struct connection *c);   /* the client is gone: its objects, surfaces and windows go */

void server_restart(void);                      /* as after a crash: every connection is closed, every object and window gone */

/* Sent to clients; each event that does not fit the client's queue closes that connection
 * (as libwayland does) and prints nothing itself: server_lost() tells. */
void server_tick(void);                         /* wl_callback.done of all frame callbacks of committed surfaces */
void server_presented(uint32_t frame, uint64_t us);     /* wp_presentation feedback of what this frame showed */
void server_configure(struct window *w, int width, int height);     /* xdg_toplevel + xdg_surface.configure: content size */
void server_fullscreen(struct window *w, bool on);                  /* the same, with the state and the size of it */
void server_close(struct window *w);            /* xdg_toplevel.close */
void server_ping_all(void (*heard)(int client, bool answers));     /* xdg_wm_base.ping; first tells who has answered the last one */
void server_theme(uint32_t theme);              /* rayos_shell_v1.theme to all */
void server_key(uint16_t code, bool down, uint64_t us);             /* to the focused window; PS/2 set-1 code to evdev */
void server_pointer(int x, int y, uint8_t buttons, uint64_t us);    /* desktop position; enter, leave, motion, button, frame; drags */
void server_focus(struct window *from, struct window *to);          /* wl_keyboard.leave/enter, activated state, selection */

/* Mean time from a commit to the end of the present that showed it, since it was asked last; 0: no commit was shown. */
uint64_t server_latency_us(void);

/* Elsewhere (control/clients.c). */
enum server_lost { LOST_PROTOCOL, LOST_QUEUE };
void client_lost(int client, enum server_lost why);     /* its connection was closed, its windows are gone */
void client_mapped(int client, struct window *w);       /* it has a window since now */
