/* The two 16550 ports, FIFOs off: one byte out at a time, one byte in per interrupt. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum serial_port { COM1, COM2 };

void    serial_init(void);                          /* transmit works from here on */
void    serial_receive(void);                       /* receive interrupts on; needs trap_init() */
void    serial_write(enum serial_port port, const void *bytes, size_t n);     /* returns when all is sent */
bool    serial_readable(enum serial_port port);
uint8_t serial_read(enum serial_port port);         /* only when readable */
