/* Virtio 1 devices on PCI: capabilities, feature negotiation, split queues (OASIS "Virtual I/O Device", 1.1). */
#include "virtio.h"
#include <stddef.h>
#include "clock.h"
#include "io.h"
#include "pci.h"
#include "trap.h"

enum {
    VENDOR = 0x1AF4, BARS = 6, PCI_STATUS_CAPABILITIES = 0x10 << 16, PCI_CAPABILITIES = 0x34, PCI_BUS_MASTER = 4, CAPABILITY_VENDOR = 9,
    COMMON = 1, NOTIFY = 2, INTERRUPT_STATUS = 3, DEVICE = 4,
    /* The common configuration. */
    DEVICE_FEATURE_SELECT = 0x00, DEVICE_FEATURE = 0x04, DRIVER_FEATURE_SELECT = 0x08, DRIVER_FEATURE = 0x0C, STATUS = 0x14,
    QUEUE_SELECT = 0x16, QUEUE_SIZE = 0x18, QUEUE_ENABLE = 0x1C, QUEUE_NOTIFY_OFFSET = 0x1E,
    QUEUE_DESCRIPTORS = 0x20, QUEUE_AVAILABLE = 0x28, QUEUE_USED = 0x30,
    ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, VERSION_1_HIGH = 1,
    NO_INTERRUPT = 1,
    /* Interrupt routing, which small firmwares leave alone: all PCI lines to one input of the PIC, level triggered. */
    INTEL = 0x8086, ICH9_LPC = 0x2918, PIIX3_ISA = 0x7000, ROUTE_A_TO_D = 0x60, ROUTE_E_TO_H = 0x68,
    IRQ_PCI = 11, LEVEL_TRIGGERED_8_TO_15 = 0x4D1,
    DEVICES = 4,
};

static volatile uint8_t *status_of[DEVICES];        /* reading one takes its interrupt line down */
static unsigned devices;
static volatile bool interrupted;                   /* since the last request */
static uint32_t free_address = 0xE8000000u;         /* in the PCI hole, behind what vga.c takes */

#define AT(type, base, offset) (*(volatile type *)((base) + (offset)))
#define BARRIER() __asm__ volatile("mfence" ::: "memory")

static void on_pci(void)
{
    for (unsigned i = 0; i < devices; i++)
        interrupted |= *status_of[i] & 1;
}

static void route_interrupts(void)
{
    struct pci_device bridge;
    uint32_t all = IRQ_PCI * 0x01010101u;
    if (pci_find(INTEL, ICH9_LPC, &bridge)) {
        pci_write(bridge, ROUTE_A_TO_D, all);
        pci_write(bridge, ROUTE_E_TO_H, all);
    } else if (pci_find(INTEL, PIIX3_ISA, &bridge)) {
        pci_write(bridge, ROUTE_A_TO_D, all);
    }
    outb(LEVEL_TRIGGERED_8_TO_15, inb(LEVEL_TRIGGERED_8_TO_15) | 1 << (IRQ_PCI - 8));
    trap_on_irq((enum irq)IRQ_PCI, on_pci);
}

/* The address of a memory BAR below 4 GiB; it is given one if it has none there. 0: no memory BAR. */
static uint32_t place_bar(struct pci_device d, unsigned bar)
{
    uint8_t at = (uint8_t)(PCI_BAR0 + bar * 4);
    uint32_t low = pci_read(d, at);
    bool wide = (low & 6) == 4;
    if (low & 1 || bar >= BARS)
        return 0;
    if (low & ~0xFu && !(wide && pci_read(d, at + 4)))
        return low & ~0xFu;
    pci_write(d, at, ~0u);
    uint32_t size = -(pci_read(d, at) & ~0xFu);
    uint32_t address = (free_address + size - 1) & -size;
    free_address = address + size;
    pci_write(d, at, address);
    if (wide)
        pci_write(d, at + 4, 0);
    return address;
}

/* Where the structures of the device are. */
static void read_capabilities(struct virtio *v, struct pci_device d)
{
    for (uint8_t at = (uint8_t)pci_read(d, PCI_CAPABILITIES) & 0xFC; at; at = (uint8_t)(pci_read(d, at) >> 8) & 0xFC) {
        uint32_t head = pci_read(d, at);
        if ((head & 0xFF) != CAPABILITY_VENDOR)
            continue;
        uint8_t type = (uint8_t)(head >> 24);
        if (type < COMMON || type > DEVICE)
            continue;
        uint32_t base = place_bar(d, pci_read(d, at + 4) & 0xFF);
        volatile uint8_t *where = base ? (volatile uint8_t *)(uintptr_t)(base + pci_read(d, at + 8)) : NULL;
        if (type == COMMON)
            v->common = where;
        else if (type == INTERRUPT_STATUS)
            v->interrupt_status = where;
        else if (type == DEVICE)
            v->device = where;
        else {
            v->notify = where;
            v->notify_step = pci_read(d, at + 16);
        }
    }
}

