/* Tasks: their lives, and whose turn it is. */
#include "task.h"
#include <stddef.h>
#include "alloc.h"
#include "io.h"
#include "pages.h"
#include "segments.h"
#include "server.h"
#include "slice.h"
#include "string.h"
#include "trap.h"
#include "zoo.h"

enum {
    SLICE_US = 2000, SLICES_MOST = 5,
    TURNS_MOST = 256,       /* in one settle: a client and the compositor that answer each other without end are a hang too */
    RFLAGS_IF = 0x200, RFLAGS_FIXED = 0x002,
    DIVIDE_ERROR = 0, INVALID_OPCODE = 6, DOUBLE_FAULT = 8, PROTECTION = 13, PAGE_FAULT = 14, MACHINE_CHECK = 18,
};

unsigned task_enter(struct registers *r);       /* trap_entry.S */
extern char program_start[];                    /* programs/ */

static struct task *tasks[TASKS];               /* in the order of their ids */
static struct task *by_id[TASKS + 1];
static int count;
static uint64_t cpu_ticks;
static uint32_t ticks;
static bool in_tick;

void tasks_init(void)
{
    space_init();
    slice_init();
}

static void count_memory(struct task *t)
{
    t->memory_bytes = (t->space.pages + shared_pages_of(t->id)) * PAGE;
}

/* The arguments lie at the top of the stack, below them a return address of 0. */
static void prepare(struct task *t, const struct task_arguments *arguments)
{
    uintptr_t at = (SPACE_STACK_TOP - sizeof *arguments) & ~(uintptr_t)15;
    space_use(&t->space);
    memcpy((void *)at, arguments, sizeof *arguments);
    t->registers = (struct registers){
        .rdi = at, .rip = (uintptr_t)program_start, .rsp = at - 8, .rflags = RFLAGS_IF | RFLAGS_FIXED, .cs = USER_CODE, .ss = USER_DATA,
    };
}

static void free_task(struct task *t)
{
    for (int i = 0; i < TASK_HANDLES; i++)
        if (t->handles[i].shared)
            shared_drop(t->handles[i].shared);
    space_free(&t->space);
    release(t);
}

static void enlist(struct task *t)
{
    int i = count++;
    for (; i && tasks[i - 1]->id > t->id; i--)
        tasks[i] = tasks[i - 1];
    by_id[t->id] = tasks[i] = t;
}

static void delist(int i)
{
    by_id[tasks[i]->id] = NULL;
    for (count--; i < count; i++)
        tasks[i] = tasks[i + 1];
}

struct task *task_by_id(int id)
{
    return id >= 1 && id <= TASKS ? by_id[id] : NULL;
}

struct task *task_spawn(int id, const struct task_arguments *arguments)
{
    struct task *t = id >= 1 && id <= TASKS && !task_by_id(id) ? alloc(sizeof *t) : NULL;
    if (!t)
        return NULL;
    *t = (struct task){ .id = id };
    if (!space_new(&t->space)) {
        release(t);
        return NULL;
    }
    t->connection = connection_open(id);
    if (t->connection && server_connect(t->connection)) {
        prepare(t, arguments);
        count_memory(t);
        enlist(t);
        return t;
    }
    if (t->connection)
        connection_free(t->connection);
    free_task(t);
    return NULL;
}

void task_kill(struct task *t)
{
    if (t->state == TASK_DEAD)
        return;
    t->state = TASK_DEAD;
    t->end = END_KILLED;
}

bool task_order(struct task *t, const struct order *o)
{
    if (t->orders_written - t->orders_taken == TASK_ORDERS)
        return false;
    t->orders[t->orders_written++ % TASK_ORDERS] = *o;
    return true;
}

void task_stop(struct task *t, bool stop)
{
    t->stopped = stop;
}

static void exception(struct task *t, unsigned vector)
{
    const struct registers *r = &t->registers;
    if (vector == DOUBLE_FAULT || vector == MACHINE_CHECK)     /* not of its making */
        trap_fatal(vector, r->error, r->rip);
    t->state = TASK_DEAD;
    t->end = vector == DIVIDE_ERROR ? END_DIVIDE_ERROR : vector == INVALID_OPCODE ? END_INVALID_OPCODE
           : vector == PAGE_FAULT ? END_PAGE_FAULT : vector == PROTECTION ? END_PROTECTION : END_OTHER_EXCEPTION;
    t->fault_rip = r->rip;
    if (vector == PAGE_FAULT)
        __asm__ volatile("mov %%cr2, %0" : "=r"(t->fault_address));
}

