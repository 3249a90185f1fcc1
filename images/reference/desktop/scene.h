/* What the desktop shows: background, panel, windows in their order, cursor. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "rect.h"

enum theme { THEME_DARK, THEME_LIGHT };

void scene_draw(struct rect r);             /* into the back buffer; r inside the desktop */
void scene_cursor_to(int x, int y);         /* shows and moves the cursor, adds the damage */
void scene_set_theme(uint32_t theme);       /* enum theme; adds the damage */
uint32_t scene_theme(void);
void scene_reset(void);                     /* as at the start: dark, no cursor; adds the damage */
