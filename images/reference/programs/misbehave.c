/* What a bad client does. The crashes are real instructions. */
#include "client.h"
#include "calls.h"

enum { NULL_POINTER = 0x10, KERNEL = 0x100000, LEAK_BYTES = 64 << 10, FLOOD_SYNCS = 1000, SMALL_POOL = 4096, BAD_SIDE = 100 };

struct misbehaving misbehaving;

static void write_to(uintptr_t address)
{
    __asm__ volatile("movl $1, (%0)" : : "r"(address) : "memory");
}

static void leak(void)
{
    int64_t heap = call_grow(LEAK_BYTES);
    if (heap < 0)
        call_exit(EXIT_MEMORY);
    for (size_t i = 0; i < LEAK_BYTES; i += 4096)
        ((volatile uint8_t *)heap)[i] = 1;
}

/* The compositor has done with a callback when it handles the next request, so one id is enough. */
static void flood(void)
{
    uint32_t id = wire_new_id(OBJECT_IGNORED);
    for (int i = 0; i < FLOOD_SYNCS; i++)
        WIRE(WIRE_DISPLAY, DISPLAY_SYNC, id);
}

static void send_small_pool(void)
{
    void *address;
    int fd = (int)call_share(SMALL_POOL, &address);
    if (fd < 0)
        call_exit(EXIT_MEMORY);
    wire_fd(fd);
    uint32_t pool = wire_new_id(OBJECT_POOL);
    WIRE(objects.shm, SHM_CREATE_POOL, pool, SMALL_POOL);
    WIRE(pool, POOL_CREATE_BUFFER, wire_new_id(OBJECT_BUFFER), 0, BAD_SIDE, BAD_SIDE, BAD_SIDE * 4, FORMAT_XRGB8888);
    wire_flush();
    call_close(fd);
}

void misbehave(enum misbehaviour how)
{
    enum { NO_OBJECT = 1000, NO_OPCODE = 99 };
    switch (how) {
    case MISBEHAVE_page_fault:     write_to(NULL_POINTER); break;
    case MISBEHAVE_neighbour:      write_to(KERNEL); break;
    case MISBEHAVE_invalid_opcode: __asm__ volatile("ud2"); break;
    case MISBEHAVE_divide_error:   __asm__ volatile("divl %0" : : "r"(0) : "eax", "edx"); break;
    case MISBEHAVE_protection:     __asm__ volatile("hlt"); break;
    case MISBEHAVE_hang:           for (;;) __asm__ volatile("");
    case MISBEHAVE_exit:           call_exit(EXIT_UNASKED);
    case MISBEHAVE_leak:           misbehaving.leaks = true; break;
    case MISBEHAVE_deaf:           misbehaving.deaf = true; break;
    case MISBEHAVE_no_ack:         misbehaving.no_ack = true; break;
    case MISBEHAVE_no_pong:        misbehaving.no_pong = true; break;
    case MISBEHAVE_flood:          misbehaving.floods = true; break;
    case MISBEHAVE_bad_object:     WIRE0(NO_OBJECT, 0); break;
    case MISBEHAVE_bad_opcode:     WIRE0(objects.surface, NO_OPCODE); break;
    case MISBEHAVE_bad_size:
        wire_word(objects.surface);
        wire_word(4 << 16 | SURFACE_COMMIT);
        break;
    case MISBEHAVE_bad_buffer:     send_small_pool(); break;
    case MISBEHAVE_bad_string:     WIRE(objects.toplevel, TOPLEVEL_SET_TITLE, 4, 0x78787878); break;
    case MISBEHAVE_double_role:    WIRE(objects.xdg_surface, XDG_SURFACE_GET_TOPLEVEL, wire_new_id(OBJECT_IGNORED)); break;
    case MISBEHAVIOUR_COUNT:       break;
    }
}

void misbehave_tick(void)
{
    if (misbehaving.leaks)
        leak();
}

void misbehave_turn(void)
{
    if (misbehaving.floods)
        flood();
}
