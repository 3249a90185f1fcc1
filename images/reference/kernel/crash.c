/* The ways in which this kernel can die or misbehave on request. */
#include "crash.h"
#include <stddef.h>
#include "console.h"
#include "io.h"
#include "power.h"
#include "string.h"
#include "trap.h"

/* Each is a function of its own, so that a backtrace names it. */
#define CRASH __attribute__((noinline)) static void

CRASH crash_ud(void)
{
    __asm__ volatile("ud2");
}

CRASH crash_pf(void)
{
    *(volatile uint32_t *)0x4000DEAD0000 = 1;       /* above the 4 GiB that are mapped */
}

CRASH crash_de(void)
{
    __asm__ volatile("xorl %%edx, %%edx; movl $1, %%eax; xorl %%ecx, %%ecx; divl %%ecx" ::: "eax", "ecx", "edx", "cc");
}

CRASH crash_panic(void)
{
    console_end_line();
    console_line("PANIC: requested by control");
    halt_for_ever();
}

CRASH crash_triple(void)
{
    struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none = { 0, 0 };
    __asm__ volatile("lidt %0; ud2" :: "m"(none));
}

CRASH crash_cliloop(void)
{
    interrupts_off();
    for (;;)
        __asm__ volatile("");
}

CRASH crash_clihlt(void)
{
    halt_for_ever();
}

CRASH crash_spin(void)
{
    trap_return_masked = false;
    interrupts_on();
    for (;;)
        __asm__ volatile("");
}

CRASH crash_silent(void)
{
    trap_return_masked = false;
    for (;;)
        __asm__ volatile("sti; hlt");
}

CRASH crash_flood(void)
{
    for (;;)
        console_write("x", 1);
}

CRASH crash_reboot(void)
{
    power_reset();
}

static const struct { const char *kind; void (*crash)(void); } crashes[] = {
    { "ud", crash_ud }, { "pf", crash_pf }, { "de", crash_de }, { "panic", crash_panic }, { "triple", crash_triple },
    { "cliloop", crash_cliloop }, { "clihlt", crash_clihlt }, { "spin", crash_spin }, { "silent", crash_silent },
    { "flood", crash_flood }, { "reboot", crash_reboot },
};

bool crash_known(const char *kind)
{
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        if (same_text(kind, crashes[i].kind))
            return true;
    return false;
}

void crash_now(const char *kind)
{
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        if (same_text(kind, crashes[i].kind))
            crashes[i].crash();
    halt_for_ever();
}

void crash_noise(uint32_t bytes, uint64_t seed)
{
    while (bytes--) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        char byte = (char)(seed >> 56);
        console_write(&byte, 1);
    }
    console_write("\n", 1);
}
