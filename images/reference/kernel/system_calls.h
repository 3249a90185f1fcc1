/* What ring 3 may ask of the kernel: `int 0x80`, number in rax, arguments in rdi, rsi, rdx, result in rax (all other
 * registers keep their values). Read by both sides, so it holds plain numbers and structures only. A bad pointer, handle or
 * number ends the task (END_SYSTEM_CALL); what can go wrong with good arguments returns a negative error.
 *
 * A program begins in `void program_start(const struct task_arguments *)`, at the top of a stack of TASK_STACK bytes, and
 * never returns from there. Integer instructions only: x87 and SSE raise an exception. */
#pragma once
#include <stdint.h>

enum system_call {
    SYS_EXIT = 1,       /* (code) */
    SYS_SEND,           /* (bytes, n, fd or -1): queues whole or, when the queue is full, waits for room; n, CALL_CLOSED, or
                         * CALL_FULL when n is more than the queue ever holds (8192). The handle stays the task's */
    SYS_RECEIVE,        /* (to, most, int fds[4]): up to `most` bytes of events; fds[0..3] get handles that came by now, or -1. 0: none */
    SYS_WAIT,           /* (tick): until events came since it last returned (and are unread), an order is there, the connection is
                         * closed, or, if `tick` is not 0, a tick began since it last returned; returns WAIT_* bits. So read all
                         * events first: those left over do not end it */
    SYS_ORDER,          /* (struct order *): takes one from the mailbox; 1, or 0 when empty */
    SYS_SHARE,          /* (size, void **address): a new shared memory object, mapped, zeroed; its handle, CALL_MEMORY or CALL_FULL */
    SYS_MAP,            /* (fd, void **address): maps a received handle; returns its size, or CALL_MEMORY */
    SYS_CLOSE,          /* (fd): unmaps and drops it; 0. Its memory counts until the last holder, the compositor too, dropped it */
    SYS_GROW,           /* (bytes): more heap, whole pages after the last, zeroed; returns its address or CALL_MEMORY */
    SYS_NOW,            /* (): guest time in us */
    SYS_STATUS,         /* (slot, value): published for query and verify; 0 */
};

enum { CALL_CLOSED = -1, CALL_MEMORY = -2, CALL_FULL = -3 /* no free handle, or no such room */ };
enum { WAIT_EVENTS = 1, WAIT_ORDER = 2, WAIT_CLOSED = 4, WAIT_TICK = 8, WAIT_IN_TICK = 16 /* does not end it, tells: the tick goes on */ };
enum { TASKS = 96, TASK_HANDLES = 16, TASK_ORDERS = 8, TASK_STACK = 32 << 10, TASK_QUOTA = 24 << 20 /* bytes of shared memory and heap */ };

enum status_slot {
    STATUS_TEXT_LENGTH, STATUS_REDRAWS, STATUS_KEYS, STATUS_MOTIONS, STATUS_COMMITS, STATUS_RELEASES, STATUS_PASTES, STATUS_DROPS,
    STATUS_RECEIVED,        /* bytes of the last text that was pasted or dropped */
    STATUS_WORK,            /* enum workload, programs/orders.h */
    STATUS_ANIMATED,
    STATUS_SLOTS
};

enum content_kind { CONTENT_SOLID, CONTENT_CHECKER };
struct task_arguments {
    int32_t id, x, y, width, height;        /* of the outer rectangle: the program subtracts the decoration */
    uint32_t color;
    uint32_t kind;                          /* enum content_kind */
    uint32_t theme;
};

/* A message to the program from whoever directs the test (control/commands.c); not part of Wayland. */
struct order {
    uint32_t verb;                          /* enum order_verb, programs/orders.h */
    int32_t number[4];
    char text[48];
};
