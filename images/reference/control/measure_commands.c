/* Verbs that measure: the families PERF and STRESS. */
#include "commands.h"
#include "perf.h"
#include "stress.h"

static void perf(const struct argument *a, struct rayos_reply *r)
{
    perf_run(a[0].word, (uint32_t)a[1].number, r);
}

static void stress(const struct argument *a, struct rayos_reply *r)
{
    stress_run(a[0].word, (uint32_t)a[1].number, (uint32_t)a[2].number, r);
}

const struct command measure_commands[] = {
    { "perf", perf, { { .key = "op", .kind = NAME }, PARAMETER_NUMBER("n", 1, 100000) } },
    { "stress", stress, { { .key = "kind", .kind = NAME }, PARAMETER_NUMBER("level", 1, 100), PARAMETER_NUMBER("seconds", 1, 3600) } },
    { }
};
