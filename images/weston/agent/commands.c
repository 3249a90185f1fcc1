/* The verbs of the control protocol. */
#define _GNU_SOURCE
#include "agent.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#define SETTLE_US UINT64_C(20000000)        /* for one client to show its first frame, or to go: 64 of them share one CPU */

enum { SIDE_MOST = 4096, RATE = 30, KEYS = 6 };

static bool number(struct rayos_reply *r, const char *payload, const char *key, uint32_t least, uint32_t most, uint32_t *value)
{
    if (rayos_number(payload, key, value) && *value >= least && *value <= most)
        return true;
    rayos_refuse(r, "argument", key);
    return false;
}

/* As `number`, for a word that may be missing: *value stays as it is then. */
static bool option(struct rayos_reply *r, const char *payload, const char *key, uint32_t least, uint32_t most, uint32_t *value)
{
    char text[16];
    snprintf(text, sizeof text, " %s=", key);
    return !strstr(payload, text) || number(r, payload, key, least, most, value);
}

static bool living(struct rayos_reply *r, const char *payload, uint32_t *id)
{
    if (!number(r, payload, "id", 1, CLIENT_LAST, id))
        return false;
    if (clients[*id].pid)
        return true;
    rayos_refuse(r, "id", "id");
    return false;
}

static void hello(const char *p, struct rayos_reply *r)
{
    unsigned w, h;
    (void)p;
    screen_size(&w, &h);
    rayos_say(r, " proto=1 guest=weston version=1.0 build=release screen=%ux%u desktop=%ux%u", w, h, w, h);
}

static bool settle(struct rayos_reply *r, uint32_t id)
{
    bool in_time = run_until(client_is_settled, &id, SETTLE_US);
    if (in_time && clients[id].mapped)
        return true;
    rayos_refuse(r, "state", in_time ? "ended" : "unmapped");
    return false;
}

static void create(const char *p, struct rayos_reply *r)
{
    uint32_t id, *place, rate = RATE;
    if (!number(r, p, "id", 1, CLIENT_LAST, &id))
        return;
    if (clients[id].pid) {
        rayos_refuse(r, "id", "id");
        return;
    }
    place = clients[id].place;
    if (!number(r, p, "x", 0, SIDE_MOST, &place[0]) || !number(r, p, "y", 0, SIDE_MOST, &place[1])
        || !number(r, p, "w", 64, SIDE_MOST, &place[2]) || !number(r, p, "h", 20, SIDE_MOST, &place[3])
        || !option(r, p, "rate", 1, 1000, &rate))
        return;
    place[4] = rate;
    *clients[id].program = 0;
    clients[id].recovering = false;
    uint64_t begun = now_us();
    if (!start_client(id))
        rayos_refuse(r, "limit", "process");
    else if (settle(r, id))
        rayos_say(r, " pid=%d us=%llu", clients[id].pid, (unsigned long long)(now_us() - begun));
}

static void demo(const char *p, struct rayos_reply *r)
{
    uint32_t id;
    char name[24];
    struct client *c;
    if (!number(r, p, "id", 1, CLIENT_LAST, &id))
        return;
    c = &clients[id];
    if (c->pid) {
        rayos_refuse(r, "id", "id");
        return;
    }
    if (!rayos_word(p, "name", name, sizeof name) || strchr(name, '/')) {
        rayos_refuse(r, "argument", "name");
        return;
    }
    snprintf(c->program, sizeof c->program, "/usr/bin/weston-%s", name);
    if (access(c->program, X_OK) < 0)
        rayos_refuse(r, "argument", "name");
    else if (!start_client(id))
        rayos_refuse(r, "limit", "process");
    else
        rayos_say(r, " pid=%d", c->pid);
}

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

static void destroy(const char *p, struct rayos_reply *r)
{
    uint32_t id;
    if (!living(r, p, &id))
        return;
    clients[id].asked = true;
    end_clients(r, id, id, SIGKILL);
}

static void kill_clients(const char *p, struct rayos_reply *r)
{
    uint32_t id, to, signal = SIGKILL;
    if (!living(r, p, &id))
        return;
    to = id;
    if (!option(r, p, "to", id, CLIENT_LAST, &to) || !option(r, p, "signal", 1, 31, &signal))
        return;
    bool restarts = supervised;
    supervised = false;                     /* who comes back at once would never be gone */
    for (uint32_t i = id; i <= to; i++)
        if (clients[i].pid)
            rayos_marker(&kit, "FAILURE:INJECT:kill:%u", i);
    end_clients(r, id, to, (int)signal);
    supervised = restarts;
}

static void stop(const char *p, struct rayos_reply *r)
{
    uint32_t id, on;
    if (living(r, p, &id) && number(r, p, "on", 0, 1, &on))
        kill(clients[id].pid, on ? SIGSTOP : SIGCONT);
}

static void misbehave(const char *p, struct rayos_reply *r)
{
    static const char *const known[] = { "crash", "abort", "exit", "hang", "freeze", "colour", "lie", "unmap", "protocol", "flood" };
    uint32_t id;
    char how[16];
    if (!living(r, p, &id))
        return;
    for (unsigned i = 0; rayos_word(p, "how", how, sizeof how) && i < sizeof known / sizeof *known; i++)
        if (!strcmp(how, known[i])) {
            rayos_marker(&kit, "FAILURE:INJECT:%s:%u", how, id);
            if (!*clients[id].program && order_client(id, how))
                return;
            rayos_refuse(r, "state", "deaf");
            return;
        }
    rayos_refuse(r, "argument", "how");
}

