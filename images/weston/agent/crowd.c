/* The verb `stress`: how much later the frames of clients are shown under a load: so many more clients, or one of loads.c. */
#include "agent.h"
#include <signal.h>

#define SECOND_US UINT64_C(1000000)

struct second {
    uint32_t shown, idle;                           /* frames of those who were there before; clients that showed none, or died */
    uint64_t waited;                                /* from commits to callbacks, of those frames, us */
};

static struct second watch_a_second(const bool *old)
{
    struct second s = { 0 };
    pid_t was[CLIENT_LAST + 1];
    uint32_t shown[CLIENT_LAST + 1] = { 0 };
    uint64_t waited[CLIENT_LAST + 1] = { 0 };
    for (uint32_t id = 1; id <= CLIENT_LAST; id++)
        if ((was[id] = clients[id].pid)) {
            shown[id] = clients[id].page->shown;
            waited[id] = clients[id].page->latency_us;
        }
    run_until(NULL, NULL, SECOND_US);
    for (uint32_t id = 1; id <= CLIENT_LAST; id++) {
        if (!clients[id].pid)
            continue;
        bool same = clients[id].pid == was[id];     /* one that was started again counts its frames from 0 */
        uint32_t new = same ? clients[id].page->shown - shown[id] : 0;
        s.idle += !new;
        if (same && old[id]) {
            s.shown += new;
            s.waited += clients[id].page->latency_us - waited[id];
        }
    }
    return s;
}

void crowd(struct rayos_reply *r, enum load kind, uint32_t level, uint32_t seconds)
{
    static const char *const names[] = { "clients", "cpu", "memory", "disk" };
    bool old[CLIENT_LAST + 1], pass = true;
    uint32_t had = 0, started = 0, shown = 0, more = kind == LOAD_CLIENTS ? level : 0;
    uint64_t waited = 0;
    for (uint32_t id = 0; id <= CLIENT_LAST; id++)
        had += old[id] = id && clients[id].pid;
    if (!had || had + more > CLIENT_LAST) {
        rayos_refuse(r, had ? "limit" : "state", "clients");
        return;
    }
    struct second before = watch_a_second(old);
    if (kind != LOAD_CLIENTS && !begin_load(r, kind, level))
        return;
    rayos_marker(&kit, "STRESS:START:%s:%u", names[kind], level);
    cpu_percent();
    for (uint32_t id = 1; id <= CLIENT_LAST && started < more; id++)
        if (!clients[id].pid) {
            pass = start_in_grid(id, SOAK_RATE) && pass;
            started++;
        }
    for (uint32_t second = 0; second < seconds; second++) {
        struct second s = watch_a_second(old);
        pass = pass && !s.idle && s.shown && count_clients() == had + more;
        shown += s.shown;
        waited += s.waited;
        unsigned cpu = cpu_percent();
        pass = pass && (kind == LOAD_CLIENTS || is_load_applied(cpu));
        rayos_marker(&kit, "STRESS:LOAD_APPLIED:%u:%u:%u", level, cpu,
                     100 * memory_used_kb() / memory_total_kb());
        rayos_marker(&kit, "STRESS:LATENCY_SAMPLE:%u", s.shown ? (unsigned)(s.waited / s.shown) : 0);
    }
    end_load();
    pass = pass && before.waited && shown;
    rayos_marker(&kit, "STRESS:DEGRADATION:%u:%u", level,
                 pass ? (unsigned)(100 * waited * before.shown / before.waited / shown) : 0);
    for (uint32_t id = 1; id <= CLIENT_LAST; id++)
        if (!old[id] && clients[id].pid) {
            clients[id].asked = true;
            kill(clients[id].pid, SIGKILL);
        }
    for (uint32_t id = 1; id <= CLIENT_LAST; id++)
        pass = (old[id] || run_until(client_is_gone, &id, 20 * SECOND_US)) && pass;
    rayos_marker(&kit, "STRESS:COMPLETE:%s", pass ? "pass" : "fail");
}
