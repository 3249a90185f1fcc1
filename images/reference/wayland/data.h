/* wl_data_device: the selection, and drag and drop. */
#pragma once
#include "surface.h"

void data_tell_selection(struct client *c);     /* it gets the keyboard's focus */
void data_forget_surface(const struct surface *s);
bool data_drags(void);
void data_drag_to(int x, int y, uint32_t ms);
void data_drag_end(void);                       /* the button is up: dropped, or cancelled */
bool data_selected(void);                       /* there is a selection */
