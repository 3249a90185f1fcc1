/* Verbs that end or break the guest, each after its answer. */
#include "commands.h"
#include "failures.h"
#include "crash.h"
#include "format.h"
#include "power.h"
#include "string.h"

/* What the commands that act after their answer need to remember. */
static char crash_kind[16];
static uint32_t noise_bytes;
static uint64_t noise_seed;
static uint8_t exit_code;

static void crash_afterwards(void *context) { (void)context; crash_now(crash_kind); }
static void noise_afterwards(void *context) { (void)context; crash_noise(noise_bytes, noise_seed); }
static void power_off_afterwards(void *context) { (void)context; power_off(); }
static void exit_afterwards(void *context) { (void)context; power_exit(exit_code); }

static void crash(const struct argument *a, struct rayos_reply *r)
{
    if (same_text(a[0].word, "compositor") && !a[1].given && !a[2].given)
        return failures_crash_compositor();
    bool noise = same_text(a[0].word, "noise");
    if (!noise && !crash_known(a[0].word))
        return rayos_refuse(r, "argument", "kind");
    if (noise != a[1].given)
        return rayos_refuse(r, "argument", "bytes");
    if (noise != a[2].given)
        return rayos_refuse(r, "argument", "seed");
    format(crash_kind, sizeof crash_kind, "%s", a[0].word);
    noise_bytes = (uint32_t)a[1].number;
    noise_seed = (uint64_t)a[2].number;
    r->afterwards = noise ? noise_afterwards : crash_afterwards;
}

static void poweroff(const struct argument *a, struct rayos_reply *r)
{
    (void)a;
    r->afterwards = power_off_afterwards;
}

static void leave(const struct argument *a, struct rayos_reply *r)
{
    exit_code = (uint8_t)a[0].number;
    r->afterwards = exit_afterwards;
}

static void integrity(const struct argument *a, struct rayos_reply *r)
{
    uint32_t sum = failures_guard(a[0].number);
    rayos_say(r, " crc=%08x repaired=%u", sum, failures_repaired());
}

const struct command crash_commands[] = {
    { "crash", crash, { { .key = "kind", .kind = ANY_WORD },
                        { "bytes", INTEGER, true, 0, 10000000 }, { "seed", INTEGER, true, 0, UINT32_MAX } } },
    { "poweroff", poweroff, { } },
    { "exit", leave, { PARAMETER_NUMBER("code", 0, 255) } },
    { "integrity", integrity, { PARAMETER_NUMBER("on", 0, 1) } },
    { }
};
