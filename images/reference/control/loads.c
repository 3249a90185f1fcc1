/* The loads of `stress`. */
#include "loads.h"
#include <stddef.h>
#include "alloc.h"
#include "clients.h"
#include "clock.h"
#include "disk_log.h"
#include "input.h"
#include "io.h"
#include "programs/orders.h"
#include "string.h"
#include "ticks.h"
#include "windows.h"

/* cpu: a competitor of the desktop that gets a slice four times a tick, the first before the tick's own work. */

enum { SLICES = 4, TICK_US = 16667, SLICE_US = TICK_US / SLICES, TOLERANCE_PERCENT = 2, SPINS = 1000 };

static uint64_t tick_due;           /* of the tick whose slices are being given */
static uint32_t slices_given;

static void burn(uint32_t level)
{
    uint64_t until = clock_us() + SLICE_US * level / 100;
    while (clock_us() < until)          /* asking the HPET all the time would cost the host fifty times as much */
        for (int i = 0; i < SPINS; i++)
            __asm__ volatile("");
    slices_given++;
}

static bool cpu_begin(uint32_t level)
{
    (void)level;
    slices_given = SLICES;
    return true;
}

static bool cpu_before_tick(uint32_t level)
{
    tick_due = clock_us();
    slices_given = 0;
    burn(level);
    return true;
}

static bool cpu_between(uint32_t level)
{
    if (slices_given >= SLICES)
        return false;
    uint64_t due = tick_due + slices_given * SLICE_US;
    if (clock_us() >= due) {
        burn(level);
        return true;
    }
    if (clock_arm(due)) {
        interrupts_off();
        if (clock_armed() && !input_waiting())
            clock_halt();
        interrupts_on();
    }
    return true;
}

static bool cpu_applied(uint32_t level, uint32_t cpu_percent, uint64_t us)
{
    (void)us;
    return cpu_percent + TOLERANCE_PERCENT >= level;
}

static bool nothing(void)
{
    return true;
}

/* memory: blocks of 64 KiB, each page written to. */

enum { BLOCK = 64 << 10, PAGE = 4096 };

struct held { struct held *next; };

static struct held *held;
static uint64_t held_bytes, wanted_bytes;

static bool memory_begin(uint32_t level)
{
    wanted_bytes = alloc_statistics().free / 100 * level;
    for (held_bytes = 0; held_bytes < wanted_bytes; held_bytes += BLOCK) {
        struct held *block = alloc(BLOCK - 32);
        if (!block)
            break;
        for (size_t at = 0; at < BLOCK - 32; at += PAGE)
            ((volatile uint8_t *)block)[at] = 1;
        block->next = held;
        held = block;
    }
    return true;
}

/* The last block may not fit beside what the desktop needs. */
static bool memory_applied(uint32_t level, uint32_t cpu_percent, uint64_t us)
{
    (void)cpu_percent, (void)us;
    return level == 100 ? held_bytes * 100 >= wanted_bytes * 95 : held_bytes >= wanted_bytes;
}

static bool memory_end(void)
{
    while (held) {
        struct held *block = held;
        held = block->next;
        release(block);
    }
    return true;
}

/* disk: records to the scratch sector, level x 10 a second, spread over the ticks. */

enum { RECORDS_A_SECOND = 10, SECOND_US = 1000000 };

static uint64_t disk_start, written, written_before;

static const char *disk_possible(uint32_t level)
{
    struct disk_state s;
    (void)level;
    return disk_log_state(&s) == DISK_OK ? NULL : "disk";
}

static bool disk_begin(uint32_t level)
{
    (void)level;
    disk_start = clock_us();
    written = written_before = 0;
    return true;
}

static bool disk_before_tick(uint32_t level)
{
    for (uint64_t due = (clock_us() - disk_start) * level * RECORDS_A_SECOND / SECOND_US; written < due; written++)
        if (disk_scratch_write(written + 1, false) != DISK_OK)
            return false;
    return true;
}

static bool disk_applied(uint32_t level, uint32_t cpu_percent, uint64_t us)
{
    (void)cpu_percent;
    uint64_t done = written - written_before;
    written_before = written;
    return done + 1 >= us * level * RECORDS_A_SECOND / SECOND_US * 95 / 100;
}

/* clients: so many more, with animated windows, as in a soak run. */

enum { ACROSS = 6, DOWN = 6, WIDTH = 160, HEIGHT = 120 };

static int started[WINDOW_IDS];
static uint32_t started_count;

static const char *clients_possible(uint32_t level)
{
    uint32_t free_ids = 0;
    for (int id = 1; id <= WINDOW_IDS; id++)
        free_ids += !task_by_id(id);
    return level <= free_ids ? NULL : "clients";
}

static bool clients_begin(uint32_t level)
{
    static const struct order animate = { .verb = ORDER_ANIMATE, .number = { 1 } };
    started_count = 0;
    for (int id = 1; id <= WINDOW_IDS && started_count < level; id++) {
        int i = (int)started_count;
        if (task_by_id(id))
            continue;
        struct task_arguments a = {
            .id = id, .x = 8 + i % ACROSS * 163, .y = 32 + i / ACROSS % DOWN * 122, .width = WIDTH, .height = HEIGHT,
            .color = (0x304050u + (uint32_t)i * 0x071319u) & 0xFFFFFFu, .kind = CONTENT_CHECKER,
        };
        if (!clients_start(&a))
            return false;
        started[started_count++] = id;
        if (!task_order(task_by_id(id), &animate))
            return false;
    }
    clients_settle();
    return true;
}

static bool clients_applied(uint32_t level, uint32_t cpu_percent, uint64_t us)
{
    (void)cpu_percent, (void)us;
    uint32_t alive = 0;
    for (uint32_t i = 0; i < started_count; i++)
        alive += window_by_id(started[i]) != NULL;
    return alive == level;
}

static bool clients_take_away(void)
{
    bool gone = true;
    while (started_count) {
        int id = started[--started_count];
        clients_end(id);
        gone &= !task_by_id(id) && !window_by_id(id);
    }
    return gone;
}

static const struct load loads[] = {
    { "cpu", NULL, NULL, cpu_begin, cpu_between, cpu_before_tick, cpu_applied, nothing },
    { "memory", NULL, NULL, memory_begin, NULL, NULL, memory_applied, memory_end },
    { "disk", "state", disk_possible, disk_begin, NULL, disk_before_tick, disk_applied, nothing },
    { "clients", "limit", clients_possible, clients_begin, NULL, NULL, clients_applied, clients_take_away },
};

const struct load *load_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++)
        if (same_text(loads[i].name, name))
            return &loads[i];
    return NULL;
}
