/* The 5x7 font of docs/font.txt, ASCII 0x20-0x7e. */
#include "font.h"

const uint8_t font_rows[FONT_GLYPHS][FONT_HEIGHT] = {
#include "glyphs.h"
};
