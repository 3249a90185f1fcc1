/* The verbs of the control protocol. */
#define _GNU_SOURCE
#include "agent.h"
#include <linux/input-event-codes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#define WAIT_US UINT64_C(120000000)         /* for a frame of one of many */

enum { RATE = 30, KEYS = 9 };

bool number(struct rayos_reply *r, const char *payload, const char *key, uint32_t least, uint32_t most, uint32_t *value)
{
    if (rayos_number(payload, key, value) && *value >= least && *value <= most)
        return true;
    rayos_refuse(r, "argument", key);
    return false;
}

bool option(struct rayos_reply *r, const char *payload, const char *key, uint32_t least, uint32_t most, uint32_t *value)
{
    char text[16];
    snprintf(text, sizeof text, " %s=", key);
    return !strstr(payload, text) || number(r, payload, key, least, most, value);
}

bool living(struct rayos_reply *r, const char *payload, uint32_t *id)
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

/* A word `how` that a client knows. */
static bool misbehaviour(struct rayos_reply *r, const char *p, char how[16])
{
    static const char *const known[] = { "crash", "abort", "exit", "hang", "freeze", "colour", "lie", "unmap", "protocol", "flood",
                                         "never-ack", "no-callback", "exhaust" };
    for (unsigned i = 0; rayos_word(p, "how", how, 16) && i < sizeof known / sizeof *known; i++)
        if (!strcmp(how, known[i]))
            return true;
    rayos_refuse(r, "argument", "how");
    return false;
}

static void create(const char *p, struct rayos_reply *r)
{
    uint32_t id, place[4], rate = RATE;              /* the client's own stay as they are until nothing can be refused */
    if (!number(r, p, "id", 1, CLIENT_LAST, &id))
        return;
    if (clients[id].pid) {
        rayos_refuse(r, "id", "id");
        return;
    }
    if (!number(r, p, "x", 0, SIDE_MOST, &place[0]) || !number(r, p, "y", 0, SIDE_MOST, &place[1])
        || !number(r, p, "w", 64, SIDE_MOST, &place[2]) || !number(r, p, "h", 20, SIDE_MOST, &place[3])
        || !option(r, p, "rate", 1, 1000, &rate))
        return;
    char how[16] = "";
    if (strstr(p, " how=") && !misbehaviour(r, p, how))
        return;
    if (*how)
        rayos_marker(&kit, "FAILURE:INJECT:%s:%u", how, id);
    memcpy(clients[id].how, how, sizeof how);
    memcpy(clients[id].place, place, sizeof place);
    clients[id].place[4] = rate;
    *clients[id].program = 0;
    clients[id].recovering = false;
    uint64_t begun = now_us();
    if (!start_client(id))
        rayos_refuse(r, "limit", "process");
    else if (*how || settle(r, id))                 /* who misbehaves may never show a frame: he is not waited for */
        rayos_say(r, " pid=%d us=%llu", clients[id].pid, (unsigned long long)(now_us() - begun));
}

static void demo(const char *p, struct rayos_reply *r)
{
    uint32_t id, x = ANYWHERE, y = 0;
    char name[24], program[sizeof clients->program];
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
    if (!option(r, p, "x", 0, SIDE_MOST, &x) || !option(r, p, "y", 0, SIDE_MOST, &y))
        return;
    snprintf(program, sizeof program, "/usr/bin/weston-%s", name);
    if (access(program, X_OK) < 0) {
        rayos_refuse(r, "argument", "name");
        return;
    }
    c->place[0] = x;
    c->place[1] = y;
    memcpy(c->program, program, sizeof program);
    c->recovering = false;
    if (!start_client(id))
        rayos_refuse(r, "limit", "process");
    else
        rayos_say(r, " pid=%d", c->pid);
}

static void misbehave(const char *p, struct rayos_reply *r)
{
    uint32_t id;
    char how[16];
    if (!living(r, p, &id) || !misbehaviour(r, p, how))
        return;
    rayos_marker(&kit, "FAILURE:INJECT:%s:%u", how, id);
    if (*clients[id].program || !order_client(id, how))
        rayos_refuse(r, "state", "deaf");
}

static void key(const char *p, struct rayos_reply *r)
{
    uint32_t code, on;
    if (number(r, p, "code", 1, 255, &code) && number(r, p, "on", 0, 1, &on) && !press(code, on))
        rayos_refuse(r, "state", "keyboard");
}

static void pointer(const char *p, struct rayos_reply *r)
{
    uint32_t x, y;
    if (number(r, p, "x", 0, SIDE_MOST, &x) && number(r, p, "y", 0, SIDE_MOST, &y) && !point(x, y))
        rayos_refuse(r, "argument", "outside");
}

