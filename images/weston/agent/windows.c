/* Verbs for what a window does: its size, its place in the stack, texts that it hands over, and how long its frames took. */
#include "agent.h"
#include "picture.h"
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MOST = 80, ECHO_US = 20000000, AGREE_US = 5000000 };

/* An order to one of our own clients; what came of it is told by markers and pixels. */
static void order(struct rayos_reply *r, uint32_t id, const char *text)
{
    if (*clients[id].program || !order_client(id, text))
        rayos_refuse(r, "state", "deaf");
}

void raise_client(const char *p, struct rayos_reply *r)
{
    uint32_t id;
    if (living(r, p, &id))
        order(r, id, "raise");
}

void resize(const char *p, struct rayos_reply *r)
{
    uint32_t id, w, h;
    char text[WORDS_MOST];
    if (!living(r, p, &id) || !number(r, p, "w", 64, SIDE_MOST, &w) || !number(r, p, "h", 20, SIDE_MOST, &h))
        return;
    snprintf(text, sizeof text, "resize %u %u", w, h);
    order(r, id, text);
}

void fullscreen(const char *p, struct rayos_reply *r)
{
    uint32_t id, on;
    if (living(r, p, &id) && number(r, p, "on", 0, 1, &on))
        order(r, id, on ? "fullscreen 1" : "fullscreen 0");
}

void redraw(const char *p, struct rayos_reply *r)
{
    uint32_t id;
    char how[8] = "";
    if (!living(r, p, &id))
        return;
    rayos_word(p, "how", how, sizeof how);
    if (strcmp(how, "full") && strcmp(how, "damage"))
        rayos_refuse(r, "argument", "how");
    else
        order(r, id, *how == 'f' ? "redraw full" : "redraw damage");
}

static void hand_text(const char *p, struct rayos_reply *r, const char *verb)
{
    uint32_t id;
    char value[TEXT_MOST + 1], text[WORDS_MOST];
    if (!living(r, p, &id))
        return;
    if (!rayos_word(p, "text", value, sizeof value) || strchr(value, ':') || strchr(value, '*')) {
        rayos_refuse(r, "argument", "text");        /* a marker could not carry it back */
        return;
    }
    snprintf(text, sizeof text, "%s %s", verb, value);
    order(r, id, text);
}

struct echo {
    const uint32_t *said;                           /* of `struct client` */
    uint32_t before;
};

static bool has_said(const void *echo)
{
    const struct echo *e = echo;
    return *e->said != e->before;
}

/* Until the client says once more what it counts there. */
static bool said_again(struct rayos_reply *r, const uint32_t *said, uint32_t before)
{
    struct echo echo = { said, before };
    if (run_until(has_said, &echo, ECHO_US))
        return true;
    rayos_refuse(r, "state", "slow");
    return false;
}

void copy(const char *p, struct rayos_reply *r)
{
    uint32_t id, before;
    if (!living(r, p, &id))
        return;
    before = clients[id].copied;
    hand_text(p, r, "copy");
    if (!r->refused)
        said_again(r, &clients[id].copied, before);
}

void paste(const char *p, struct rayos_reply *r)
{
    uint32_t id, before, text;
    if (!living(r, p, &id))
        return;
    before = clients[id].pasted;
    text = clients[id].text;
    order(r, id, "paste");
    if (!r->refused && said_again(r, &clients[id].pasted, before))
        rayos_say(r, " bytes=%u", clients[id].text - text);
}

static bool point_at(uint32_t id)                   /* the middle of its content */
{
    const struct client *c = &clients[id];
    return point(c->place[0] + STRIP_WIDTH + (c->page->width - STRIP_WIDTH) / 2, c->place[1] + c->page->height / 2);
}

/* Drag and drop by our own pointer: each step waits until the client that it is for says that it came. */
static void hand_over(struct rayos_reply *r, uint32_t from, uint32_t to)
{
    struct client *a = &clients[from], *b = &clients[to];
    char text[WORDS_MOST];
    uint32_t pressed = a->pressed, dragged = a->dragged, dropped = b->dropped, pointed = b->pointed;
    snprintf(text, sizeof text, "drag drop %u", from);
    order(r, from, text);
    if (r->refused)
        return;
    if (!point_at(from) || !press(BTN_LEFT, true)) {
        rayos_refuse(r, "state", "pointer");
        return;
    }
    bool began = said_again(r, &a->pressed, pressed);
    bool there = began && point_at(to) && said_again(r, &b->pointed, pointed);
    for (uint64_t begun = now_us(); there && a->pid && !a->page->agreed && now_us() - begun < AGREE_US;)
        run_until(NULL, NULL, 1000);                /* the one below may not want it, and then nothing comes */
    press(BTN_LEFT, false);
    if (there && said_again(r, &a->dragged, dragged))
        rayos_say(r, " dropped=%u", b->dropped != dropped);
}

