/* The windows: their state, stacking order and focus. Every change adds its damage. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "rect.h"

enum {
    WINDOW_IDS = 96, WINDOW_MIN_WIDTH = 48, WINDOW_MIN_HEIGHT = 40, WINDOW_MIN_POSITION = -4096, WINDOW_MAX_POSITION = 4095,
    TITLE_ROWS = 18, TEXT_MOST = 256,
};

enum window_kind { WINDOW_SOLID, WINDOW_CHECKER };

struct window {
    int id;
    struct rect outer;
    uint32_t color;             /* 0x00RRGGBB */
    enum window_kind kind;
    uint32_t redraws;
    bool animated, hidden;
    int text_length;
    char text[TEXT_MOST];
};

struct window *window_create(int id, struct rect outer, uint32_t color, enum window_kind kind);   /* NULL: no memory */
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
void window_raise(struct window *w);            /* to the top, with the focus */
void window_lower(struct window *w);
void window_hide(struct window *w);
void window_show(struct window *w);
void window_redraw(struct window *w);
bool window_type(struct window *w, char c);     /* '\b' removes the last; false: nothing changed */
void windows_animate(void);                     /* one tick of all animated ones */
