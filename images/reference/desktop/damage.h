/* The part of the desktop to draw again: rectangles that do not overlap. */
#pragma once
#include <stdbool.h>
#include "rect.h"

void damage_add(struct rect r);                     /* clipped to the desktop */
bool damage_empty(void);
void damage_clear(void);
const struct rect *damage_rects(int *count);
