/* The 8259 pair, and the local APIC that passes its interrupts on. */
#include "pic.h"
#include <stdbool.h>
#include "io.h"

enum {
    MASTER = 0x20, SLAVE = 0xA0,            /* command ports; data is the next one */
    ICW1 = 0x11, ICW4_8086 = 0x01, OCW2_EOI = 0x20, OCW3_READ_ISR = 0x0B,
    CASCADE = 2,
};

static volatile uint32_t *const apic = (volatile uint32_t *)0xFEE00000;
enum { APIC_SPURIOUS = 0x0F0 / 4, APIC_LINT0 = 0x350 / 4, APIC_LINT1 = 0x360 / 4 };

void pic_init(uint8_t vector)
{
    outb(MASTER, ICW1);
    outb(SLAVE, ICW1);
    outb(MASTER + 1, vector);
    outb(SLAVE + 1, (uint8_t)(vector + 8));
    outb(MASTER + 1, 1 << CASCADE);
    outb(SLAVE + 1, CASCADE);
    outb(MASTER + 1, ICW4_8086);
    outb(SLAVE + 1, ICW4_8086);
    outb(MASTER + 1, 0xFF & ~(1 << CASCADE));
    outb(SLAVE + 1, 0xFF);
    apic[APIC_SPURIOUS] = 0x1FF;            /* enabled, spurious vector 255 */
    apic[APIC_LINT0] = 0x700;               /* ExtINT: virtual wire */
    apic[APIC_LINT1] = 0x400;               /* NMI */
}

void pic_unmask(unsigned irq)
{
    uint16_t port = irq < 8 ? MASTER + 1 : SLAVE + 1;
    outb(port, (uint8_t)(inb(port) & ~(1u << (irq & 7))));
}

static bool in_service(uint16_t port)
{
    outb(port, OCW3_READ_ISR);
    return inb(port) & 0x80;
}

void pic_end_of_interrupt(unsigned irq)
{
    if (irq == 7 && !in_service(MASTER))    /* spurious */
        return;
    if (irq >= 8 && (irq != 15 || in_service(SLAVE)))
        outb(SLAVE, OCW2_EOI);
    outb(MASTER, OCW2_EOI);
}
