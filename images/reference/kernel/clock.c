/* Guest time (HPET, else a calibrated TSC) and the PIT as a one-shot timer. */
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
enum { HPET_ID = 0, HPET_PERIOD = 1, HPET_CONFIG = 4, HPET_COUNT_LOW = 60, HPET_COUNT_HIGH = 61 };

static bool have_hpet;
static uint64_t rate;                   /* HPET: femtoseconds a tick; TSC: ticks a second */
static uint64_t start_ticks, halted_ticks;
static volatile bool armed;

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
        hpet[HPET_CONFIG] = 1;          /* counter on, no legacy replacement */
        rate = period;
    } else {
        rate = tsc_rate();
    }
    start_ticks = ticks();
}

static void on_pit(void)
{
    armed = false;
}

void clock_start(void)
{
    trap_on_irq(IRQ_PIT, on_pit);
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
    halt_for_interrupt();
    halted_ticks += ticks() - from;
}

bool clock_arm(uint64_t due)
{
    uint64_t now = clock_us();
    if (now >= due)
        return false;
    uint64_t count = (due - now) * PIT_HZ / 1000000 + 1;
    armed = true;
    pit_one_shot(count > PIT_MAX ? PIT_MAX : (unsigned)count);
    return true;
}

bool clock_armed(void)
{
    return armed;
}
