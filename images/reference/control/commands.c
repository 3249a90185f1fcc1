/* The verbs of the control protocol. */
#include "commands.h"
#include <stdint.h>
#include "alloc.h"
#include "arguments.h"
#include "bootinfo.h"
#include "clock.h"
#include "crash.h"
#include "format.h"
#include "input.h"
#include "markers.h"
#include "power.h"
#include "present.h"
#include "scenario.h"
#include "soak.h"
#include "string.h"
#include "ticks.h"
#include "version.h"
#include "vga.h"
#include "windows.h"
#include "zoo.h"

typedef const struct argument *arguments;

__attribute__((format(printf, 2, 3))) static void say(struct reply *r, const char *f, ...)
{
    va_list args;
    va_start(args, f);
    r->length += format_va(r->text + r->length, sizeof r->text - r->length, f, args);
    va_end(args);
}

void commands_refuse(struct reply *r, const char *reason, const char *detail)
{
    r->refused = true;
    format(r->reason, sizeof r->reason, "%s", reason);
    r->length = format(r->text, sizeof r->text, *detail ? "%s %s" : "%s", reason, detail);
}

static void hello(arguments a, struct reply *r)
{
    (void)a;
    say(r, " proto=1 guest=reference version=%s build=%s screen=%dx%d desktop=%dx%d tile=32 free=%d", GUEST_VERSION, BUILD_NAME,
        SCREEN_WIDTH, SCREEN_HEIGHT, DESKTOP_WIDTH, DESKTOP_HEIGHT, options.free_running);
}

static void create(arguments a, struct reply *r)
{
    enum window_kind kind = WINDOW_SOLID;
    if (a[6].given && same_text(a[6].word, "checker"))
        kind = WINDOW_CHECKER;
    else if (a[6].given && !same_text(a[6].word, "solid"))
        return commands_refuse(r, "argument", "kind");
    int id = (int)a[0].number;
    if (window_by_id(id))
        return commands_refuse(r, "id", a[0].word);
    struct rect outer = rect_at((int)a[1].number, (int)a[2].number, (int)a[3].number, (int)a[4].number);
    if (!window_create(id, outer, (uint32_t)a[5].number, kind))
        return commands_refuse(r, "limit", "memory");
    marker("SOAK:CLIENT_CREATED:%d", id);
}

/* The window that the first argument names; NULL: refused. */
static struct window *named(arguments a, struct reply *r)
{
    struct window *w = window_by_id((int)a[0].number);
    if (!w)
        commands_refuse(r, "id", a[0].word);
    return w;
}

static void destroy(arguments a, struct reply *r)
{
    struct window *w = named(a, r);
    if (!w)
        return;
    input_forget(w);
    window_destroy(w);
    marker("SOAK:CLIENT_DESTROYED:%ld", a[0].number);
}

static void move(arguments a, struct reply *r)
{
    struct window *w = named(a, r);
    if (w)
        window_place(w, rect_at((int)a[1].number, (int)a[2].number, w->outer.x1 - w->outer.x0, w->outer.y1 - w->outer.y0));
}

static void resize(arguments a, struct reply *r)
{
    struct window *w = named(a, r);
    if (w)
        window_place(w, rect_at(w->outer.x0, w->outer.y0, (int)a[1].number, (int)a[2].number));
}

static void raise(arguments a, struct reply *r)
{
    struct window *w = named(a, r);
    if (!w)
        return;
    if (w->hidden)
        return commands_refuse(r, "state", "hidden");
    window_raise(w);
}

static void lower(arguments a, struct reply *r)
{
    struct window *w = named(a, r);
    if (w)
        window_lower(w);
}

static void hide(arguments a, struct reply *r)
{
    struct window *w = named(a, r);
    if (!w)
        return;
    input_forget(w);
    window_hide(w);
}

static void show(arguments a, struct reply *r)
{
    struct window *w = named(a, r);
    if (w)
        window_show(w);
}

static void redraw(arguments a, struct reply *r)
{
    struct window *w = named(a, r);
    if (w)
        window_redraw(w);
}

static void animate(arguments a, struct reply *r)
{
    struct window *w = named(a, r);
    if (w)
        w->animated = a[1].number;
}

static void frames(arguments a, struct reply *r)
{
    struct tick_totals t = { 0 };
    ticks_begin();
    while (t.ticks < a[0].number)
        ticks_next(&t);
    ticks_end();
    say(r, " ticks=%u presented=%u frame=%u crc=%08x us=%lu busy_us=%lu", t.ticks, t.presented, present_frame(), present_identity(),
        t.us, t.busy_us);
}

static void frame(arguments a, struct reply *r)
{
    (void)a;
    present_print_identity();
    say(r, " frame=%u crc=%08x", present_frame(), present_identity());
}

static int id_of(const struct window *w)
{
    return w ? w->id : 0;
}

static uint64_t memory_kb(void)
{
    return (alloc_bytes_in_use() + 1023) / 1024;
}

static void query(arguments a, struct reply *r)
{
    (void)a;
    say(r, " windows=%d focus=%d frame=%u mem_kb=%lu us=%lu", windows_count(), id_of(window_focused()), present_frame(), memory_kb(), clock_us());
}

