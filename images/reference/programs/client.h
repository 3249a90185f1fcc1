/* The client program: what its parts know of each other. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "content.h"
#include "orders.h"
#include "wire.h"

enum { REGISTRY = 2 /* the first id that wire_new_id() gives */ };
enum { DECORATION_WIDTH = 2, DECORATION_HEIGHT = 20, DESKTOP_WIDTH = 992, DESKTOP_HEIGHT = 768 };

/* What our ids stand for. */
enum {
    OBJECT_REGISTRY = OBJECT_OURS, OBJECT_READY, OBJECT_GLOBAL, OBJECT_SURFACE, OBJECT_XDG_SURFACE, OBJECT_TOPLEVEL, OBJECT_WINDOW,
    OBJECT_WM_BASE, OBJECT_SEAT, OBJECT_KEYBOARD, OBJECT_POINTER, OBJECT_SHELL, OBJECT_DATA_DEVICE, OBJECT_DATA_SOURCE,
    OBJECT_POOL, OBJECT_BUFFER, OBJECT_FRAME, OBJECT_IGNORED,
};

enum {
    DISPLAY_SYNC = 0, DISPLAY_GET_REGISTRY = 1, REGISTRY_BIND = 0,
    COMPOSITOR_CREATE_SURFACE = 0, SURFACE_DESTROY = 0, SURFACE_ATTACH = 1, SURFACE_DAMAGE = 2, SURFACE_FRAME = 3, SURFACE_COMMIT = 6,
    SHM_CREATE_POOL = 0, POOL_CREATE_BUFFER = 0, POOL_DESTROY = 1, BUFFER_DESTROY = 0, FORMAT_XRGB8888 = 1,
    SEAT_GET_POINTER = 0, SEAT_GET_KEYBOARD = 1,
    WM_BASE_GET_XDG_SURFACE = 2, WM_BASE_PONG = 3, XDG_SURFACE_DESTROY = 0, XDG_SURFACE_GET_TOPLEVEL = 1, XDG_SURFACE_ACK_CONFIGURE = 4,
    TOPLEVEL_DESTROY = 0, TOPLEVEL_SET_TITLE = 2,
    SHELL_GET_WINDOW = 1, SHELL_KEY = 2, SHELL_MOTION = 3, WINDOW_DESTROY = 0, WINDOW_SET_PLACE = 1, WINDOW_SET_ACCENT = 2,
};

/* The ids of what the compositor offers, and of what we made; 0: none. */
struct objects {
    uint32_t compositor, shm, seat, data_manager, wm_base, shell;
    uint32_t keyboard, pointer, data_device;
    uint32_t surface, xdg_surface, toplevel, window;
};
extern struct objects objects;
extern struct picture picture;          /* what the content shows, or will at the end of the turn */

/* client.c */
void client_draw_whole(void);               /* the content is damaged as a whole */
void client_draw_block(int x, int y, uint32_t color);       /* at most one until it is committed */
void client_resize(int width, int height);  /* of the content, by its own commit; in full screen nothing */
void client_size(int *width, int *height);  /* of the content when it is not in full screen */
int  client_id(void);
void client_status(enum status_slot slot, int64_t value);   /* published at the end of the turn */
int64_t client_count(enum status_slot slot);                /* one more; published when asked for */
void client_publish(void);

/* connect.c */
void connect_bind(uint32_t name, const char *interface, uint32_t offered);  /* a global was announced */
void connect_make_window(const struct task_arguments *arguments);           /* all globals were */
_Noreturn void connect_close(void);         /* destroys it and ends */

/* user.c */
void user_keyboard_event(unsigned opcode, const uint32_t *words);
void user_pointer_event(unsigned opcode, const uint32_t *words);
void user_type(const char *text, int n);    /* as if typed */
bool user_has_focus(void);
uint32_t user_serial(void);                 /* of the last input or focus event */

/* buffers.c: two buffers in shared memory. */
bool buffers_free(void);                    /* one of them is not the compositor's */
void buffers_release(uint32_t id);
/* Makes the older one hold the picture as committed last, draws what is damaged, and returns its id. */
uint32_t buffers_draw(bool whole, const struct box *block, uint32_t block_color);
void buffers_destroy(void);

/* transfer.c: selection, drag and drop. */
void transfer_begin(void);
void transfer_offer(const char *text);      /* as the selection */
void transfer_ask(void);                    /* for the selection */
void transfer_collect(void);                /* takes a text that was asked for, if it is there */
void transfer_arm(bool on);                 /* a press drags */
void transfer_pressed(uint32_t serial);
void transfer_device_event(unsigned opcode, const uint32_t *words);
void transfer_source_event(uint32_t source, unsigned opcode);

/* workloads.c */
void work_start(enum workload name, uint32_t seed, int rate);
bool work_is_film(void);
bool work_wants_ticks(void);                /* frame callbacks */
bool work_is_slow(void);                    /* reads events only when work_slow_tick() says so */
bool work_slow_tick(void);
void work_tick(void);

/* misbehave.c */
void misbehave(enum misbehaviour how);
struct misbehaving {
    bool leaks, deaf, no_ack, no_pong, floods;
};
extern struct misbehaving misbehaving;
void misbehave_tick(void);
void misbehave_turn(void);