void drag(const char *p, struct rayos_reply *r)
{
    uint32_t from, to;
    char word[12];
    if (!rayos_word(p, "from", word, sizeof word))
        hand_text(p, r, "drag");
    else if (!number(r, p, "from", 1, CLIENT_LAST, &from) || !number(r, p, "to", 1, CLIENT_LAST, &to))
        return;
    else if (from == to || !clients[from].pid || !clients[to].pid)
        rayos_refuse(r, "id", clients[from].pid ? "to" : "from");
    else
        hand_over(r, from, to);
}

/* It alone: who had it before may not have heard yet that he has lost it. */
static bool has_focus(uint32_t id)
{
    for (uint32_t other = 1; other <= CLIENT_LAST; other++)
        if (clients[other].pid && clients[other].page->focused != (other == id))
            return false;
    return true;
}

void focus(const char *p, struct rayos_reply *r)
{
    uint32_t id;
    uint64_t begun = now_us();
    if (!living(r, p, &id))
        return;
    uint32_t heeded = clients[id].page->heeded;
    order(r, id, "focus");
    while (!r->refused && clients[id].pid && (clients[id].page->heeded == heeded || !has_focus(id))) {
        if (now_us() - begun > ECHO_US)
            rayos_refuse(r, "state", "slow");
        else
            run_until(NULL, NULL, 1000);            /* nothing wakes us: it is looked for */
    }
    if (!clients[id].pid && !r->refused)
        rayos_refuse(r, "state", "ended");
}

/* Each of our clients draws all the time: the reference guest's words for that are taken, so that scenarios may say them. */
void animate(const char *p, struct rayos_reply *r)
{
    uint32_t id, on;
    if (living(r, p, &id))
        number(r, p, "on", 0, 1, &on);
}

void work(const char *p, struct rayos_reply *r)
{
    uint32_t id;
    char name[8] = "";
    if (!living(r, p, &id))
        return;
    rayos_word(p, "name", name, sizeof name);
    if (!strcmp(name, "media"))
        order(r, id, "redraw full");
    else if (!strcmp(name, "stop"))
        order(r, id, "redraw damage");
    else
        rayos_refuse(r, "argument", "name");
}

/* Nearest-rank: the edge of the bucket in which it lies, and never more than the longest. */
static uint32_t percentile(const struct page *page, uint32_t count, uint32_t percent)
{
    uint64_t rank = ((uint64_t)count * percent + 99) / 100, seen = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        seen += page->latencies[i];
        if (seen >= rank)
            return latency_edge(i) < page->longest_us ? latency_edge(i) : page->longest_us;
    }
    return page->longest_us;
}

/* Of all frames since the client began, or since it was asked last. */
void perf(const char *p, struct rayos_reply *r)
{
    static const uint32_t percents[] = { 50, 90, 99 };
    uint32_t id, count = 0, value[3];
    if (!living(r, p, &id))
        return;
    struct page *page = clients[id].page;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        count += page->latencies[i];
    if (!count) {
        rayos_refuse(r, "state", "frames");
        return;
    }
    rayos_marker(&kit, "PERF:PROFILE_START:present_%u", id);
    for (unsigned i = 0; i < 3; i++) {
        value[i] = percentile(page, count, percents[i]);
        rayos_marker(&kit, "PERF:SAMPLE:present_%u:%u:%u", id, value[i], percents[i]);
    }
    rayos_marker(&kit, "PERF:REPORT:present_%u_max:%u:us", id, page->longest_us);
    rayos_marker(&kit, "PERF:REPORT:discarded_%u:%u:frames", id, page->discarded);
    rayos_say(r, " presented=%u discarded=%u p50=%u p90=%u p99=%u max=%u", count, page->discarded, value[0], value[1], value[2],
              page->longest_us);
    memset((void *)page->latencies, 0, sizeof page->latencies);
    page->longest_us = page->presented = page->discarded = 0;
}
