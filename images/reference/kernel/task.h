/* Clients as tasks: ring 3, each in page tables of its own, cut off by a timer when it does not stop by
 * itself. A task runs until it waits; the kernel is never preempted. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "connection.h"
#include "system_calls.h"

enum task_state { TASK_READY, TASK_WAITING, TASK_DEAD };
enum task_end {                 /* why it is dead */
    END_EXIT, END_KILLED, END_DIVIDE_ERROR, END_INVALID_OPCODE, END_PAGE_FAULT, END_PROTECTION, END_OTHER_EXCEPTION, END_SYSTEM_CALL,
};

struct task {
    int id;                     /* 1-96, the client's */
    enum task_state state;
    enum task_end end;          /* when dead */
    int exit_code;              /* of END_EXIT */
    uint64_t fault_rip, fault_address;      /* of an exception (address: CR2 of a page fault) */
    bool stopped;               /* not scheduled until it is continued (a hang made from outside) */
    bool hung;                  /* used up its budget: gets one slice a settle, so that the others are not held up */
    struct connection *connection;
    int64_t status[STATUS_SLOTS];           /* what the program tells of itself (SYS_STATUS) */
    uint64_t slices, cpu_us;    /* time slices cut off by the timer; time spent in ring 3 */
    uint64_t memory_bytes;      /* pages of its own: tables, stack, data, heap, shared memory it made */
};

/* A new task that will run the client program with these arguments, connected to the compositor
 * (server_connect). NULL: no memory; nothing is left then. */
struct task *task_spawn(int id, const struct task_arguments *arguments);
struct task *task_by_id(int id);            /* living or dead and not yet reaped; NULL: none */
void task_kill(struct task *t);             /* dead with END_KILLED at the next settle; frees nothing yet */
bool task_order(struct task *t, const struct order *o);     /* false: its mailbox is full */
void task_stop(struct task *t, bool stop);

/* Runs tasks and lets the compositor handle what they sent, turn by turn, until every task waits (or is stopped, or
 * hung) and no request or event is left to handle. Dead tasks are torn down: task_died() is told, the compositor
 * disconnects them (server_disconnect), their memory is freed. Outside ticks as well as inside; leaves no timer armed
 * of its own (the slice timer is the local APIC's, and is cancelled). Returns how many tasks died. */
int tasks_settle(void);
uint64_t tasks_cpu_us(void);                /* ring 3, all tasks ever */
uint64_t tasks_memory_bytes(void);

/* Elsewhere (control/failures.c): prints what a death means, restarts a supervised client. */
void task_died(const struct task *t);
