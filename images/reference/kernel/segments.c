/* Segments for both rings, and the task state segment. */
#include "segments.h"
#include <stdint.h>

static struct {
    uint32_t reserved;
    uint64_t rsp[3], reserved2, ist[7], reserved3;
    uint16_t reserved4, io_map;
} __attribute__((packed)) state = { .io_map = sizeof state };      /* beyond its end: no port for ring 3 */

static uint64_t gdt[] = {
    [KERNEL_CODE / 8] = 0x00AF9A000000FFFF, [KERNEL_DATA / 8] = 0x00CF92000000FFFF,
    [USER_DATA / 8] = 0x00CFF2000000FFFF, [USER_CODE / 8] = 0x00AFFA000000FFFF,
    [TASK_STATE / 8] = 0x0000890000000000, 0,               /* available 64-bit TSS; base and limit follow */
};

void segments_init(void)
{
    static uint8_t nmi_stack[256] __attribute__((aligned(16)));
    state.ist[STACK_NMI - 1] = (uintptr_t)(nmi_stack + sizeof nmi_stack);
    uint64_t base = (uintptr_t)&state;
    gdt[TASK_STATE / 8] |= (sizeof state - 1) | (base & 0xFFFFFF) << 16 | (base >> 24 & 0xFF) << 56;
    gdt[TASK_STATE / 8 + 1] = base >> 32;
    struct { uint16_t limit; uint64_t base; } __attribute__((packed)) pointer = { sizeof gdt - 1, (uintptr_t)gdt };
    __asm__ volatile("lgdt %0; ltr %w1" :: "m"(pointer), "r"(TASK_STATE));
}

void segments_trap_stack(void *top)
{
    state.rsp[0] = (uintptr_t)top;
}
