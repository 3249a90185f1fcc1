/* The windows: their state, stacking order and focus. Every change adds its damage. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "rect.h"

enum {
    CLIENT_IDS = 96 + 8,            /* clients' ids end here: 96 of tasks, 8 of the host's */
    WINDOW_IDS = 96,                /* ids that a task's window can be created with */
    WINDOW_LAST = 232,              /* further windows of a client have ids past CLIENT_IDS */
    WINDOW_MIN_WIDTH = 48, WINDOW_MIN_HEIGHT = 40, WINDOW_MIN_POSITION = -4096, WINDOW_MAX_POSITION = 4095,
    TITLE_ROWS = 18, FRAME_WIDTH = 2, FRAME_HEIGHT = TITLE_ROWS + 2, TITLE_MOST = 64,
};

/* What a client shows: rows of 0x??RRGGBB in its memory, which may change under our eyes. */
struct picture {
    const uint8_t *pixels;
    int stride;                     /* bytes */
    int width, height;              /* all of it may be read */
};

struct window {
    int id;
    struct rect outer;              /* in fullscreen: the desktop */
    struct rect outer_before;       /* fullscreen */
    uint32_t accent;                /* 0x00RRGGBB */
    char title[TITLE_MOST];
    bool hidden, fullscreen;
    struct picture picture;
    struct xdg *xdg;                /* the client's side of it (wayland/shell.h) */
};

/* In two steps, so that its owner can know it before it gets the focus. */
struct window *window_create(int id, struct xdg *xdg, struct rect outer);       /* NULL: no memory */
void window_appear(struct window *w);           /* on top, with the focus */
void window_destroy(struct window *w);
struct window *window_by_id(int id);            /* NULL: none */
struct window *window_at(int x, int y);         /* topmost visible; NULL: none */
struct window *window_top(void);                /* topmost visible; NULL: none */
struct window *window_in_stack(int position);   /* 0 is the bottom; NULL past the top */
struct window *window_focused(void);            /* NULL: none */
int  windows_count(void);                       /* hidden ones too */

struct rect window_content(const struct window *w);
bool window_in_title(const struct window *w, int y);    /* a screen row of the outer rectangle's first 19 */

void window_place(struct window *w, struct rect outer);
void window_move(struct window *w, int x, int y);       /* in fullscreen: where it will be after */
void window_raise(struct window *w);            /* to the top, with the focus */
void window_lower(struct window *w);
void window_hide(struct window *w);
void window_show(struct window *w);
void window_set_fullscreen(struct window *w, bool on, int width, int height);      /* the outer size that it has when off */
void window_set_title(struct window *w, const char *title);
void window_set_accent(struct window *w, uint32_t rgb);
bool window_damage(struct window *w, struct rect part); /* of the picture; true: it can be seen at all */
