/* One frame: draw the damage, compute the identity, copy to the screen band by band. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

bool     present(void);             /* false: no damage, no frame */
uint32_t present_frame(void);       /* number of the last presented frame, 0: none */
uint32_t present_identity(void);    /* its CRC-32 */
void     present_print_identity(void);
