/* Verbs that direct single clients. What the client itself does goes to it as an order (programs/orders.h). */
#include "clients.h"
#include "commands.h"
#include "data.h"
#include "input.h"
#include "markers.h"
#include "programs/orders.h"
#include "scene.h"
#include "server.h"
#include "string.h"
#include "vga.h"
#include "windows.h"

enum { COPIED_MOST = 40, RATE = 24, OTHER_RATE = 30 };

#define NAME_OF(name) #name,
static const char *const workloads[] = { "stop", WORKLOADS(NAME_OF) };
static const char *const misbehaviours[] = { MISBEHAVIOURS(NAME_OF) };
_Static_assert(sizeof workloads / sizeof *workloads == WORKLOAD_COUNT, "one name for each");

static int number_of(const char *name, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (same_text(names[i], name))
            return i;
    return -1;
}

/* The client that the first argument names; NULL: refused. */
static struct task *named(const struct argument *a, struct rayos_reply *r)
{
    struct task *t = task_by_id((int)a[0].number);
    if (!t)
        rayos_refuse(r, "id", a[0].word);
    return t;
}

/* The client has done it when this returns, unless it hangs. */
static void give(struct task *t, const struct order *o, struct rayos_reply *r)
{
    if (!task_order(t, o))
        return rayos_refuse(r, "state", "orders");
    clients_settle();
}

static bool has_focus(const struct argument *a)
{
    const struct window *w = window_focused();
    return w && w->id == (int)a[0].number;
}

bool client_content_is_taken(int id)
{
    const struct task *t = task_by_id(id);
    return t && t->status[STATUS_WORK] && t->status[STATUS_WORK] < WORK_FIRST_OTHER;
}

static void work(const struct argument *a, struct rayos_reply *r)
{
    struct task *t = named(a, r);
    if (!t)
        return;
    int name = number_of(a[1].word, workloads, WORKLOAD_COUNT);
    if (name < 0)
        return rayos_refuse(r, "argument", "name");
    int64_t rate = a[3].given ? a[3].number : RATE;
    if (rate != RATE && rate != OTHER_RATE)
        return rayos_refuse(r, "argument", "rate");
    if (t->status[STATUS_ANIMATED] && name && name < WORK_FIRST_OTHER)
        return rayos_refuse(r, "state", "animated");
    uint32_t seed = a[2].given ? (uint32_t)a[2].number : 1;
    give(t, &(struct order){ .verb = ORDER_WORK, .number = { name, (int32_t)seed, (int32_t)rate } }, r);
}

static void misbehave(const struct argument *a, struct rayos_reply *r)
{
    struct task *t = named(a, r);
    if (!t)
        return;
    int how = number_of(a[1].word, misbehaviours, MISBEHAVIOUR_COUNT);
    if (how < 0)
        return rayos_refuse(r, "argument", "how");
    marker("FAILURE:INJECT:%s:%d", misbehaviours[how], t->id);
    give(t, &(struct order){ .verb = ORDER_MISBEHAVE, .number = { how } }, r);
}

static void kill(const struct argument *a, struct rayos_reply *r)
{
    struct task *t = named(a, r);
    if (!t)
        return;
    task_kill(t);
    clients_settle();
}

static void stop(const struct argument *a, struct rayos_reply *r)
{
    struct task *t = named(a, r);
    if (!t)
        return;
    if (a[1].number && task_order(t, &(struct order){ .verb = ORDER_PUBLISH }))
        clients_settle();
    task_stop(t, a[1].number);
    clients_settle();
}

static void supervise(const struct argument *a, struct rayos_reply *r)
{
    (void)r;
    clients_supervise(a[0].number);
}

static void theme(const struct argument *a, struct rayos_reply *r)
{
    bool light = same_text(a[0].word, "light");
    if (!light && !same_text(a[0].word, "dark"))
        return rayos_refuse(r, "argument", "name");
    scene_set_theme(light ? THEME_LIGHT : THEME_DARK);
    server_theme(light ? THEME_LIGHT : THEME_DARK);
    clients_settle();
}

static void copy(const struct argument *a, struct rayos_reply *r)
{
    struct task *t = named(a, r);
    if (!t)
        return;
    if (!has_focus(a))
        return rayos_refuse(r, "state", "focus");
    if (!*a[1].word || strlen(a[1].word) > COPIED_MOST)
        return rayos_refuse(r, "argument", "text");
    struct order o = { .verb = ORDER_COPY };
    memcpy(o.text, a[1].word, strlen(a[1].word));
    give(t, &o, r);
}

/* A text takes two settles: one to ask its owner for it, one to take what the owner wrote. Returns a status after that. */
static int64_t collected(int id, enum status_slot slot)
{
    struct task *t = task_by_id(id);
    if (t && task_order(t, &(struct order){ .verb = ORDER_COLLECT }))
        clients_settle();
    t = task_by_id(id);
    return t ? t->status[slot] : 0;
}

