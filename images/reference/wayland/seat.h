/* wl_seat: keyboard and pointer. */
#pragma once
#include "surface.h"

void seat_forget(struct surface *s);                /* it is about to go: nothing points at it any more */
bool seat_is_press(const struct surface *s, uint32_t serial);   /* of a press on it, with the button still down */
void seat_end_grab(void);                           /* the compositor takes the pointer: the surface loses it */
void seat_reset(void);                              /* no key is down */
void seat_key(uint32_t code, bool down, uint64_t us);           /* evdev code */
void seat_point(int x, int y);                      /* enter and leave where the pointer is now */
struct surface *seat_surface_at(int x, int y, int *fx, int *fy);     /* under the pointer; position in 1/256 pixels */
