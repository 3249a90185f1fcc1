/* Guest time, and halting until a time with a one-shot timer. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

void     clock_init(void);          /* time 0; leaves no timer armed */
void     clock_start(void);         /* timer interrupt on; needs trap_init() */
uint64_t clock_us(void);            /* since clock_init() */
uint64_t clock_halted_us(void);     /* how much of it was spent halted */

/* Halts until one interrupt was served. Interrupts must be off and are off afterwards. */
void     clock_halt(void);
/* Arms the one-shot for `due_us`; it fires then or, when that is further than 54 ms away, earlier.
 * False, and nothing armed, if the time has come already. */
bool     clock_arm(uint64_t due_us);
bool     clock_armed(void);         /* the one-shot has yet to fire */
