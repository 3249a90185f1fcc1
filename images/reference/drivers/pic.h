/* The 8259 pair, and the local APIC that passes its interrupts on. */
#pragma once
#include <stdint.h>

void pic_init(uint8_t first_vector);    /* all masked; forgets edges latched before */
void pic_unmask(unsigned irq);
void pic_end_of_interrupt(unsigned irq);