static bool wants_to_run(const struct task *t)
{
    return !t->stopped && (t->state == TASK_READY || (t->state == TASK_WAITING && system_call_ready(t)));
}

/* Runs it until it waits, is dead, or its slice is over. Interrupts are off but in ring 3. */
static void take_turn(struct task *t)
{
    bool over = false;
    uint32_t had = t->slice_left;
    space_use(&t->space);
    segments_trap_stack(&t->registers + 1);
    slice_start(had);
    if (t->state == TASK_WAITING)
        system_call(t);
    while (t->state == TASK_READY && !over) {
        unsigned vector = task_enter(&t->registers);
        if (vector == TRAP_SYSTEM_CALL) {
            system_call(t);
        } else if (vector < EXCEPTIONS) {
            exception(t, vector);
        } else {
            over = vector == SLICE_VECTOR && !slice_left();
            trap_serve(vector);
        }
    }
    t->slice_left = slice_left();
    t->cpu_ticks += had - t->slice_left;
    cpu_ticks += had - t->slice_left;
    t->cpu_us = slice_us(t->cpu_ticks);
    t->turns_left--;
    if (!t->slice_left) {
        t->slices += over;
        t->slices_left--;
        t->slice_left = slice_ticks(SLICE_US);
    }
}

/* Its turns, each followed by what the compositor answers, as long as that goes on (so its address space stays in use), to the
 * end of a slice. */
static bool run(struct task *t)
{
    struct queue *requests = &t->connection->requests;
    uint32_t slices_left = t->slices_left;
    bool ran = false;
    while (t->slices_left && t->slices_left == slices_left && t->turns_left && wants_to_run(t)) {
        uint64_t flags = interrupts_save();
        take_turn(t);
        interrupts_restore(flags);
        if (queue_used(requests))
            server_handle(t->connection);
        ran = true;
    }
    return ran;
}

static bool handle_requests(void)
{
    bool progress = false;
    struct connection *c;
    for (int i = 0; (c = connection_at(i)); i++) {
        uint32_t before = c->requests.taken;
        if (queue_used(&c->requests))
            server_handle(c);
        progress |= c->requests.taken != before;
    }
    return progress;
}

static int reap_dead(void)
{
    int died = 0;
    for (int i = 0; i < count; ) {
        struct task *t = tasks[i];
        if (t->state != TASK_DEAD) {
            i++;
            continue;
        }
        t->connection->client_gone = true;
        count_memory(t);
        task_died(t);
        if (!(DEFECT(zombie) && t->end != END_EXIT))
            server_disconnect(t->connection);
        connection_free(t->connection);
        delist(i);
        free_task(t);
        died++;
    }
    return died;
}

int tasks_settle(void)
{
    int died = 0;
    for (int i = 0; i < count; i++) {
        tasks[i]->slice_left = slice_ticks(SLICE_US);
        tasks[i]->slices_left = tasks[i]->hung ? 1 : SLICES_MOST;
        tasks[i]->turns_left = tasks[i]->hung ? 1 : TURNS_MOST;
    }
    for (bool progress = true; progress; ) {
        progress = false;
        for (int i = 0; i < count; i++)
            progress |= run(tasks[i]);
        progress |= handle_requests();
        int now = reap_dead();
        progress |= now;
        died += now;
    }
    slice_cancel();
    for (int i = 0; i < count; i++) {
        struct task *t = tasks[i];
        t->hung = wants_to_run(t) || (t->stopped && t->hung);
        count_memory(t);
    }
    return died;
}

void tasks_tick(bool begins)
{
    ticks += begins;
    in_tick = begins;
}

bool tasks_in_tick(void)
{
    return in_tick;
}

uint32_t tasks_ticks(void)
{
    return ticks;
}

uint64_t tasks_cpu_us(void)
{
    return slice_us(cpu_ticks);
}

uint64_t tasks_memory_bytes(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < count; i++)
        sum += tasks[i]->memory_bytes;
    return sum;
}
