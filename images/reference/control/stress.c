/* `stress`: loads one resource to a level and measures what it does to the desktop. */
#include "stress.h"
#include <stddef.h>
#include "alloc.h"
#include "clock.h"
#include "commands.h"
#include "damage.h"
#include "input.h"
#include "loads.h"
#include "markers.h"
#include "present.h"
#include "ticks.h"

enum { SECOND = 1000000 };

struct second { uint64_t latency_us; uint32_t ticks, presented; uint64_t us, halted_us; bool good; };

static uint32_t memory_percent(void)
{
    struct alloc_statistics m = alloc_statistics();
    return (uint32_t)(m.in_use * 100 / (m.in_use + m.free));
}

/* Runs ticks until guest time `until`; between them and in front of them the load has its turns. */
static struct second run_second(uint64_t until, const struct load *load, uint32_t level)
{
    struct second s = { .good = true };
    uint64_t from = clock_us(), halted = clock_halted_us();
    do {
        while (!ticks_due()) {
            input_handle();
            if (!load || !load->between || !load->between(level))
                ticks_sleep(input_waiting);
        }
        input_handle();
        if (load && load->before_tick)
            s.good &= load->before_tick(level);
        uint32_t frame = present_frame();
        bool presented = ticks_run();
        s.good &= presented ? present_frame() == frame + 1 : damage_empty();
        s.latency_us += clock_us() - ticks_due_us();
        s.ticks++;
        s.presented += presented;
    } while (clock_us() < until);
    s.us = clock_us() - from;
    s.halted_us = clock_halted_us() - halted;
    return s;
}

void stress_run(const char *kind, uint32_t level, uint32_t seconds, struct rayos_reply *r)
{
    const struct load *load = load_by_name(kind);
    if (!load)
        return rayos_refuse(r, "argument", "kind");
    const char *trouble = load->possible ? load->possible(level) : NULL;
    if (trouble)
        return rayos_refuse(r, load->reason, trouble);

    marker("STRESS:START:%s:%u", kind, level);
    uint64_t start = ticks_begin();
    struct second before = run_second(start + SECOND, NULL, 0), all = { .good = true };
    bool good = before.good && load->begin(level);
    start = clock_us();
    for (uint32_t i = 1; i <= seconds; i++) {
        struct second s = run_second(start + (uint64_t)i * SECOND, load, level);
        uint32_t cpu = (uint32_t)((s.us - s.halted_us) * 100 / s.us);
        marker("STRESS:LOAD_APPLIED:%u:%u:%u", level, cpu, memory_percent());
        marker("STRESS:LATENCY_SAMPLE:%lu", s.latency_us / s.ticks);
        good &= s.good && (!load->applied || load->applied(level, cpu, s.us));
        all.latency_us += s.latency_us;
        all.ticks += s.ticks;
        all.presented += s.presented;
        all.us += s.us;
        all.halted_us += s.halted_us;
    }
    ticks_end();
    /* Means of microseconds, as a ratio without losing what is behind the point. */
    uint64_t base = before.latency_us ? before.latency_us : 1;
    marker("STRESS:DEGRADATION:%u:%lu", level, all.latency_us * before.ticks * 100 / (base * all.ticks));
    good &= load->end();
    marker("STRESS:COMPLETE:%s", good ? "pass" : "fail");
    rayos_say(r, " ticks=%u presented=%u frame=%u crc=%08x us=%lu busy_us=%lu", before.ticks + all.ticks, before.presented + all.presented,
              present_frame(), present_identity(), before.us + all.us, before.us + all.us - before.halted_us - all.halted_us);
}
