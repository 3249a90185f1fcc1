/* The proof rendezvous (prove=1): after each frame the guest stands still until the host has looked at its screen.
 * A 16550 of its own, COM3, carries `<frame>:<identity>:<guest us>` out and one byte, of any value, in. */
#include "proof.h"
#include <stdbool.h>
#include <stddef.h>
#include "bootinfo.h"
#include "clock.h"
#include "format.h"
#include "io.h"
#include "trap.h"

enum {
    COM3 = 0x3E8, IRQ_COM3 = 5,
    DATA = 0, INTERRUPTS = 1, FIFO = 2, LINE = 3, MODEM = 4, STATUS = 5,
    STATUS_DATA_READY = 0x01, STATUS_TRANSMIT_EMPTY = 0x20,
};

static bool started;
static volatile bool answered;

static void on_com3(void)
{
    if (!(inb(COM3 + STATUS) & STATUS_DATA_READY))
        return;
    inb(COM3 + DATA);
    answered = true;
}

static void start(void)
{
    outb(COM3 + LINE, 0x80);            /* divisor latch: 115200 baud */
    outb(COM3 + DATA, 1);
    outb(COM3 + INTERRUPTS, 0);
    outb(COM3 + LINE, 0x03);            /* 8N1 */
    outb(COM3 + FIFO, 0);
    outb(COM3 + MODEM, 0x0B);           /* DTR, RTS, OUT2: the gate of the interrupt line */
    trap_on_irq((enum irq)IRQ_COM3, on_com3);
    outb(COM3 + INTERRUPTS, 0x01);
    started = true;
}

static void send(const char *bytes, size_t n)
{
    while (n--) {
        while (!(inb(COM3 + STATUS) & STATUS_TRANSMIT_EMPTY))
            __asm__ volatile("pause");
        outb(COM3 + DATA, (uint8_t)*bytes++);
    }
}

void proof_wait(uint32_t frame, uint32_t identity)
{
    if (!options.prove)
        return;
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) :: "memory");
    if (!started)
        start();
    bool masked = trap_return_masked;
    trap_return_masked = true;
    char line[48];
    size_t n = format(line, sizeof line, "%u:%08x:%lu\n", frame, identity, clock_us());
    while (clock_armed())               /* virtual time stands still only while no timer is armed */
        clock_halt();
    answered = false;
    send(line, n);
    while (!answered)
        clock_halt();
    trap_return_masked = masked;
    __asm__ volatile("pushq %0; popfq" :: "r"(flags) : "memory", "cc");
}
