/* The verbs that end clients, or make them and the compositor stand still. */
#define _GNU_SOURCE
#include "agent.h"
#include <sched.h>
#include <signal.h>

/* Ends clients and waits until all of their ends were heard of. */
static void end_clients(struct rayos_reply *r, uint32_t id, uint32_t to, int signal)
{
    uint64_t begun = now_us();
    unsigned n = 0;
    for (uint32_t i = id; i <= to; i++)
        if (clients[i].pid) {
            kill(clients[i].pid, signal);
            n++;
        }
    for (uint32_t i = id; i <= to; i++)
        if (!run_until(client_is_gone, &i, SETTLE_US)) {
            rayos_refuse(r, "state", "alive");
            return;
        }
    rayos_say(r, " ended=%u us=%llu", n, (unsigned long long)(now_us() - begun));
}

void destroy(const char *p, struct rayos_reply *r)
{
    uint32_t id;
    if (!living(r, p, &id))
        return;
    clients[id].asked = true;
    end_clients(r, id, id, SIGKILL);
}

/* False: there is none, whose number would mean other processes. */
static bool signal_compositor(int signal)
{
    return compositor_pid() > 0 && kill(compositor_pid(), signal) == 0;
}

/* Ends clients; so many ms after the first signal the compositor stands still, and the screen shows what it had come to by then. */
static void kill_and_hold(struct rayos_reply *r, uint32_t id, uint32_t to, int signal, uint32_t ms)
{
    uint64_t begun = now_us();
    unsigned before = count_clients();
    for (uint32_t i = id; i <= to; i++)
        if (clients[i].pid)
            kill(clients[i].pid, signal);
    /* Before all others: with 64 clients that want the CPU the moment came up to 20 ms late. */
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
    run_until(NULL, NULL, ms * UINT64_C(1000));
    signal_compositor(SIGSTOP);
    uint64_t held = now_us() - begun;
    sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
    rayos_marker(&kit, "KIT:HELD:%llu", (unsigned long long)held);
    rayos_say(r, " ended=%u us=%llu", before - count_clients(), (unsigned long long)held);
}

void hold(const char *p, struct rayos_reply *r)
{
    uint32_t on;
    if (number(r, p, "on", 0, 1, &on) && !signal_compositor(on ? SIGSTOP : SIGCONT))
        rayos_refuse(r, "state", "compositor");
}

void kill_clients(const char *p, struct rayos_reply *r)
{
    uint32_t id, to, signal = SIGKILL, hold = 0;
    if (!living(r, p, &id))
        return;
    to = id;
    if (!option(r, p, "to", id, CLIENT_LAST, &to) || !option(r, p, "signal", 1, 31, &signal) || !option(r, p, "hold", 1, 10000, &hold))
        return;
    if (hold && compositor_pid() <= 0) {
        rayos_refuse(r, "state", "compositor");
        return;
    }
    bool restarts = supervised;
    supervised = false;                     /* who comes back at once would never be gone */
    for (uint32_t i = id; i <= to; i++)
        if (clients[i].pid)
            rayos_marker(&kit, "FAILURE:INJECT:kill:%u", i);
    if (hold)
        kill_and_hold(r, id, to, (int)signal, hold);
    else
        end_clients(r, id, to, (int)signal);
    supervised = restarts;
}

void stop(const char *p, struct rayos_reply *r)
{
    uint32_t id, on;
    if (living(r, p, &id) && number(r, p, "on", 0, 1, &on))
        kill(clients[id].pid, on ? SIGSTOP : SIGCONT);
}
