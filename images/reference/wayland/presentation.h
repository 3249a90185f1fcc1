/* wp_presentation: when a commit was seen; and how long that took. */
#pragma once
#include "surface.h"

void presentation_discard(struct object *feedback);     /* a list: superseded, never seen */
void presentation_committed(void);                      /* something visible was committed now */
