/* Drawing into the back buffer. Callers clip: every rectangle given lies inside the desktop. */
#pragma once
#include <stdint.h>
#include "rect.h"
#include "vga.h"

extern uint32_t *back;          /* DESKTOP_WIDTH pixels a row, 0x00RRGGBB, top byte always 0 */

static inline uint32_t *back_at(int x, int y)
{
    return back + y * DESKTOP_WIDTH + x;
}

void draw_init(void);
void draw_run(uint32_t *to, int n, uint32_t color);
void draw_fill(struct rect r, uint32_t color);
void draw_copy(uint32_t *to, const uint32_t *from, int n);
void draw_picture(uint32_t *to, const uint8_t *from, int n);     /* pixels 0x??RRGGBB from anywhere; their top byte is not taken over */
/* Cell's top left at (x, y); only what lies in clip is drawn. */
void draw_character(int x, int y, char c, uint32_t color, struct rect clip);
void draw_text(int x, int y, const char *text, uint32_t color, struct rect clip);
