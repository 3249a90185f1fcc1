/* What the user does: key and pointer events to markers, typed text, focus and drags. */
#pragma once
#include "windows.h"

void input_handle(void);                        /* all events that have arrived */
void input_forget(const struct window *w);      /* it is about to be hidden or destroyed: its drag ends */
bool input_waiting(void);                       /* input_handle() would find something now */
