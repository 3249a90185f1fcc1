/* A byte queue from an interrupt handler to the main loop. A full queue drops the new byte. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { RING_SIZE = 4096 };

struct ring {
    volatile uint32_t written, taken;       /* each changed by one side only */
    uint8_t bytes[RING_SIZE];
};

static inline bool ring_empty(const struct ring *r)
{
    return r->written == r->taken;
}

static inline void ring_put(struct ring *r, uint8_t byte)
{
    if (r->written - r->taken >= RING_SIZE - 1)
        return;
    r->bytes[r->written % RING_SIZE] = byte;
    __asm__ volatile("" ::: "memory");
    r->written++;
}

static inline uint8_t ring_take(struct ring *r)
{
    uint8_t byte = r->bytes[r->taken % RING_SIZE];
    __asm__ volatile("" ::: "memory");
    r->taken++;
    return byte;
}
