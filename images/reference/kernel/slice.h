/* The time slice: the local APIC's timer, one shot. It cannot disturb the PIT, which paces the ticks. */
#pragma once
#include <stdint.h>

enum { SLICE_VECTOR = 64 };

void     slice_init(void);
/* Interrupts with SLICE_VECTOR when they are over. With something left, such an interrupt is a late one of a slice before. */
void     slice_start(uint32_t ticks);
uint32_t slice_left(void);
void     slice_cancel(void);                    /* nothing is armed */
void     slice_end_of_interrupt(void);
uint32_t slice_ticks(uint32_t us);
uint64_t slice_us(uint64_t ticks);
