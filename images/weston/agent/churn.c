/* The verb `churn`: windows come and go without a break, so many at a time. */
#include "agent.h"
#include <signal.h>

#define SECOND_US UINT64_C(1000000)

static bool end(uint32_t id, pid_t begun)
{
    if (!clients[id].pid)
        return false;                               /* it went by itself */
    bool same = clients[id].pid == begun;           /* not one that was started again after it went */
    clients[id].asked = true;
    kill(clients[id].pid, SIGKILL);
    return run_until(client_is_gone, &id, 20 * SECOND_US) && same;
}

void churn(struct rayos_reply *r, uint32_t count, uint32_t seconds)
{
    bool pass = true;
    pid_t begun_as[CLIENT_LAST + 1] = { 0 };
    uint32_t next = 0;                              /* windows made so far; that of number n has place n % count */
    if (count_clients()) {
        rayos_refuse(r, "state", "clients");
        return;
    }
    rayos_marker(&kit, "SOAK:START:%u:%u", count, seconds);
    cpu_percent();
    for (uint32_t second = 0; second < seconds; second++) {
        uint64_t begun = now_us(), waited = 0;
        uint32_t made = 0;
        for (; !made || now_us() - begun < SECOND_US; made++, next++) {
            uint32_t id = 1 + next % count;
            pass = (next < count || end(id, begun_as[id])) && pass;
            uint64_t started = now_us();
            pass = start_in_grid(id, SOAK_RATE) && pass;
            begun_as[id] = clients[id].pid;
            waited += now_us() - started;
        }
        uint32_t tenths = (uint32_t)(made * SECOND_US * 10 / (now_us() - begun));
        rayos_marker(&kit, "SOAK:METRICS_SNAPSHOT:%u:%u:%u:%u.%u", cpu_percent(), memory_used_kb(), (unsigned)(waited / made),
                     tenths / 10, tenths % 10);
    }
    for (uint32_t id = 1; id <= count && id <= next; id++)
        pass = end(id, begun_as[id]) && pass;
    rayos_marker(&kit, "SOAK:COMPLETE:%s", pass ? "pass" : "fail");
}
