/* Guest time and a one-shot timer: the HPET, else a calibrated TSC and the PIT. */
#include "clock.h"
#include "io.h"
#include "trap.h"

enum {
    PIT_CHANNEL0 = 0x40, PIT_CHANNEL2 = 0x42, PIT_CONTROL = 0x43, PIT_HZ = 1193182, PIT_MAX = 0xFFFF,
    CONTROL_CH0_ONE_SHOT = 0x30, CONTROL_CH2_ONE_SHOT = 0xB0,       /* mode 0, low then high byte */
    SPEAKER = 0x61, SPEAKER_GATE = 0x01, SPEAKER_OUT = 0x20,
    RTC_INDEX = 0x70, RTC_DATA = 0x71, RTC_A = 0x0A, RTC_B = 0x0B, RTC_DIVIDER_RESET = 0x70,
};

static volatile uint32_t *const hpet = (volatile uint32_t *)0xFED00000;
enum {
    HPET_ID = 0, HPET_PERIOD = 1, HPET_CONFIG = 4, HPET_COUNT_LOW = 60, HPET_COUNT_HIGH = 61,
    HPET_TIMER = 64, HPET_DUE_LOW = 66, HPET_DUE_HIGH = 67,
    HPET_RUNS_AS_PIT = 0x03, HPET_TIMER_ON = 0x04,      /* its timer 0 in place of the PIT's channel 0 */
};

static bool have_hpet;
static uint64_t rate;                   /* HPET: femtoseconds a tick; TSC: ticks a second */
static uint64_t start_ticks, halted_ticks;
static volatile bool armed;

/* Under QEMU's icount a halt for the timer ends late by the instructions since the CPU's last device access, if the main
 * loop looks for the next timer between the halt and its accounting (QEMU 7.2, icount_start_warp_timer): on a busy host
 * once in 10,000. So it goes on, in instructions, to a time that is the same in every run. That needs a timer that is
 * exact to an instruction, as the HPET's is; the PIT's is 1 ns late, and that only in a halt that is not late itself. */
enum { SLED = 1024, MARGIN = 512 };     /* instructions; the way back from a halt takes under 300 */
static int shift = -1;                  /* an instruction takes 2^shift ns of TSC; -1: no such clock */
static uint64_t even;                   /* TSC at which the halt for the armed timer is over */

static uint64_t ticks(void)
{
    if (!have_hpet)
        return rdtsc();
    uint32_t high, low;
    do {
        high = hpet[HPET_COUNT_HIGH];
        low = hpet[HPET_COUNT_LOW];
    } while (high != hpet[HPET_COUNT_HIGH]);
    return (uint64_t)high << 32 | low;
}

/* a * b / c, exact, without overflow while b * c and the result fit. */
static uint64_t scaled(uint64_t a, uint64_t b, uint64_t c)
{
    return a / c * b + a % c * b / c;
}

static uint64_t to_us(uint64_t t)
{
    return have_hpet ? scaled(t, rate, 1000000000) : scaled(t, 1000000, rate);
}

/* TSC ticks a second, measured over 10 ms of PIT channel 2. */
static uint64_t tsc_rate(void)
{
    unsigned count = PIT_HZ / 100;
    outb(SPEAKER, (uint8_t)((inb(SPEAKER) & ~3) | SPEAKER_GATE));
    outb(PIT_CONTROL, CONTROL_CH2_ONE_SHOT);
    outb(PIT_CHANNEL2, (uint8_t)count);
    outb(PIT_CHANNEL2, (uint8_t)(count >> 8));
    uint64_t from = rdtsc();
    while (!(inb(SPEAKER) & SPEAKER_OUT))
        ;
    return (rdtsc() - from) * 100;
}

/* Nanoseconds of TSC that 64 instructions take. */
static uint32_t tsc_of_64(void)
{
    uint32_t ns, high;
    __asm__ volatile("rdtsc; movl %%eax, %%ecx; .rept 62; nop; .endr; rdtsc; subl %%ecx, %%eax"
                     : "=a"(ns), "=d"(high) :: "ecx", "cc");
    return ns;
}

static void measure_shift(void)
{
    uint32_t ns = tsc_of_64();
    for (int k = 0; k < 7; k++)
        if (tsc_of_64() != ns)
            return;
    for (int k = 0; k <= 10; k++)
        if (ns == 64u << k)
            shift = k;
}

/* Runs n instructions more than it does for 0. */
static void burn(uint64_t n)
{
    __asm__ volatile("leaq 1f(%%rip), %%rax; subq %0, %%rax; jmp *%%rax; .rept %c1; nop; .endr; 1:"
                     :: "r"(n), "i"(SLED) : "rax", "cc");
}

/* As many instructions whatever is left, or it would not be even. */
static void halt_evenly(void)
{
    uint64_t left = (even - rdtsc()) >> shift;
    if (left <= SLED)
        burn(left);
}

static void pit_one_shot(unsigned count)
{
    outb(PIT_CONTROL, CONTROL_CH0_ONE_SHOT);
    outb(PIT_CHANNEL0, (uint8_t)count);
    outb(PIT_CHANNEL0, (uint8_t)(count >> 8));
}

static void rtc_write(uint8_t reg, uint8_t value)
{
    outb(RTC_INDEX, reg);
    outb(RTC_DATA, value);
}

void clock_init(void)
{
    /* The PIT starts as a 18.2 Hz square wave: make it a one-shot that fires (masked) at once, and is done. */
    pit_one_shot(1);
    rtc_write(RTC_B, 0x02);
    rtc_write(RTC_A, RTC_DIVIDER_RESET);

    uint32_t period = hpet[HPET_PERIOD];
    have_hpet = hpet[HPET_ID] >> 16 == 0x8086 && period && period <= 100000000;
    if (have_hpet) {
        hpet[HPET_CONFIG] = HPET_RUNS_AS_PIT;
        rate = period;
        measure_shift();
    } else {
        rate = tsc_rate();
    }
    start_ticks = ticks();
}

static void on_timer(void)
{
    armed = false;
}

void clock_start(void)
{
    trap_on_irq(IRQ_PIT, on_timer);
}

uint64_t clock_us(void)
{
    return to_us(ticks() - start_ticks);
}

uint64_t clock_halted_us(void)
{
    return to_us(halted_ticks);
}

void clock_halt(void)
{
    uint64_t from = ticks();
    bool timed = armed;
    halt_for_interrupt();
    if (timed && !armed && shift >= 0)
        halt_evenly();
    halted_ticks += ticks() - from;
}

static void arm_hpet(uint64_t due)
{
    uint64_t at = start_ticks + scaled(due, 1000000000, rate) + 1;
    even = rdtsc() + (at - ticks()) * rate / 1000000 + ((uint64_t)MARGIN << (shift & 31));
    hpet[HPET_TIMER] = 0;
    hpet[HPET_DUE_HIGH] = (uint32_t)(at >> 32);
    hpet[HPET_DUE_LOW] = (uint32_t)at;
    hpet[HPET_TIMER] = HPET_TIMER_ON;
}

bool clock_arm(uint64_t due)
{
    uint64_t now = clock_us();
    if (now >= due)
        return false;
    armed = true;
    if (have_hpet) {
        arm_hpet(due);
        return true;
    }
    uint64_t count = (due - now) * PIT_HZ / 1000000 + 1;
    pit_one_shot(count > PIT_MAX ? PIT_MAX : (unsigned)count);
    return true;
}

bool clock_armed(void)
{
    return armed;
}
