/* A kernel that does nothing but what the kit asks for: two serial ports, a clock, and a halt with no timer armed. */
#include "rayos_kit.h"

enum { COM1 = 0x3F8, COM2 = 0x2F8, STATUS = 5, WRITABLE = 0x20, CODE = 8, VECTOR = 32, IRQ_COM2 = 3 };

extern char on_interrupt[];
int received = -1;                  /* by on_interrupt: one byte for each halt */
void kernel_main(void);

static void out(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }

static uint8_t in(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static void send(uint16_t port, char c)
{
    while (!(in(port + STATUS) & WRITABLE))
        ;
    out(port, (uint8_t)c);
}

static void put_console(void *context, char c) { (void)context, send(COM1, c); }
static void put_control(void *context, char c) { (void)context, send(COM2, c); }

static int get_control(void *context)
{
    int byte = received;
    (void)context;
    received = -1;
    return byte;
}

/* The HPET counts in steps of 10 ns; 42949673 is 2^32 / 100. Good for 45 minutes. */
static uint64_t now_us(void *context)
{
    volatile uint32_t *hpet = (volatile uint32_t *)0xFED00000;
    uint32_t high, low;
    (void)context;
    do {
        high = hpet[61];
        low = hpet[60];
    } while (high != hpet[61]);
    return ((uint64_t)high << 32 | low) * 42949673u >> 32;
}

static struct rayos_kit kit;
static uint32_t counter;

static void leave(void *context)
{
    (void)context;
    out(0x501, 0x10);               /* isa-debug-exit: code 16 */
}

static bool is(const char *payload, const char *verb)
{
    while (*verb && *payload == *verb) {
        payload++;
        verb++;
    }
    return !*verb && (!*payload || *payload == ' ');
}

static void execute(void *context, char *payload, struct rayos_reply *reply)
{
    uint32_t by;
    (void)context;
    if (is(payload, "hello")) {
        rayos_say(reply, " proto=1 guest=example");
    } else if (is(payload, "count")) {
        if (!rayos_number(payload, "by", &by))
            return rayos_refuse(reply, "argument", "by");
        counter += by;
        rayos_marker(&kit, "EXAMPLE:COUNT:%u", counter);
        rayos_say(reply, " counter=%u", counter);
    } else if (is(payload, "leave")) {
        reply->afterwards = leave;
    } else {
        rayos_refuse(reply, "verb", "");
    }
}

void kernel_main(void)
{
    static uint32_t idt[2 * (VECTOR + 8)];
    static const struct rayos_host host = { 0, put_console, put_control, get_control, now_us, execute, true };
    uint32_t entry = (uint32_t)(uintptr_t)on_interrupt;
    for (int v = VECTOR; v < VECTOR + 8; v++) {
        idt[2 * v] = CODE << 16 | (entry & 0xFFFF);
        idt[2 * v + 1] = (entry & 0xFFFF0000) | 0x8E00;
    }
    struct { uint16_t limit; uint32_t base; } __attribute__((packed)) idtr = { sizeof idt - 1, (uint32_t)(uintptr_t)idt };
    __asm__ volatile("lidt %0" :: "m"(idtr));

    static const uint16_t set_up[][2] = {
        { 0x20, 0x11 }, { 0x21, VECTOR }, { 0x21, 4 }, { 0x21, 1 }, { 0x21, 0xFF & ~(1 << IRQ_COM2) },      /* the interrupt controller */
        { 0x43, 0x30 }, { 0x40, 1 }, { 0x40, 0 },                       /* no timer: the PIT fires once, masked, and is done */
        { 0x70, 0x0B }, { 0x71, 0x02 }, { 0x70, 0x0A }, { 0x71, 0x70 }, /* and the RTC's divider is in reset */
        { COM2 + 2, 0 }, { COM2 + 4, 0x0B }, { COM2 + 1, 1 },           /* COM2: no FIFO, one interrupt a byte */
    };
    for (unsigned i = 0; i < sizeof set_up / sizeof *set_up; i++)
        out(set_up[i][0], (uint8_t)set_up[i][1]);
    volatile uint32_t *apic = (volatile uint32_t *)0xFEE00000;
    apic[0xF0 / 4] = 0x1FF;         /* the local APIC passes the controller's interrupts on */
    apic[0x350 / 4] = 0x700;
    ((volatile uint32_t *)0xFED00000)[4] = 1;

    rayos_kit_init(&kit, &host);
    rayos_marker(&kit, "KIT:BOOT:%s:release", "example");
    rayos_ready(&kit);
    for (;;)
        if (!rayos_control(&kit))
            __asm__ volatile("sti; hlt; cli" ::: "memory");
}
