/* The i8042 controller: keyboard bytes in, and the mouse interrupt that announces pointer events. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

void    ps2_init(void);                 /* before trap_init(): leaves no byte and no interrupt behind */
void    ps2_start(void);                /* interrupts on */
bool    ps2_busy(void);                 /* a byte waits in the controller, so an interrupt is due */
bool    ps2_has_key_byte(void);
bool    ps2_key_byte(uint8_t *byte);    /* next keyboard byte, set 1; false: none */
