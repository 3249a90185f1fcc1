/* wp_presentation: when a commit was seen; and how long that took. */
#include "presentation.h"
#include "clock.h"
#include "io.h"
#include "windows.h"

enum { PRESENTATION_CLOCK_ID = 0, CLOCK_MONOTONIC = 1, SYNC_OUTPUT = 0, PRESENTED = 1, DISCARDED = 2, REFRESH_NS = 16666667 };

static int waiting;                     /* feedback objects */

/* Commits that no frame has shown yet, and those that one has, in TSC ticks. */
static uint64_t commits, commits_at, shown, shown_after;
static uint64_t tsc_at_zero;            /* of the first commit: the TSC's rate is measured from there */
static uint64_t us_at_zero;

void presentation_discard(struct object *list)
{
    while (list) {
        struct object *next = list->next;
        if (list->interface) {
            event(list, DISCARDED, "");
            object_destroy(list);
        }
        list = next;
    }
}

void presentation_committed(void)
{
    uint64_t now = rdtsc();
    if (!tsc_at_zero) {
        tsc_at_zero = now;
        us_at_zero = clock_us();
    }
    commits++;
    commits_at += now - tsc_at_zero;
}

static void tell_presented(struct surface *s, uint32_t frame, uint64_t us)
{
    uint64_t seconds = us / 1000000;
    struct object *o = s->feedback, *next;
    s->feedback = NULL;
    for (; o; o = next) {
        next = o->next;
        for (struct object *output = object_first(s->client, &output_interface); output; output = object_after(output))
            event(o, SYNC_OUTPUT, "o", output);
        event(o, PRESENTED, "uuuuuuu", (uint32_t)(seconds >> 32), (uint32_t)seconds, (uint32_t)(us % 1000000 * 1000), REFRESH_NS, 0, frame, 0);
        object_destroy(o);
    }
}

void server_presented(uint32_t frame, uint64_t us)
{
    uint64_t now = rdtsc() - tsc_at_zero;
    shown += commits;
    shown_after += commits * now - commits_at;
    commits = commits_at = 0;
    struct connection *connection;
    for (int i = 0; waiting && (connection = connection_at(i)); i++) {
        struct client *c = connection->server;
        for (struct surface *s = c ? c->surfaces : NULL; s; s = s->next) {
            const struct window *w = surface_window(s);
            if (s->feedback && w && !w->hidden)
                tell_presented(s, frame, us);
        }
    }
}

uint64_t server_latency_us(void)
{
    uint64_t ticks = shown ? shown_after / shown : 0, tsc = rdtsc() - tsc_at_zero, us = clock_us() - us_at_zero;
    shown = shown_after = 0;
    return ticks && tsc ? ticks * us / tsc : 0;
}

static void feedback(struct object *o, const union wire_argument *a)
{
    struct surface *s = a[0].o->data;
    waiting++;
    object_append(&s->feedback_asked, object_new(o, a[1].u, &feedback_interface, NULL));
}

static void feedback_destroyed(struct object *o)
{
    (void)o;
    waiting--;
}

static void tell_clock(struct object *o)
{
    event(o, PRESENTATION_CLOCK_ID, "u", CLOCK_MONOTONIC);
}

static const struct request presentation_requests[] = {
    { "destroy", "", request_destroy, { }, 1 },
    { "feedback", "on", feedback, { &surface_interface }, 1 },
};
const struct interface presentation_interface = { "wp_presentation", 1, REQUESTS(presentation_requests), NULL, tell_clock };

const struct interface feedback_interface = { "wp_presentation_feedback", 1, 0, NULL, feedback_destroyed, NULL };
