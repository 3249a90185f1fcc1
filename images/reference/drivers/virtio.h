/* Virtio 1 devices on PCI: capabilities, feature negotiation, split queues (OASIS "Virtual I/O Device", 1.1). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { VIRTQ_SIZE = 16 };

struct virtq_descriptor { uint64_t address; uint32_t length; uint16_t flags, next; };
enum { VIRTQ_NEXT = 1, VIRTQ_DEVICE_WRITES = 2 };

struct virtq {
    struct virtq_descriptor descriptors[VIRTQ_SIZE] __attribute__((aligned(16)));
    struct { uint16_t flags, index, ring[VIRTQ_SIZE], event; } available;
    struct { uint16_t flags, index; struct { uint32_t id, length; } ring[VIRTQ_SIZE]; } used __attribute__((aligned(4)));
    volatile uint16_t *notify;
    uint16_t number, taken;             /* taken: of the used ones */
};

struct virtio {
    volatile uint8_t *common, *interrupt_status, *device;
    volatile uint8_t *notify;
    uint32_t notify_step;
    uint32_t features;                  /* those below 32 that were agreed on */
};

/* Finds the first such device of bus 0, resets it and agrees on VERSION_1 and what it has of `features` (those below 32). */
bool virtio_open(struct virtio *v, uint16_t transitional_id, uint16_t modern_id, uint32_t features);
/* `interrupts`: whether the device may raise one for what it has used. */
bool virtio_add_queue(struct virtio *v, struct virtq *q, uint16_t number, bool interrupts);
void virtio_start(struct virtio *v);    /* after the last queue */

/* False: the device is broken or was unplugged; it would answer nothing. */
bool virtio_alive(const struct virtio *v);

/* Hands the chain that begins with this descriptor to the device. */
void virtq_give(struct virtq *q, uint16_t descriptor);
bool virtq_take(struct virtq *q, uint32_t *descriptor, uint32_t *length);    /* false: none was used */
/* virtq_give, and halts until the device has used it. No timer is armed meanwhile, so that virtual time stands still. */
void virtq_request(struct virtq *q, uint16_t descriptor);
