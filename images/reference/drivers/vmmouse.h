/* The absolute pointer of QEMU's pc and q35 machines. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct pointer_event {
    int x, y;               /* screen pixels */
    uint8_t buttons;        /* bit 0 left, 1 right, 2 middle */
};

bool vmmouse_init(void);            /* false: the machine has none */
void vmmouse_collect(void);         /* interrupt handler's part: moves waiting events to our queue */
bool vmmouse_has_event(void);
bool vmmouse_event(struct pointer_event *event);    /* next event; false: none */
