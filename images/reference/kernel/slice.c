/* The time slice: the local APIC's timer. */
#include "slice.h"
#include <stdbool.h>
#include "clock.h"
#include "string.h"

static volatile uint32_t *const apic = (volatile uint32_t *)0xFEE00000;
enum {
    END_OF_INTERRUPT = 0x0B0 / 4, LVT_TIMER = 0x320 / 4, INITIAL = 0x380 / 4, CURRENT = 0x390 / 4, DIVIDE = 0x3E0 / 4,
    MASKED = 0x10000, BY_1 = 0xB, HYPERVISOR = 0x40000000, SAMPLE_US = 10000,
};

static uint32_t ticks_per_ms;

/* QEMU (hw/intc/apic.c) and KVM (APIC_BUS_CYCLE_NS) count nanoseconds. */
static bool counts_nanoseconds(void)
{
    uint32_t a = HYPERVISOR, c = 0, d, name[3];
    __asm__ volatile("cpuid" : "+a"(a), "=b"(name[0]), "+c"(c), "=d"(d));
    name[1] = c;
    name[2] = d;
    return !memcmp(name, "TCGTCGTCGTCG", sizeof name) || !memcmp(name, "KVMKVMKVM\0\0\0", sizeof name);
}

void slice_init(void)
{
    apic[DIVIDE] = BY_1;
    apic[LVT_TIMER] = MASKED | SLICE_VECTOR;
    ticks_per_ms = 1000000;
    if (!counts_nanoseconds()) {
        slice_start(~0u);
        for (uint64_t from = clock_us(); clock_us() - from < SAMPLE_US; )
            ;
        ticks_per_ms = (~0u - slice_left()) / (SAMPLE_US / 1000);
        slice_cancel();
    }
    apic[LVT_TIMER] = SLICE_VECTOR;
}

void slice_start(uint32_t ticks)
{
    apic[INITIAL] = ticks;
}

uint32_t slice_left(void)
{
    return apic[CURRENT];
}

void slice_cancel(void)
{
    apic[INITIAL] = 0;
}

void slice_end_of_interrupt(void)
{
    apic[END_OF_INTERRUPT] = 0;
}

uint32_t slice_ticks(uint32_t us)
{
    return (uint32_t)((uint64_t)us * ticks_per_ms / 1000);
}

uint64_t slice_us(uint64_t ticks)
{
    return ticks * 1000 / ticks_per_ms;
}