static void query(const char *p, struct rayos_reply *r)
{
    (void)p;
    rayos_say(r, " windows=%u mem_kb=%u compositor=%s compositor_kb=%u us=%llu", count_clients(), memory_used_kb(),
              compositor_is_up(NULL) ? "up" : "down", resident_kb(compositor_pid()), (unsigned long long)now_us());
}

static void client(const char *p, struct rayos_reply *r)
{
    uint32_t id;
    if (!living(r, p, &id))
        return;
    const struct client *c = &clients[id];
    rayos_say(r, " state=%s drawn=%u shown=%u latency_us=%u mem_kb=%u", c->stopped ? "stopped" : c->mapped ? "ready" : "waiting",
              c->page->drawn, c->page->shown, c->page->shown ? (unsigned)(c->page->latency_us / c->page->shown) : 0,
              resident_kb(c->pid));
}

static void frames(const char *p, struct rayos_reply *r)
{
    uint32_t n;
    uint64_t begun = now_us();
    if (!number(r, p, "n", 1, 1000000, &n))
        return;
    run_until(NULL, NULL, (uint64_t)n * 1000000 / 60);
    rayos_say(r, " ticks=%u us=%llu", n, (unsigned long long)(now_us() - begun));
}

static void soak_run(const char *p, struct rayos_reply *r)
{
    uint32_t count, seconds;
    if (number(r, p, "clients", 1, 96, &count) && number(r, p, "seconds", 1, 86400, &seconds))
        soak(r, count, seconds);
}

static void supervise(const char *p, struct rayos_reply *r)
{
    uint32_t on;
    if (number(r, p, "on", 0, 1, &on))
        supervised = on;
}

static void crash(const char *p, struct rayos_reply *r)
{
    char kind[16] = "";
    rayos_word(p, "kind", kind, sizeof kind);
    if (!strcmp(kind, "compositor")) {
        if (!compositor_is_up(NULL)) {
            rayos_refuse(r, "state", "compositor");
            return;
        }
        rayos_marker(&kit, "FAILURE:INJECT:compositor:%u", COMPOSITOR);
        pid_t before = compositor_pid();
        kill(before, SIGKILL);
        while (compositor_pid() == before)          /* its end is heard of at once */
            run_until(NULL, NULL, 1000);
        if (!run_until(compositor_is_up, NULL, SETTLE_US))
            rayos_refuse(r, "state", "compositor");
    } else if (!strcmp(kind, "panic")) {
        FILE *trigger = fopen("/proc/sysrq-trigger", "we");
        if (trigger && fputc('c', trigger) >= 0)
            fclose(trigger);                        /* does not return */
        rayos_refuse(r, "state", "sysrq");
    } else {
        rayos_refuse(r, "argument", "kind");
    }
}

static void leave(void *context)
{
    (void)context;
    sync();
    reboot(RB_POWER_OFF);
}

static void poweroff(const char *p, struct rayos_reply *r)
{
    (void)p;
    for (unsigned id = 1; id <= CLIENT_LAST; id++)
        clients[id].asked = true;
    r->afterwards = leave;
}

static const struct verb {
    const char *name;
    void (*run)(const char *payload, struct rayos_reply *reply);
    const char *keys[KEYS + 1];
} verbs[] = {
    { "hello", hello, { 0 } },
    { "create", create, { "id", "x", "y", "w", "h", "rate" } },
    { "demo", demo, { "id", "name" } },
    { "destroy", destroy, { "id" } },
    { "kill", kill_clients, { "id", "to", "signal" } },
    { "stop", stop, { "id", "on" } },
    { "misbehave", misbehave, { "id", "how" } },
    { "query", query, { 0 } },
    { "client", client, { "id" } },
    { "frames", frames, { "n" } },
    { "soak", soak_run, { "clients", "seconds" } },
    { "supervise", supervise, { "on" } },
    { "crash", crash, { "kind" } },
    { "poweroff", poweroff, { 0 } },
};

/* Every word has to be one KEY=VALUE that the verb knows, once. */
static bool words_fit(const struct verb *verb, const char *words, struct rayos_reply *r)
{
    unsigned seen = 0;
    while (*words) {
        size_t n = strcspn(++words, " ="), i = 0;
        char key[24];
        if (words[n] != '=' || n == 0) {
            rayos_refuse(r, "syntax", "");
            return false;
        }
        snprintf(key, sizeof key, "%.*s", (int)n, words);
        while (verb->keys[i] && strcmp(verb->keys[i], key))
            i++;
        if (!verb->keys[i] || seen & 1U << i) {
            rayos_refuse(r, "argument", key);
            return false;
        }
        seen |= 1U << i;
        words += strcspn(words, " ");
    }
    return true;
}

void execute(void *context, char *payload, struct rayos_reply *reply)
{
    size_t n = strcspn(payload, " ");
    (void)context;
    for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strlen(verbs[i].name) == n && !memcmp(verbs[i].name, payload, n)) {
            if (words_fit(&verbs[i], payload + n, reply))
                verbs[i].run(payload, reply);
            return;
        }
    rayos_refuse(reply, "verb", "");
}
