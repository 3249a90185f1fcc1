/* What the desktop shows: background, panel, windows in their order, cursor. */
#pragma once
#include <stdbool.h>
#include "rect.h"

void scene_draw(struct rect r);             /* into the back buffer; r inside the desktop */
void scene_cursor_to(int x, int y);         /* shows and moves the cursor, adds the damage */
