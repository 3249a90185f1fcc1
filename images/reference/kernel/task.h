/* Clients as tasks: ring 3, each in page tables of its own, cut off by a timer when it does not stop by
 * itself. A task runs until it waits; the kernel is never preempted. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "connection.h"
#include "space.h"
#include "system_calls.h"

enum task_state { TASK_READY, TASK_WAITING, TASK_DEAD };
enum task_end {                 /* why it is dead */
    END_EXIT, END_KILLED, END_DIVIDE_ERROR, END_INVALID_OPCODE, END_PAGE_FAULT, END_PROTECTION, END_OTHER_EXCEPTION, END_SYSTEM_CALL,
};

/* Of ring 3, as trap_entry.S pushes and pops them; the CPU itself pushes error to ss. */
struct registers {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
} __attribute__((aligned(16)));

struct task {
    int id;                     /* 1-96, the client's */
    enum task_state state;
    enum task_end end;          /* when dead */
    int exit_code;              /* of END_EXIT */
    uint64_t fault_rip, fault_address;      /* of an exception (address: CR2 of a page fault) or a bad system call */
    bool stopped;               /* not scheduled until it is continued (a hang made from outside) */
    bool hung;                  /* used up its budget: gets one slice (and one turn) a settle, so that the others are not held up */
    struct connection *connection;
    int64_t status[STATUS_SLOTS];           /* what the program tells of itself (SYS_STATUS) */
    uint64_t slices, cpu_us;    /* time slices cut off by the timer; time in ring 3 and in its system calls */
    uint64_t memory_bytes;      /* pages of its own: tables, stack, data, heap, and shared memory it made, as of the last settle */

    /* For task.c and system_calls.c. */
    struct registers registers;
    struct space space;
    struct { struct shared *shared; bool mapped; } handles[TASK_HANDLES];
    struct order orders[TASK_ORDERS];
    uint32_t orders_written, orders_taken;
    uint32_t events_seen;       /* connection->events.written when SYS_WAIT told of them last */
    uint32_t ticks_seen;        /* tasks_ticks() then */
    uint32_t slice_left, slices_left, turns_left;       /* its budget in this settle */
    uint64_t cpu_ticks;
};

/* A new task that will run the client program with these arguments, connected to the compositor
 * (server_connect). NULL: no memory, or the id is taken; nothing is left then. */
struct task *task_spawn(int id, const struct task_arguments *arguments);
struct task *task_by_id(int id);            /* living or dead and not yet reaped; NULL: none */
void task_kill(struct task *t);             /* dead with END_KILLED at once, torn down at the next settle */
bool task_order(struct task *t, const struct order *o);     /* false: its mailbox is full */
void task_stop(struct task *t, bool stop);

/* Runs tasks and lets the compositor handle what they sent, turn by turn, until every task waits (or is stopped, or
 * hung) and no request or event is left to handle. Dead tasks are torn down: what they sent before is handled, task_died() is
 * told, the compositor disconnects them (server_disconnect), their memory is freed. Outside ticks as well as inside; leaves no
 * timer armed of its own (the slice timer is the local APIC's, and is cancelled). Not from a server_ function or task_died().
 * Returns how many tasks died. */
int tasks_settle(void);
void tasks_init(void);
void tasks_tick(bool begins);               /* or is over; its begin wakes those that asked for it (SYS_WAIT) */
bool tasks_in_tick(void);
uint32_t tasks_ticks(void);                 /* how often it did */
uint64_t tasks_cpu_us(void);                /* all tasks ever */
uint64_t tasks_memory_bytes(void);

/* Elsewhere (control/clients.c): prints what a death means, restarts a supervised client (after the settle: until
 * task_died() returns the id is taken). */
void task_died(const struct task *t);

/* system_calls.c. A call that has to wait leaves TASK_WAITING, and is made again when it is ready. */
void system_call(struct task *t);
bool system_call_ready(const struct task *t);
