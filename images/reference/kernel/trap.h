/* Interrupts and exceptions: the IDT, IRQ handlers, the fatal exception report. */
#pragma once
#include <stdbool.h>

enum irq { IRQ_PIT = 0, IRQ_KEYBOARD = 1, IRQ_COM2 = 3, IRQ_COM1 = 4, IRQ_MOUSE = 12 };

/* While set, a handler returns with IF=0: each halt serves exactly one interrupt, so what runs
 * between two halts does not depend on when the host's next byte arrives (the rendezvous). */
extern bool trap_return_masked;

void trap_init(void);
void trap_on_irq(enum irq irq, void (*handler)(void));     /* also unmasks it; handlers print nothing */
