/* The table of tile checksums over the back buffer, and its CRC-32: the frame's identity. */
#pragma once
#include <stdint.h>
#include "rect.h"

void     tiles_init(void);
void     tiles_damage(struct rect r);       /* these pixels may have changed */
uint32_t tiles_identity(void);              /* updates the table, returns its CRC-32 */
