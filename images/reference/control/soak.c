/* The soak run: animated windows for a time, measured each second. */
#include "soak.h"
#include <stddef.h>
#include "alloc.h"
#include "clients.h"
#include "clock.h"
#include "markers.h"
#include "programs/orders.h"
#include "server.h"
#include "windows.h"

enum { SECOND = 1000000, FPS_NEEDED = 55, ACROSS = 6, DOWN = 6, WIDTH = 160, HEIGHT = 120 };

static int create_clients(int clients)
{
    const struct order animate = { .verb = ORDER_ANIMATE, .number = { 1 } };
    int created = 0;
    for (int i = 0; i < clients; i++) {
        struct task_arguments a = {
            .id = i + 1, .x = 8 + i % ACROSS * 163, .y = 32 + i / ACROSS % DOWN * 122, .width = WIDTH, .height = HEIGHT,
            .color = (0x304050u + (uint32_t)i * 0x071319u) & 0xFFFFFFu, .kind = CONTENT_CHECKER,
        };
        created += clients_start(&a) && task_order(task_by_id(a.id), &animate);
    }
    clients_settle();
    return created;
}

static int destroy_clients(int clients)
{
    int destroyed = 0;
    for (int id = 1; id <= clients; id++) {
        bool was = task_by_id(id);
        clients_end(id);
        destroyed += was && !task_by_id(id) && !window_by_id(id);
    }
    return destroyed;
}

/* Runs ticks until guest time `until`, prints the snapshot, adds to *totals; true: enough frames. */
static bool run_second(uint64_t until, struct tick_totals *totals)
{
    struct tick_totals second = { 0 };
    do
        ticks_next(&second);
    while (clock_us() < until);

    uint32_t fps = second.presented;
    marker("SOAK:METRICS_SNAPSHOT:%u:%lu:%lu:%u", (uint32_t)((second.busy_us * 100 + second.us / 2) / second.us),
           (alloc_bytes_in_use() + 1023) / 1024, server_latency_us(), fps);
    totals->ticks += second.ticks;
    totals->presented += fps;
    totals->us += second.us;
    totals->busy_us += second.busy_us;
    return fps >= FPS_NEEDED;
}

struct tick_totals soak_run(int clients, int seconds)
{
    struct tick_totals totals = { 0 };
    bool good = true;
    marker("SOAK:START:%d:%d", clients, seconds);
    int created = create_clients(clients);
    uint64_t start = ticks_begin();
    for (int s = 1; s <= seconds; s++)
        good &= run_second(start + (uint64_t)s * SECOND, &totals);
    ticks_end();
    int destroyed = destroy_clients(clients);
    good &= created == clients && destroyed == clients;
    marker("SOAK:COMPLETE:%s", good ? "pass" : "fail");
    return totals;
}
