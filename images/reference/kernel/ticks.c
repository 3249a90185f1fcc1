/* The 60 Hz tick: clients get their frame callbacks and run, and a frame is presented if anything is damaged. */
#include "ticks.h"
#include "clients.h"
#include "clock.h"
#include "disk_log.h"
#include "failures.h"
#include "input.h"
#include "io.h"
#include "present.h"
#include "server.h"
#include "trap.h"
#include "zoo.h"

enum { HZ = 60, SECOND = 1000000 };

static int depth;
static uint64_t grid_start, grid_ticks;     /* tick k of the grid is due at start + k/60 s */
static uint64_t last_due;

static uint64_t next_due(void)
{
    return grid_start + (grid_ticks + 1) * SECOND / (DEFECT(timer_drift) ? HZ - 1 : HZ);
}

uint64_t ticks_begin(void)
{
    grid_start = clock_us();
    grid_ticks = 0;
    if (!depth++) {
        trap_return_masked = false;
        interrupts_on();
    }
    return grid_start;
}

void ticks_end(void)
{
    if (--depth)
        return;
    interrupts_off();
    trap_return_masked = true;
    while (clock_armed())
        clock_halt();
}

bool ticks_due(void)
{
    return clock_us() >= next_due();
}

void ticks_sleep(bool (*waiting)(void))
{
    if (!clock_arm(next_due()))
        return;
    interrupts_off();
    if (clock_armed() && !waiting())
        clock_halt();
    interrupts_on();
}

bool ticks_run(void)
{
    last_due = next_due();
    grid_ticks++;
    if (clock_us() >= next_due()) {         /* more than a period late: a new grid from here */
        grid_start = clock_us();
        grid_ticks = 0;
    }
    if (DEFECT(hang) && zoo_every(100))
        for (interrupts_off();;)
            ;
    if (DEFECT(deadlock) && zoo_every(100) && task_by_id(1) && task_by_id(2)) {
        task_stop(task_by_id(1), true);     /* each waits for the other */
        task_stop(task_by_id(2), true);
    }
    if (DEFECT(livelock) && zoo_every(100))
        for (;;)
            ;
    tasks_tick(true);
    server_tick();
    clients_settle();
    tasks_tick(false);
    clients_tick();
    disk_log_tick();
    failures_tell();
    failures_before_frame();
    if (DEFECT(missed_frames) && zoo_every(20))
        return false;
    if (!present())
        return false;
    server_presented(present_frame(), clock_us());
    failures_after_frame();
    return true;
}

uint64_t ticks_due_us(void)
{
    return last_due;
}

bool ticks_next(struct tick_totals *t)
{
    uint64_t from = clock_us(), halted = clock_halted_us();
    while (!ticks_due()) {
        input_handle();
        ticks_sleep(input_waiting);
    }
    input_handle();
    bool presented = ticks_run();
    uint64_t us = clock_us() - from;
    t->ticks++;
    t->presented += presented;
    t->us += us;
    t->busy_us += us - (clock_halted_us() - halted);
    return presented;
}
