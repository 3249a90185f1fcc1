/* The 60 Hz tick: clients get their frame callbacks and run, and a frame is presented if anything is damaged. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Between begin and end interrupts are on, so that input is taken while a frame is drawn. They nest: with
 * free=1 the main loop began for good. */
uint64_t ticks_begin(void);         /* starts the 1/60 s grid anew, returns its start; the first tick is one period away */
void     ticks_end(void);           /* no timer is armed any more */

bool     ticks_due(void);
void     ticks_sleep(bool (*waiting)(void));    /* until due, an interrupt, or at once if waiting() */
bool     ticks_run(void);           /* the tick that is due; true: presented */
uint64_t ticks_due_us(void);        /* when the tick that ran last was due */

struct tick_totals { uint32_t ticks, presented; uint64_t us, busy_us; };
/* Waits for the next tick, handling input, runs it and adds it up. */
bool     ticks_next(struct tick_totals *totals);
