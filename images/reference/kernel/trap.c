/* Interrupts and exceptions: the IDT, IRQ handlers, the fatal exception report. */
#include "trap.h"
#include <stdint.h>
#include "console.h"
#include "io.h"
#include "pic.h"
#include "segments.h"
#include "slice.h"

enum { VECTORS = 256, NMI = 2, IRQS = 16, SPURIOUS = 255, STUB_SIZE = 16, RFLAGS_IF = 0x200, RING_3 = 0x60 };

/* What trap_entry.S pushed, lowest address first. */
struct trap_frame {
    uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
    uint64_t rbp, rip_copy, vector, error, rip, cs, rflags, rsp, ss;
};

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, zero;
};

extern char trap_stubs[], trap_slice[], trap_system_call[], trap_spurious[], trap_nmi[];
void trap_dispatch(struct trap_frame *frame);

bool trap_return_masked;
volatile uint32_t trap_nmis;
static struct gate idt[VECTORS];
static void (*irq_handlers[IRQS])(void);

static const char *const exception_names[EXCEPTIONS] = {
    [0] = "DIVIDE ERROR", [1] = "DEBUG", [2] = "NON-MASKABLE INTERRUPT", [3] = "BREAKPOINT", [4] = "OVERFLOW",
    [5] = "BOUND RANGE", [6] = "INVALID OPCODE", [7] = "DEVICE NOT AVAILABLE", [8] = "DOUBLE FAULT",
    [10] = "INVALID TSS", [11] = "SEGMENT NOT PRESENT", [12] = "STACK FAULT", [13] = "GENERAL PROTECTION",
    [14] = "PAGE FAULT", [16] = "FLOATING POINT", [17] = "ALIGNMENT CHECK", [18] = "MACHINE CHECK",
};

static void set_gate(unsigned vector, const char *entry)
{
    uint64_t at = (uint64_t)(uintptr_t)entry;
    idt[vector] = (struct gate){
        .offset_low = (uint16_t)at, .selector = KERNEL_CODE, .type = 0x8E,    /* present, 64-bit interrupt gate */
        .offset_middle = (uint16_t)(at >> 16), .offset_high = (uint32_t)(at >> 32),
    };
}

void trap_init(void)
{
    for (unsigned v = 0; v < EXCEPTIONS + IRQS; v++)
        set_gate(v, trap_stubs + v * STUB_SIZE);
    set_gate(NMI, trap_nmi);
    idt[NMI].ist = STACK_NMI;
    set_gate(SPURIOUS, trap_spurious);
    set_gate(SLICE_VECTOR, trap_slice);
    set_gate(TRAP_SYSTEM_CALL, trap_system_call);
    idt[TRAP_SYSTEM_CALL].type |= RING_3;
    segments_init();
    struct { uint16_t limit; uint64_t base; } __attribute__((packed)) pointer = { sizeof idt - 1, (uintptr_t)idt };
    __asm__ volatile("lidt %0" :: "m"(pointer));
    pic_init(EXCEPTIONS);
}

void trap_on_irq(enum irq irq, void (*handler)(void))
{
    irq_handlers[irq] = handler;
    pic_unmask(irq);
}

void trap_fatal(unsigned vector, uint64_t error, uint64_t rip)
{
    uint64_t cr2;
    __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    const char *name = exception_names[vector];
    console_end_line();
    console_line("=== %s EXCEPTION ===", name ? name : "RESERVED");
    console_line("RIP=0x%016lx ERR=0x%lx CR2=0x%016lx", rip, error, cr2);
    console_line("Status: Halting system");
    halt_for_ever();
}

void trap_serve(unsigned vector)
{
    if (vector == SLICE_VECTOR)
        return slice_end_of_interrupt();
    unsigned irq = vector - EXCEPTIONS;
    if (irq_handlers[irq])
        irq_handlers[irq]();
    pic_end_of_interrupt(irq);
}

void trap_dispatch(struct trap_frame *f)
{
    if (f->vector < EXCEPTIONS)
        trap_fatal((unsigned)f->vector, f->error, f->rip);
    trap_serve((unsigned)f->vector);
    if (trap_return_masked)
        f->rflags &= ~(uint64_t)RFLAGS_IF;
}
