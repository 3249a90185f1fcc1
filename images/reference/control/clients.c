/* The clients' lives: start, end, death and restart, each with its markers (docs/reference-guest.md, "Deaths"). */
#include "clients.h"
#include "alloc.h"
#include "markers.h"
#include "programs/orders.h"
#include "scene.h"
#include "server.h"
#include "windows.h"
#include "zoo.h"

enum { START_TURNS = 100, HANG_TURNS = 3, PING_TICKS = 60, RECOVERY_TICKS = 60 };

static struct life {
    struct task_arguments arguments;
    bool seen;              /* its first window was there: CLIENT_CREATED was printed */
    bool ends;              /* its end is no failure: it was asked to, or has not begun yet */
    bool told;              /* DETECTED was printed of what ends it */
    bool restart;           /* is due */
    bool recovers;
    int recovery_ticks;     /* since RECOVERY_START */
    int hung_turns;
    bool unresponsive;      /* DETECTED was printed */
} lives[CLIENT_IDS + 1];    /* by client id; of the host's only `seen` */

static bool supervised;

static void detected(const char *type, int id)
{
    marker("FAILURE:DETECTED:%s:%d", type, id);
}

static const char *type_of(const struct task *t)
{
    switch (t->end) {
    case END_DIVIDE_ERROR:
        return "divide_error";
    case END_INVALID_OPCODE:
        return "invalid_opcode";
    case END_PAGE_FAULT:
        return "page_fault";
    case END_PROTECTION:
        return "protection";
    case END_OTHER_EXCEPTION:
        return "exception";
    case END_SYSTEM_CALL:
        return "system_call";
    case END_KILLED:
        return "killed";
    default:
        return t->exit_code == EXIT_MEMORY ? "memory" : t->exit_code == EXIT_DISCONNECTED ? "disconnected" : "exit";
    }
}

void clients_left(int id)
{
    struct life *l = &lives[id];
    if (l->seen)
        marker("SOAK:CLIENT_DESTROYED:%d", id);
    l->seen = false;
}

void task_died(const struct task *t)
{
    struct life *l = &lives[t->id];
    if (!l->ends && !l->told)
        detected(type_of(t), t->id);
    if (DEFECT(leak_client))
        alloc(4000);
    if (DEFECT(crash_cascade) && !l->ends && task_by_id(t->id + 1))
        task_kill(task_by_id(t->id + 1));
    clients_left(t->id);
    l->restart = supervised && !l->ends;
    l->recovers &= l->restart;
    l->told = l->unresponsive = false;
    l->hung_turns = 0;
}

void client_lost(int id, enum server_lost why)
{
    detected(why == LOST_QUEUE ? "queue" : "protocol", id);
    struct task *t = task_by_id(id);
    if (!t)
        return clients_left(id);
    lives[id].told = true;
    task_kill(t);
}

void client_mapped(int id, struct window *w)
{
    struct life *l = &lives[id];
    (void)w;
    l->ends = false;
    if (!l->seen)
        marker("SOAK:CLIENT_CREATED:%d", id);
    l->seen = true;
    if (l->recovers)
        marker("FAILURE:RECOVERY_COMPLETE:%d:success", id);
    l->recovers = false;
}

static bool spawn(struct task_arguments *a)
{
    a->theme = scene_theme();
    return task_spawn(a->id, a);
}

static void settle(void);

bool clients_start(const struct task_arguments *arguments)
{
    struct life *l = &lives[arguments->id];
    *l = (struct life){ .arguments = *arguments, .ends = true };
    if (DEFECT(fragmentation)) {        /* a block that stays, in the middle of what is free */
        void *half = alloc(alloc_statistics().largest_free / 2);
        alloc(72 * 1024);
        release(half);
    }
    if (!spawn(&l->arguments))
        return false;
    clients_settle();
    /* On a crowded host its time slices pass while the machine gets none: that is no reason to call it hung. */
    for (int turn = 0; turn < START_TURNS && !l->seen && task_by_id(arguments->id); turn++)
        settle();
    if (l->seen)
        return true;
    clients_end(arguments->id);
    return false;
}

void clients_end(int id)
{
    struct life *l = &lives[id];
    l->ends = true;
    struct window *w = window_by_id(id);
    if (w) {
        server_close(w);
        clients_settle();
    }
    struct task *t = task_by_id(id);
    if (t) {
        task_kill(t);
        clients_settle();
    }
    l->restart = l->recovers = false;
}

static bool restart_dead(void)
{
    bool any = false;
    for (int id = 1; id <= TASKS; id++) {
        struct life *l = &lives[id];
        if (!l->restart)
            continue;
        l->restart = false;
        l->recovers = any = true;
        l->recovery_ticks = 0;
        marker("FAILURE:RECOVERY_START:%d", id);
        spawn(&l->arguments);       /* without memory it will be late */
    }
    return any;
}

static void watch_for_hangs(void)
{
    for (int id = 1; id <= TASKS; id++) {
        const struct task *t = task_by_id(id);
        if (!t || !t->hung || t->stopped)
            lives[id].hung_turns = 0;
        else if (++lives[id].hung_turns == HANG_TURNS)
            detected("hang", id);
    }
}

static void settle(void)
{
    do
        tasks_settle();
    while (server_reap());
}

void clients_settle(void)
{
    server_reap();
    settle();
    if (restart_dead())
        settle();
    watch_for_hangs();
}

static void heard(int id, bool answers)
{
    if (!answers && !lives[id].unresponsive)
        detected("unresponsive", id);
    lives[id].unresponsive = !answers;
}

void clients_tick(void)
{
    static uint32_t ticks;
    if (++ticks % PING_TICKS == 0)
        server_ping_all(heard);
    for (int id = 1; id <= TASKS; id++) {
        struct life *l = &lives[id];
        if (!l->recovers || ++l->recovery_ticks < RECOVERY_TICKS)
            continue;
        l->recovers = false;
        marker("FAILURE:RECOVERY_COMPLETE:%d:timeout", id);
    }
}

void clients_supervise(bool on)
{
    supervised = on;
}
