/* `perf`: does one operation many times and prints percentiles, throughput and memory. */
#include "perf.h"
#include <stddef.h>
#include "alloc.h"
#include "clock.h"
#include "commands.h"
#include "io.h"
#include "markers.h"
#include "operations.h"

enum { CALIBRATION_US = 10000 };
#define SECOND_US UINT64_C(1000000)
#define SECOND_NS UINT64_C(1000000000)

static uint64_t tsc_hz;

static void edge(uint64_t *us, uint64_t *tsc)
{
    uint64_t before = clock_us();
    while ((*us = clock_us()) == before)
        ;
    *tsc = rdtsc();
}

/* The TSC's rate by the guest's clock. */
static void calibrate(void)
{
    uint64_t from_us, from, to_us, to;
    edge(&from_us, &from);
    do
        edge(&to_us, &to);
    while (to_us - from_us < CALIBRATION_US);
    tsc_hz = (to - from) * SECOND_US / (to_us - from_us);
}

static uint64_t ns_of(uint64_t tsc)
{
    return tsc / tsc_hz * SECOND_NS + tsc % tsc_hz * SECOND_NS / tsc_hz;
}

/* Heap sort: no recursion, no memory, n log n whatever the order. */
static void sift(uint64_t *v, uint32_t at, uint32_t n)
{
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && v[child + 1] > v[child])
            child++;
        if (v[at] >= v[child])
            return;
        uint64_t t = v[at];
        v[at] = v[child];
        v[child] = t;
    }
}

static void sort(uint64_t *v, uint32_t n)
{
    for (uint32_t at = n / 2; at--;)
        sift(v, at, n);
    while (n-- > 1) {
        uint64_t t = v[0];
        v[0] = v[n];
        v[n] = t;
        sift(v, 0, n);
    }
}

static uint64_t percentile(const uint64_t *sorted, uint32_t n, uint32_t p)      /* nearest rank */
{
    return sorted[((uint64_t)n * p + 99) / 100 - 1];
}

static void report(const char *name, uint64_t *samples, uint32_t n, uint64_t all)
{
    static const uint32_t wanted[] = { 50, 90, 99 };
    sort(samples, n);
    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        uint64_t ns = ns_of(percentile(samples, n, wanted[i]));
        marker("PERF:SAMPLE:%s:%lu.%03lu:%u", name, ns / 1000, ns % 1000, wanted[i]);
    }
    uint64_t ns = ns_of(all);
    marker("PERF:THROUGHPUT:%s:%lu", name, n * SECOND_NS / (ns ? ns : 1));
    struct alloc_statistics m = alloc_statistics();
    marker("PERF:MEMORY:%lu:%lu:%lu", m.in_use / 1024, m.peak / 1024, m.free ? 100 - 100 * m.largest_free / m.free : 0);
    ns = ns_of(samples[n - 1]);
    marker("PERF:REPORT:%s_max:%lu.%03lu:us", name, ns / 1000, ns % 1000);
}

void perf_run(const char *name, uint32_t n, struct rayos_reply *r)
{
    const struct operation *op = operation_by_name(name);
    if (!op)
        return rayos_refuse(r, "argument", "op");
    uint64_t *samples = alloc(n * sizeof *samples);
    if (!samples)
        return rayos_refuse(r, "limit", "memory");
    const char *trouble = op->begin ? op->begin() : NULL;
    if (!trouble) {
        if (!tsc_hz)
            calibrate();
        marker("PERF:PROFILE_START:%s", name);
        uint64_t start = rdtsc();
        for (uint32_t i = 0; i < n && !trouble; i++) {
            uint64_t from = rdtsc();
            trouble = op->once(i);
            samples[i] = rdtsc() - from;
        }
        uint64_t all = rdtsc() - start;
        if (op->end)
            op->end();
        if (!trouble)
            report(name, samples, n, all);
    }
    if (trouble)
        rayos_refuse(r, "state", trouble);
    release(samples);
}
