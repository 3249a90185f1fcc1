/* Interrupts and exceptions: the IDT, IRQ handlers, the fatal exception report. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { EXCEPTIONS = 32, TRAP_SYSTEM_CALL = 128 };       /* vectors: exceptions below, then the IRQs */

enum irq { IRQ_PIT = 0, IRQ_KEYBOARD = 1, IRQ_COM2 = 3, IRQ_COM1 = 4, IRQ_MOUSE = 12 };

/* While set, a handler returns with IF=0: each halt serves exactly one interrupt, so what runs
 * between two halts does not depend on when the host's next byte arrives (the rendezvous). */
extern bool trap_return_masked;

extern volatile uint32_t trap_nmis;         /* that came so far */

void trap_init(void);
void trap_on_irq(enum irq irq, void (*handler)(void));     /* also unmasks it; handlers print nothing */

/* For traps from ring 3 (task.c): what those from ring 0 do of themselves. */
void trap_serve(unsigned vector);       /* an interrupt's handler; interrupts are off */
__attribute__((noreturn)) void trap_fatal(unsigned vector, uint64_t error, uint64_t rip);
