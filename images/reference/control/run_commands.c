/* Verbs that ask, let time pass, and tell of a scenario. */
#include "commands.h"
#include "alloc.h"
#include "bootinfo.h"
#include "clock.h"
#include "format.h"
#include "present.h"
#include "scenario.h"
#include "soak.h"
#include "string.h"
#include "task.h"
#include "ticks.h"
#include "version.h"
#include "vga.h"
#include "windows.h"
#include "zoo.h"

static int id_of(const struct window *w)
{
    return w ? w->id : 0;
}

static void hello(const struct argument *a, struct rayos_reply *r)
{
    (void)a;
    rayos_say(r, " proto=1 guest=reference version=%s build=%s screen=%dx%d desktop=%dx%d tile=32 free=%d", GUEST_VERSION, BUILD_NAME,
        SCREEN_WIDTH, SCREEN_HEIGHT, DESKTOP_WIDTH, DESKTOP_HEIGHT, options.free_running);
}

static void frames(const struct argument *a, struct rayos_reply *r)
{
    struct tick_totals t = { 0 };
    ticks_begin();
    while (t.ticks < a[0].number)
        ticks_next(&t);
    ticks_end();
    rayos_say(r, " ticks=%u presented=%u frame=%u crc=%08x us=%lu busy_us=%lu", t.ticks, t.presented, present_frame(), present_identity(),
        t.us, t.busy_us);
}

static void frame(const struct argument *a, struct rayos_reply *r)
{
    (void)a;
    present_print_identity();
    rayos_say(r, " frame=%u crc=%08x", present_frame(), present_identity());
}

static uint64_t memory_kb(void)
{
    return (alloc_bytes_in_use() + 1023) / 1024;
}

static void query(const struct argument *a, struct rayos_reply *r)
{
    (void)a;
    rayos_say(r, " windows=%d focus=%d frame=%u mem_kb=%lu us=%lu", windows_count(), id_of(window_focused()), present_frame(), memory_kb(), clock_us());
}

static void soak(const struct argument *a, struct rayos_reply *r)
{
    if (windows_count())
        return rayos_refuse(r, "state", "windows");
    struct tick_totals t = soak_run((int)a[0].number, (int)a[1].number);
    rayos_say(r, " frames=%u us=%lu busy_us=%lu", t.presented, t.us, t.busy_us);
}

static void scenario(const struct argument *a, struct rayos_reply *r)
{
    if (scenario_running())
        return rayos_refuse(r, "state", "scenario");
    scenario_start(a[0].word);
}

static void milestone(const struct argument *a, struct rayos_reply *r)
{
    if (!scenario_running())
        return rayos_refuse(r, "state", "scenario");
    scenario_milestone(a[0].word);
}

static void verify(const struct argument *a, struct rayos_reply *r)
{
    const char *check = a[0].word;
    int64_t got = 0, want = a[1].number;
    bool at_least = false;
    if (same_text(check, "windows")) {
        got = windows_count();
    } else if (same_text(check, "focus")) {
        got = id_of(window_focused());
    } else if (same_text(check, "top")) {
        got = id_of(window_top());
    } else if (same_text(check, "frame_at_least")) {
        got = present_frame();
        at_least = true;
    } else if (strlen(check) <= 7 && !memcmp(check, "text.", 5)) {
        int id = 0;
        for (const char *p = check + 5; *p >= '0' && *p <= '9'; p++)
            id = id * 10 + (*p - '0');
        char same[16];
        format(same, sizeof same, "text.%d", id);
        if (!same_text(same, check))
            return rayos_refuse(r, "argument", "check");
        const struct task *t = task_by_id(id);
        if (!t)
            return rayos_refuse(r, "id", check + 5);
        got = t->status[STATUS_TEXT_LENGTH];
    } else {
        return rayos_refuse(r, "argument", "check");
    }
    bool good = at_least ? got >= want : got == want;
    scenario_verify(check, good);
    rayos_say(r, " got=%ld result=%s", got, good ? "pass" : "fail");
}

static void complete(const struct argument *a, struct rayos_reply *r)
{
    (void)a;
    if (!scenario_running())
        return rayos_refuse(r, "state", "scenario");
    scenario_complete();
}

const struct command run_commands[] = {
    { "hello", hello, { } },
    { "frames", frames, { PARAMETER_NUMBER("n", 1, 1000000) } },
    { "frame", frame, { } },
    { "query", query, { } },
    { "soak", soak, { PARAMETER_NUMBER("clients", 1, WINDOW_IDS), PARAMETER_NUMBER("seconds", 1, 86400) } },
    { "scenario", scenario, { { .key = "name", .kind = NAME } } },
    { "milestone", milestone, { { .key = "name", .kind = NAME } } },
    { "verify", verify, { { .key = "check", .kind = NAME }, PARAMETER_NUMBER("want", 0, UINT32_MAX) } },
    { "complete", complete, { } },
    { }
};