static void button(const char *p, struct rayos_reply *r)
{
    uint32_t code, on;
    if (number(r, p, "code", BTN_LEFT, BTN_MIDDLE, &code) && number(r, p, "on", 0, 1, &on) && !press(code, on))
        rayos_refuse(r, "state", "pointer");
}

static void query(const char *p, struct rayos_reply *r)
{
    (void)p;
    rayos_say(r, " windows=%u mem_kb=%u total_kb=%u compositor=%s compositor_kb=%u us=%llu", count_clients(), memory_used_kb(), memory_total_kb(),
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

static bool has_shown(const void *context)
{
    const uint32_t *wanted = context;               /* id, frame */
    const struct client *c = &clients[wanted[0]];
    return !c->pid || c->page->shown >= wanted[1];
}

static void wait_for(const char *p, struct rayos_reply *r)
{
    uint32_t wanted[2];
    uint64_t begun = now_us();
    if (!living(r, p, &wanted[0]) || !number(r, p, "shown", 1, 1000000, &wanted[1]))
        return;
    while (!has_shown(wanted) && now_us() - begun < WAIT_US)
        run_until(has_shown, wanted, 1000000 / 60);     /* nothing wakes us at a frame: it is looked for at each tick */
    if (!has_shown(wanted) || !clients[wanted[0]].pid)
        rayos_refuse(r, "state", clients[wanted[0]].pid ? "slow" : "ended");
    else
        rayos_say(r, " shown=%u us=%llu", clients[wanted[0]].page->shown, (unsigned long long)(now_us() - begun));
}

static void soak_run(const char *p, struct rayos_reply *r)
{
    uint32_t count, seconds, rate = SOAK_RATE;
    if (number(r, p, "clients", 1, 96, &count) && number(r, p, "seconds", 1, 86400, &seconds) && option(r, p, "rate", 1, 1000, &rate))
        soak(r, count, seconds, rate);
}

static void churn_run(const char *p, struct rayos_reply *r)
{
    uint32_t count, seconds;
    if (number(r, p, "clients", 1, 96, &count) && number(r, p, "seconds", 1, 86400, &seconds))
        churn(r, count, seconds);
}

static void stress(const char *p, struct rayos_reply *r)
{
    uint32_t level, seconds;
    char kind[16] = "";
    if (!number(r, p, "level", 1, 100, &level) || !number(r, p, "seconds", 1, 3600, &seconds))
        return;
    static const char *const kinds[] = { "clients", "cpu", "memory", "disk" };      /* as enum load */
    for (unsigned i = 0; rayos_word(p, "kind", kind, sizeof kind) && i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kind, kinds[i])) {
            crowd(r, i, level, seconds);
            return;
        }
    rayos_refuse(r, "argument", "kind");
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

void leave(void *context)
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
    { "create", create, { "id", "x", "y", "w", "h", "rate", "color", "kind", "how" } },
    { "demo", demo, { "id", "name", "x", "y" } },
    { "destroy", destroy, { "id" } },
    { "kill", kill_clients, { "id", "to", "signal", "hold" } },
    { "hold", hold, { "on" } },
    { "stop", stop, { "id", "on" } },
    { "misbehave", misbehave, { "id", "how" } },
    { "raise", raise_client, { "id" } },
    { "resize", resize, { "id", "w", "h" } },
    { "fullscreen", fullscreen, { "id", "on" } },
    { "redraw", redraw, { "id", "how" } },
    { "copy", copy, { "id", "text" } },
    { "paste", paste, { "id" } },
    { "drag", drag, { "id", "text", "from", "to" } },
    { "focus", focus, { "id" } },
    { "animate", animate, { "id", "on" } },
    { "work", work, { "id", "name", "seed", "rate" } },
    { "perf", perf, { "id" } },
    { "key", key, { "code", "on" } },
    { "pointer", pointer, { "x", "y" } },
    { "button", button, { "code", "on" } },
    { "query", query, { 0 } },
    { "client", client, { "id" } },
    { "frames", frames, { "n" } },
    { "wait", wait_for, { "id", "shown" } },
    { "soak", soak_run, { "clients", "seconds", "rate" } },
    { "churn", churn_run, { "clients", "seconds" } },
    { "stress", stress, { "kind", "level", "seconds" } },
    { "supervise", supervise, { "on" } },
    { "crash", crash, { "kind" } },
    { "net", net, { "do", "node", "peers", "always" } },
    { "disk", disk, { "do", "id", "rate", "data" } },
    { "resources", resources, { 0 } },
    { "limit", limit, { "id", "memory_kb", "cpu", "tasks" } },
    { "run", run, { "line", "seconds" } },
    { "put", put_file, { "name", "at", "data" } },
    { "get", get_file, { "name", "at" } },
    { "sum", sum_file, { "name" } },
    { "scenario", scenario, { "name" } },
    { "milestone", milestone, { "name" } },
    { "verify", verify, { "check", "want" } },
    { "complete", complete, { 0 } },
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