static void soak(arguments a, struct reply *r)
{
    if (windows_count())
        return commands_refuse(r, "state", "windows");
    struct tick_totals t = soak_run((int)a[0].number, (int)a[1].number);
    say(r, " frames=%u us=%lu busy_us=%lu", t.presented, t.us, t.busy_us);
}

static void scenario(arguments a, struct reply *r)
{
    if (scenario_running())
        return commands_refuse(r, "state", "scenario");
    scenario_start(a[0].word);
}

static void milestone(arguments a, struct reply *r)
{
    if (!scenario_running())
        return commands_refuse(r, "state", "scenario");
    scenario_milestone(a[0].word);
}

static void verify(arguments a, struct reply *r)
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
            return commands_refuse(r, "argument", "check");
        const struct window *w = window_by_id(id);
        if (!w)
            return commands_refuse(r, "id", check + 5);
        got = w->text_length;
    } else {
        return commands_refuse(r, "argument", "check");
    }
    bool good = at_least ? got >= want : got == want;
    scenario_verify(check, good);
    say(r, " got=%ld result=%s", got, good ? "pass" : "fail");
}

static void complete(arguments a, struct reply *r)
{
    (void)a;
    if (!scenario_running())
        return commands_refuse(r, "state", "scenario");
    scenario_complete();
}

/* What the commands that act after their answer need to remember. */
static char crash_kind[16];
static uint32_t noise_bytes;
static uint64_t noise_seed;
static uint8_t exit_code;

static void crash_afterwards(void) { crash_now(crash_kind); }
static void noise_afterwards(void) { crash_noise(noise_bytes, noise_seed); }
static void exit_afterwards(void)  { power_exit(exit_code); }

static void crash(arguments a, struct reply *r)
{
    bool noise = same_text(a[0].word, "noise");
    if (!noise && !crash_known(a[0].word))
        return commands_refuse(r, "argument", "kind");
    if (noise != a[1].given)
        return commands_refuse(r, "argument", "bytes");
    if (noise != a[2].given)
        return commands_refuse(r, "argument", "seed");
    format(crash_kind, sizeof crash_kind, "%s", a[0].word);
    noise_bytes = (uint32_t)a[1].number;
    noise_seed = (uint64_t)a[2].number;
    r->afterwards = noise ? noise_afterwards : crash_afterwards;
}

static void poweroff(arguments a, struct reply *r)
{
    (void)a;
    r->afterwards = power_off;
}

static void leave(arguments a, struct reply *r)
{
    exit_code = (uint8_t)a[0].number;
    r->afterwards = exit_afterwards;
}

#define NUMBER(key, low, high) { key, INTEGER, false, low, high }
#define ID     NUMBER("id", 1, WINDOW_IDS)
#define X      NUMBER("x", WINDOW_MIN_POSITION, WINDOW_MAX_POSITION)
#define Y      NUMBER("y", WINDOW_MIN_POSITION, WINDOW_MAX_POSITION)
#define W      NUMBER("w", WINDOW_MIN_WIDTH, DESKTOP_WIDTH)
#define H      NUMBER("h", WINDOW_MIN_HEIGHT, DESKTOP_HEIGHT)

static const struct {
    const char *verb;
    void (*run)(arguments, struct reply *);
    struct parameter parameters[PARAMETERS_MOST];       /* up to the one without a key */
} commands[] = {
    { "hello", hello, { } },
    { "create", create, { ID, X, Y, W, H, { .key = "color", .kind = COLOR }, { .key = "kind", .kind = ANY_WORD, .optional = true } } },
    { "destroy", destroy, { ID } },
    { "move", move, { ID, X, Y } },
    { "resize", resize, { ID, W, H } },
    { "raise", raise, { ID } },
    { "lower", lower, { ID } },
    { "focus", raise, { ID } },
    { "hide", hide, { ID } },
    { "show", show, { ID } },
    { "redraw", redraw, { ID } },
    { "animate", animate, { ID, NUMBER("on", 0, 1) } },
    { "frames", frames, { NUMBER("n", 1, 1000000) } },
    { "frame", frame, { } },
    { "query", query, { } },
    { "soak", soak, { NUMBER("clients", 1, WINDOW_IDS), NUMBER("seconds", 1, 86400) } },
    { "scenario", scenario, { { .key = "name", .kind = NAME } } },
    { "milestone", milestone, { { .key = "name", .kind = NAME } } },
    { "verify", verify, { { .key = "check", .kind = NAME }, NUMBER("want", 0, UINT32_MAX) } },
    { "complete", complete, { } },
    { "crash", crash, { { .key = "kind", .kind = ANY_WORD },
                        { "bytes", INTEGER, true, 0, 10000000 }, { "seed", INTEGER, true, 0, UINT32_MAX } } },
    { "poweroff", poweroff, { } },
    { "exit", leave, { NUMBER("code", 0, 255) } },
};

void commands_execute(char *payload, struct reply *r)
{
    *r = (struct reply){ 0 };
    char *words = payload;
    while (*words && *words != ' ')
        words++;
    if (*words)
        *words++ = 0;
    else
        words = NULL;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!same_text(commands[i].verb, payload))
            continue;
        struct argument a[PARAMETERS_MOST];
        const char *detail, *reason = arguments_parse(words, commands[i].parameters, a, &detail);
        if (reason)
            return commands_refuse(r, reason, detail);
        say(r, "ok");
        return commands[i].run(a, r);
    }
    commands_refuse(r, "verb", payload);
}
