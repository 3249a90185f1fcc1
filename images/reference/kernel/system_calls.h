/* What ring 3 may ask of the kernel: `int 0x80`, number in rax, arguments in rdi, rsi, rdx, result in rax.
 * Read by both sides, so it holds plain numbers and structures only. A bad pointer or handle ends the task
 * (END_SYSTEM_CALL); what can go wrong with good arguments returns a negative error. */
#pragma once
#include <stdint.h>

enum system_call {
    SYS_EXIT = 1,       /* (code) */
    SYS_SEND,           /* (bytes, n, fd or -1): queues whole or, when the queue is full, waits for room; CALL_CLOSED */
    SYS_RECEIVE,        /* (to, most, int *fds): up to `most` bytes of events; fds[0..3] get handles that came by now, or -1. 0: none */
    SYS_WAIT,           /* (): until events, an order, or a closed connection are there; returns WAIT_* bits. A tick ends it too: WAIT_TICK */
    SYS_ORDER,          /* (struct order *): takes one from the mailbox; 1, or 0 when empty */
    SYS_SHARE,          /* (size, void **address): a new shared memory object, mapped; returns its handle, or CALL_MEMORY */
    SYS_MAP,            /* (fd, void **address): maps a received handle; returns its size */
    SYS_CLOSE,          /* (fd): unmaps and drops it */
    SYS_GROW,           /* (bytes): more heap, whole pages after the last; returns its address or CALL_MEMORY */
    SYS_NOW,            /* (): guest time in us */
    SYS_STATUS,         /* (slot, value): published for query and verify */
};

enum { CALL_CLOSED = -1, CALL_MEMORY = -2, CALL_FULL = -3 };
enum { WAIT_EVENTS = 1, WAIT_ORDER = 2, WAIT_CLOSED = 4 };
enum { TASK_HANDLES = 16, TASK_QUOTA = 24 << 20 /* bytes of shared memory and heap */ };

enum status_slot { STATUS_TEXT_LENGTH, STATUS_REDRAWS, STATUS_KEYS, STATUS_MOTIONS, STATUS_COMMITS, STATUS_RELEASES, STATUS_PASTES, STATUS_DROPS, STATUS_SLOTS };

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