static void paste(const struct argument *a, struct rayos_reply *r)
{
    struct task *t = named(a, r);
    if (!t)
        return;
    if (!has_focus(a))
        return rayos_refuse(r, "state", "focus");
    if (!data_selected())
        return rayos_refuse(r, "state", "selection");
    give(t, &(struct order){ .verb = ORDER_PASTE }, r);
    if (!r->refused)
        rayos_say(r, " bytes=%ld", collected((int)a[0].number, STATUS_RECEIVED));
}

static void client(const struct argument *a, struct rayos_reply *r)
{
    struct task *t = task_by_id((int)a[0].number);
    if (t && task_order(t, &(struct order){ .verb = ORDER_PUBLISH })) {
        clients_settle();
        t = task_by_id((int)a[0].number);
    }
    static const struct task none = { .state = TASK_DEAD };
    const struct task *of = t ? t : &none;
    const int64_t *s = of->status;
    rayos_say(r, " state=%s text=%ld redraws=%ld keys=%ld motions=%ld commits=%ld releases=%ld pastes=%ld drops=%ld cpu_us=%lu mem_kb=%lu",
              of->state == TASK_DEAD ? "dead" : of->state == TASK_WAITING ? "waiting" : "ready", s[STATUS_TEXT_LENGTH], s[STATUS_REDRAWS],
              s[STATUS_KEYS], s[STATUS_MOTIONS], s[STATUS_COMMITS], s[STATUS_RELEASES], s[STATUS_PASTES], s[STATUS_DROPS],
              of->cpu_us, (of->memory_bytes + 1023) / 1024);
}

static void fullscreen(const struct argument *a, struct rayos_reply *r)
{
    struct window *w = command_window(a, r);
    if (!w)
        return;
    server_fullscreen(w, a[1].number);
    clients_settle();
}

static void middle_of(const struct window *w, int *x, int *y)
{
    struct rect content = window_content(w);
    *x = (content.x0 + content.x1) / 2;
    *y = (content.y0 + content.y1) / 2;
}

static void point(int x, int y, uint8_t buttons)
{
    input_point(x, y, buttons);
    clients_settle();
}

static void drag(const struct argument *a, struct rayos_reply *r)
{
    enum { LEFT = 1 };
    struct window *from = command_window(a, r), *to = from ? command_window(a + 1, r) : NULL;
    if (!to)
        return;
    struct task *source = task_by_id(from->id), *target = task_by_id(to->id);
    if (!source || !target)
        return rayos_refuse(r, "id", a[source ? 1 : 0].word);
    int from_x, from_y, to_x, to_y, to_id = to->id;
    middle_of(from, &from_x, &from_y);
    middle_of(to, &to_x, &to_y);
    /* The press raises `from`, which must not hide where the drop goes. */
    struct rect desktop = rect_at(0, 0, DESKTOP_WIDTH, DESKTOP_HEIGHT);
    if (!rect_has(desktop, from_x, from_y) || !rect_has(desktop, to_x, to_y))
        return rayos_refuse(r, "state", "hidden");
    if (window_at(from_x, from_y) != from || window_at(to_x, to_y) != to || (to != from && rect_has(from->outer, to_x, to_y)))
        return rayos_refuse(r, "state", "hidden");
    if (input_buttons())
        return rayos_refuse(r, "state", "pressed");
    int64_t drops = target->status[STATUS_DROPS];
    give(source, &(struct order){ .verb = ORDER_DRAG, .number = { true } }, r);
    if (r->refused)
        return;
    point(from_x, from_y, 0);
    point(from_x, from_y, LEFT);
    point(to_x, to_y, LEFT);
    point(to_x, to_y, 0);
    rayos_say(r, " dropped=%d", collected(to_id, STATUS_DROPS) > drops);
}

#define ON PARAMETER_NUMBER("on", 0, 1)

const struct command client_commands[] = {
    { "work", work, { PARAMETER_ID, { .key = "name", .kind = ANY_WORD }, { "seed", INTEGER, true, 0, UINT32_MAX }, { "rate", INTEGER, true, 0, 60 } } },
    { "misbehave", misbehave, { PARAMETER_ID, { .key = "how", .kind = ANY_WORD } } },
    { "kill", kill, { PARAMETER_ID } },
    { "stop", stop, { PARAMETER_ID, ON } },
    { "supervise", supervise, { ON } },
    { "theme", theme, { { .key = "name", .kind = ANY_WORD } } },
    { "copy", copy, { PARAMETER_ID, { .key = "text", .kind = ANY_WORD } } },
    { "paste", paste, { PARAMETER_ID } },
    { "client", client, { PARAMETER_ID } },
    { "fullscreen", fullscreen, { PARAMETER_WINDOW, ON } },
    { "drag", drag, { PARAMETER_NUMBER("from", 1, WINDOW_IDS), PARAMETER_NUMBER("to", 1, WINDOW_IDS) } },
    { }
};
