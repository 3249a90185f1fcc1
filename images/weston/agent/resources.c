/* What the machine and its processes use, and what they may use. */
#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUPS "/sys/fs/cgroup"

/* Share of the last ten seconds in which somebody waited for it, in hundredths of a percent (Linux, accounting/psi.rst). */
static unsigned pressure(const char *of)
{
    char path[32];
    unsigned whole = 0, hundredths = 0;
    snprintf(path, sizeof path, "/proc/pressure/%s", of);
    FILE *file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "some avg10=%u.%u", &whole, &hundredths) != 2)
            whole = hundredths = 0;
        fclose(file);
    }
    return 100 * whole + hundredths;
}

static unsigned long cpu_ms(pid_t pid)
{
    char path[32], line[512] = "";
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (file) {
        const char *at = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;    /* a name may have any bytes */
        if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
            user = system = 0;
        fclose(file);
    }
    return (user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
}

static void tell(unsigned id, pid_t pid)
{
    if (pid)
        rayos_marker(&kit, "RESOURCES:PROCESS:%u:%lu:%u", id, cpu_ms(pid), resident_kb(pid));
}

void resources(const char *p, struct rayos_reply *r)
{
    unsigned cpu = cpu_percent(), used = memory_used_kb(), of[3] = { pressure("cpu"), pressure("memory"), pressure("io") };
    (void)p;
    rayos_marker(&kit, "RESOURCES:TOTAL:%u:%u", cpu, used);
    rayos_marker(&kit, "RESOURCES:PRESSURE:%u.%02u:%u.%02u:%u.%02u", of[0] / 100, of[0] % 100, of[1] / 100, of[1] % 100, of[2] / 100, of[2] % 100);
    tell(COMPOSITOR, compositor_pid());
    for (unsigned id = 1; id <= CLIENT_LAST; id++)
        tell(id, clients[id].pid);
    rayos_say(r, " cpu=%u mem_kb=%u total_kb=%u", cpu, used, memory_total_kb());
}

static bool set(const char *group, const char *key, const char *value)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", group, key);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    if (fd >= 0)
        close(fd);
    return done;
}

/* Its value, or none: a group outlives its client, and the next one of that id has the limits that it is given, no others. */
static bool set_limit(const char *group, const char *key, const char *value, bool given, bool is_new)
{
    return given ? set(group, key, value) : !is_new || set(group, key, "max");
}

/* A control group for the client, made when the first limit is set. */
void limit(const char *p, struct rayos_reply *r)
{
    static pid_t limited[CLIENT_LAST + 1];
    char group[64], value[48];
    uint32_t id, memory_kb = 0, percent = 0, tasks = 0;
    if (!living(r, p, &id) || (strstr(p, " memory_kb=") && !number(r, p, "memory_kb", 256, 1 << 22, &memory_kb))
        || (strstr(p, " cpu=") && !number(r, p, "cpu", 1, 100, &percent))
        || (strstr(p, " tasks=") && !number(r, p, "tasks", 1, 1000, &tasks)))
        return;
    if (access(GROUPS "/cgroup.procs", F_OK) < 0
        && (mount("cgroup2", GROUPS, "cgroup2", 0, "") < 0 || !set(GROUPS, "cgroup.subtree_control", "+cpu +memory +pids"))) {
        rayos_refuse(r, "state", "cgroup");
        return;
    }
    snprintf(group, sizeof group, GROUPS "/client-%u", id);
    bool done = mkdir(group, 0755) == 0 || errno == EEXIST, is_new = limited[id] != clients[id].pid;
    limited[id] = clients[id].pid;
    snprintf(value, sizeof value, "%llu", memory_kb * 1024ULL);
    done = done && set_limit(group, "memory.max", value, memory_kb, is_new);
    snprintf(value, sizeof value, "%u 100000", percent * 1000);
    done = done && set_limit(group, "cpu.max", value, percent, is_new);
    snprintf(value, sizeof value, "%u", tasks);
    done = done && set_limit(group, "pids.max", value, tasks, is_new);
    snprintf(value, sizeof value, "%d", clients[id].pid);
    if (!done || !set(group, "cgroup.procs", value))
        rayos_refuse(r, "state", "cgroup");
}
