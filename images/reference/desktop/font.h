/* The 5x7 font of docs/font.txt, ASCII 0x20-0x7e. */
#pragma once
#include <stdint.h>

enum {
    FONT_FIRST = 0x20, FONT_LAST = 0x7e, FONT_GLYPHS = FONT_LAST - FONT_FIRST + 1,
    FONT_WIDTH = 5, FONT_HEIGHT = 7,
    CELL_WIDTH = 6, CELL_HEIGHT = 8,
};
