/* What the user does: key and pointer events to clients, focus, drags of windows. */
#pragma once
#include "windows.h"

void input_handle(void);                        /* all events that have arrived, each with its marker */
void input_forget(const struct window *w);      /* it is about to be hidden or destroyed: its drag ends */
bool input_waiting(void);                       /* input_handle() would find something now */

/* As a user would, without a marker; clients have yet to run. */
void input_key_code(uint32_t evdev, bool down);
struct window *input_point(int x, int y, uint8_t buttons);  /* clamped to the desktop; which window got it, NULL: none */
void input_pointer_at(int *x, int *y);
uint8_t input_buttons(void);

/* The pointer moves this window (edges 0) or these edges of it (as xdg_toplevel.resize has them) until the button is up. */
void input_grip(struct window *w, uint32_t edges);
bool input_grips(void);
