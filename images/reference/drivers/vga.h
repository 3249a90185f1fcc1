/* The screen: QEMU's standard VGA in a 32-bit linear mode. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    SCREEN_WIDTH = 1024, SCREEN_HEIGHT = 768,
    STRIP_WIDTH = 32, DESKTOP_WIDTH = SCREEN_WIDTH - STRIP_WIDTH, DESKTOP_HEIGHT = SCREEN_HEIGHT,
};

extern uint32_t *screen;        /* SCREEN_WIDTH pixels a row, 0x00RRGGBB */

bool vga_init(void);            /* the screen is black then; false: no such device */