bool virtio_open(struct virtio *v, uint16_t transitional_id, uint16_t modern_id, uint32_t features)
{
    struct pci_device d;
    *v = (struct virtio){ 0 };
    if ((!pci_find(VENDOR, modern_id, &d) && !pci_find(VENDOR, transitional_id, &d)) || devices == DEVICES
        || !(pci_read(d, PCI_COMMAND) & PCI_STATUS_CAPABILITIES))
        return false;
    read_capabilities(v, d);
    if (!v->common || !v->notify || !v->interrupt_status || !v->device)
        return false;
    pci_write(d, PCI_COMMAND, (pci_read(d, PCI_COMMAND) & 0xFFFF) | PCI_COMMAND_MEMORY | PCI_BUS_MASTER);

    volatile uint8_t *c = v->common;
    AT(uint8_t, c, STATUS) = 0;
    while (AT(uint8_t, c, STATUS))
        ;
    AT(uint8_t, c, STATUS) = ACKNOWLEDGE | DRIVER;
    AT(uint32_t, c, DEVICE_FEATURE_SELECT) = 0;
    v->features = AT(uint32_t, c, DEVICE_FEATURE) & features;
    AT(uint32_t, c, DRIVER_FEATURE_SELECT) = 0;
    AT(uint32_t, c, DRIVER_FEATURE) = v->features;
    AT(uint32_t, c, DRIVER_FEATURE_SELECT) = 1;
    AT(uint32_t, c, DRIVER_FEATURE) = VERSION_1_HIGH;
    AT(uint8_t, c, STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    if (!(AT(uint8_t, c, STATUS) & FEATURES_OK))
        return false;
    if (!devices)
        route_interrupts();
    status_of[devices++] = v->interrupt_status;
    return true;
}

bool virtio_add_queue(struct virtio *v, struct virtq *q, uint16_t number, bool interrupts)
{
    volatile uint8_t *c = v->common;
    AT(uint16_t, c, QUEUE_SELECT) = number;
    if (AT(uint16_t, c, QUEUE_SIZE) < VIRTQ_SIZE)
        return false;
    AT(uint16_t, c, QUEUE_SIZE) = VIRTQ_SIZE;
    q->available.flags = interrupts ? 0 : NO_INTERRUPT;
    q->number = number;
    q->notify = (volatile uint16_t *)(v->notify + AT(uint16_t, c, QUEUE_NOTIFY_OFFSET) * v->notify_step);
    const void *parts[] = { q->descriptors, &q->available, &q->used };
    for (unsigned i = 0; i < 3; i++) {
        AT(uint32_t, c, QUEUE_DESCRIPTORS + 8 * i) = (uint32_t)(uintptr_t)parts[i];     /* identity mapped, below 4 GiB */
        AT(uint32_t, c, QUEUE_DESCRIPTORS + 8 * i + 4) = 0;
    }
    AT(uint16_t, c, QUEUE_ENABLE) = 1;
    return true;
}

void virtio_start(struct virtio *v)
{
    AT(uint8_t, v->common, STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
}

bool virtio_alive(const struct virtio *v)
{
    return AT(uint8_t, v->common, STATUS) == (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

void virtq_give(struct virtq *q, uint16_t descriptor)
{
    q->available.ring[q->available.index % VIRTQ_SIZE] = descriptor;
    BARRIER();
    q->available.index++;
    BARRIER();
    *q->notify = q->number;
}

bool virtq_take(struct virtq *q, uint32_t *descriptor, uint32_t *length)
{
    if (*(volatile uint16_t *)&q->used.index == q->taken)
        return false;
    BARRIER();
    *descriptor = q->used.ring[q->taken % VIRTQ_SIZE].id;
    *length = q->used.ring[q->taken % VIRTQ_SIZE].length;
    q->taken++;
    return true;
}

void virtq_request(struct virtq *q, uint16_t descriptor)
{
    uint64_t rflags;
    uint32_t used, length;
    __asm__ volatile("pushfq; popq %0" : "=r"(rflags) :: "memory");
    bool masked = trap_return_masked;
    /* The device answers at an instant of the host's. If interrupts stay off but in the halt, no timer runs that could end
     * it, and the interrupt is waited for even where the answer is there already, neither what the guest does nor its
     * time depends on that instant. */
    interrupts_off();
    trap_return_masked = true;
    while (clock_armed())
        clock_halt();
    interrupted = false;
    virtq_give(q, descriptor);
    for (bool taken = false; !taken || !interrupted;) {
        clock_halt();
        taken |= virtq_take(q, &used, &length);
    }
    trap_return_masked = masked;
    if (rflags & 0x200)
        interrupts_on();
}
