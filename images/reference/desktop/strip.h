/* The identity strip at the screen's right edge. */
#pragma once
#include <stdint.h>

enum { BAND_ROWS = 48, BANDS = 16 };

void strip_write(unsigned band, uint32_t frame, uint32_t identity);
