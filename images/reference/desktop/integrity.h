/* What everything that the compositor draws is made with, guarded against memory that changes by itself. */
#pragma once
#include <stdint.h>
#include "font.h"

struct colors { uint32_t background, grid, panel, panel_text, title_text, title_added; };

/* A symbol for those who flip bits (docs/reference-guest.md). */
extern struct integrity_block {
    struct colors themes[2];                        /* by enum theme */
    uint8_t glyphs[FONT_GLYPHS][FONT_HEIGHT];
} integrity_block;

enum integrity { INTEGRITY_KEPT, INTEGRITY_REPAIRED, INTEGRITY_LOST };

void integrity_init(void);                  /* remembers a copy and its checksum */
uint32_t integrity_sum(void);
/* Compares the block with both. One of the three that differs from the others is put right; where no two agree, the block is taken
 * as it is from then on, and LOST is told once. */
enum integrity integrity_check(void);
