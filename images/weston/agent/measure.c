/* Memory, processor time, and the soak run. */
#define _GNU_SOURCE
#include "agent.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECOND_US UINT64_C(1000000)

enum { ACROSS = 8, DOWN = 8, STEP_X = 128, STEP_Y = 96, WIDTH = 120, HEIGHT = 88 };     /* 64 fit beside each other */

static unsigned memory_kb(bool used)
{
    char line[128];
    unsigned total = 0, available = 0;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file)) {
        sscanf(line, "MemTotal: %u", &total);
        sscanf(line, "MemAvailable: %u", &available);
    }
    if (file)
        fclose(file);
    return used ? total - available : total;
}

unsigned memory_used_kb(void)
{
    return memory_kb(true);
}

unsigned memory_total_kb(void)
{
    return memory_kb(false);
}

unsigned cpu_percent(void)
{
    static unsigned long long before_idle, before_all;
    unsigned long long part[8] = { 0 }, all = 0, idle;
    FILE *file = fopen("/proc/stat", "re");
    if (file) {
        if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &part[0], &part[1], &part[2], &part[3], &part[4],
                   &part[5], &part[6], &part[7]) != 8)
            memset(part, 0, sizeof part);
        fclose(file);
    }
    for (int i = 0; i < 8; i++)
        all += part[i];
    idle = part[3] + part[4];
    unsigned percent = all > before_all ? (unsigned)(100 - 100 * (idle - before_idle) / (all - before_all)) : 0;
    before_all = all;
    before_idle = idle;
    return percent;
}

unsigned resident_kb(pid_t pid)
{
    char path[32];
    unsigned pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%*u %u", &pages) != 1)
            pages = 0;
        fclose(file);
    }
    return pages * 4;
}

bool start_in_grid(uint32_t id, uint32_t rate)
{
    struct client *c = &clients[id];
    uint32_t i = id - 1, place[5] = { i % ACROSS * STEP_X, i / ACROSS % DOWN * STEP_Y, WIDTH, HEIGHT, rate };
    memcpy(c->place, place, sizeof place);
    *c->program = 0;
    c->recovering = false;
    return start_client(id) && run_until(client_is_settled, &id, 20 * SECOND_US) && c->mapped;
}

/* Starts clients 1 to count beside each other, as many as the screen holds; false: one did not come up. */
static bool start_grid(uint32_t count, uint32_t rate)
{
    bool all = true;
    for (uint32_t id = 1; id <= count; id++)
        all = start_in_grid(id, rate) && all;
    return all;
}

void start_first_clients(void)
{
    char words[2048];
    uint32_t count = 0;
    command_line(words, sizeof words);
    if (rayos_number(words, "clients", &count) && count <= ACROSS * DOWN)
        start_grid(count, SOAK_RATE);
}

void soak(struct rayos_reply *r, uint32_t count, uint32_t seconds, uint32_t rate)
{
    bool pass;
    if (count_clients()) {
        rayos_refuse(r, "state", "clients");
        return;
    }
    rayos_marker(&kit, "SOAK:START:%u:%u", count, seconds);
    pass = start_grid(count, rate);
    cpu_percent();
    for (uint32_t second = 0; second < seconds; second++) {
        pid_t was[CLIENT_LAST + 1];
        uint32_t before[CLIENT_LAST + 1] = { 0 }, shown = 0;
        uint64_t waited_before[CLIENT_LAST + 1] = { 0 }, waited = 0, begun = now_us();
        for (uint32_t id = 1; id <= count; id++)
            if ((was[id] = clients[id].pid)) {
                before[id] = clients[id].page->shown;
                waited_before[id] = clients[id].page->latency_us;
            }
        run_until(NULL, NULL, SECOND_US);
        for (uint32_t id = 1; id <= count; id++) {
            if (!clients[id].pid || clients[id].pid != was[id]) {
                pass = false;                       /* it went; another one in its place counts its frames from 0 */
                continue;
            }
            uint32_t new = clients[id].page->shown - before[id];
            pass = pass && new;
            shown += new;
            waited += clients[id].page->latency_us - waited_before[id];
        }
        uint32_t tenths = (uint32_t)(shown * SECOND_US * 10 / (now_us() - begun) / count);
        rayos_marker(&kit, "SOAK:METRICS_SNAPSHOT:%u:%u:%u:%u.%u", cpu_percent(), memory_used_kb(),
                     shown ? (unsigned)(waited / shown) : 0, tenths / 10, tenths % 10);
    }
    for (uint32_t id = 1; id <= count; id++)
        if (clients[id].pid) {
            clients[id].asked = true;
            kill(clients[id].pid, SIGKILL);
        }
    for (uint32_t id = 1; id <= count; id++)
        pass = run_until(client_is_gone, &id, 20 * SECOND_US) && pass;
    rayos_marker(&kit, "SOAK:COMPLETE:%s", pass ? "pass" : "fail");
}
