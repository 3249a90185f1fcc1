/* The two 16550 ports, FIFOs off: one byte out at a time, one byte in per interrupt. */
#include "serial.h"
#include "io.h"
#include "ring.h"
#include "trap.h"

enum {
    DATA = 0, INTERRUPTS = 1, FIFO = 2, LINE = 3, MODEM = 4, STATUS = 5,
    STATUS_DATA_READY = 0x01, STATUS_TRANSMIT_EMPTY = 0x20,
};

static const uint16_t base[] = { [COM1] = 0x3F8, [COM2] = 0x2F8 };
static struct ring received[2];

void serial_init(void)
{
    for (int p = COM1; p <= COM2; p++) {
        outb(base[p] + INTERRUPTS, 0);
        outb(base[p] + LINE, 0x80);         /* divisor latch: 115200 baud */
        outb(base[p] + DATA, 1);
        outb(base[p] + INTERRUPTS, 0);
        outb(base[p] + LINE, 0x03);         /* 8N1 */
        outb(base[p] + FIFO, 0);
        outb(base[p] + MODEM, 0x0B);        /* DTR, RTS, OUT2: the gate of the interrupt line */
    }
}

static void take_byte(enum serial_port p)
{
    if (inb(base[p] + STATUS) & STATUS_DATA_READY)
        ring_put(&received[p], inb(base[p] + DATA));
}

static void on_com1(void) { take_byte(COM1); }
static void on_com2(void) { take_byte(COM2); }

void serial_receive(void)
{
    trap_on_irq(IRQ_COM1, on_com1);
    trap_on_irq(IRQ_COM2, on_com2);
    outb(base[COM1] + INTERRUPTS, 0x01);
    outb(base[COM2] + INTERRUPTS, 0x01);
}

void serial_write(enum serial_port p, const void *bytes, size_t n)
{
    const uint8_t *b = bytes;
    while (n--) {
        /* A chardev whose reader stalls leaves the register full: wait, lose nothing. */
        while (!(inb(base[p] + STATUS) & STATUS_TRANSMIT_EMPTY))
            __asm__ volatile("pause");
        outb(base[p] + DATA, *b++);
    }
}

bool serial_readable(enum serial_port p)
{
    return !ring_empty(&received[p]);
}

uint8_t serial_read(enum serial_port p)
{
    return ring_take(&received[p]);
}
