/* Load on the processor, the memory or the disk, by a process of its own. stress-ng would do, but Debian's brings 22 MB (libipsec-mb alone
 * 12): a third more of image to load at each boot. */
#define _GNU_SOURCE
#include "agent.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { SECTOR = 512, PERIOD_NS = 10000000, RECORDS = 10 };         /* records a second for one percent */

static struct { volatile uint64_t records, kb; } *done;
static pid_t loader;
static enum load kind;
static uint32_t wanted;                         /* percent of the processor; KiB; records a second */
static uint64_t told;                           /* records when last asked */

static void wait_until(struct timespec *t, long ns)
{
    t->tv_nsec += ns;
    t->tv_sec += t->tv_nsec / 1000000000;
    t->tv_nsec %= 1000000000;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, t, NULL))
        ;
}

static void burn(uint32_t percent)
{
    struct timespec due, used;
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (uint64_t budget = 0;;) {
        budget += (uint64_t)PERIOD_NS / 100 * percent;
        do
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
        while ((uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec < budget);
        wait_until(&due, PERIOD_NS);
    }
}

static void hold_memory(uint32_t kb)
{
    char *held = mmap(NULL, (size_t)kb << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (uint32_t at = 0; held != MAP_FAILED && at < kb; at += 4) {
        held[(size_t)at << 10] = 1;
        done->kb = at + 4;
    }
    for (;;)
        pause();
}

static void write_records(uint32_t a_second)
{
    static char sector[SECTOR] __attribute__((aligned(SECTOR)));
    struct timespec due;
    uint64_t size = 0;
    int fd = open("/dev/vda", O_WRONLY | O_DIRECT | O_DSYNC);
    if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0 || size < SECTOR)
        _exit(1);
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (;;) {
        if (pwrite(fd, sector, SECTOR, (off_t)(size - SECTOR)) == SECTOR)
            done->records++;
        wait_until(&due, 1000000000L / (long)a_second);
    }
}

bool begin_load(struct rayos_reply *r, enum load what, uint32_t level)
{
    if (what == LOAD_DISK && access("/dev/vda", F_OK) < 0) {
        rayos_refuse(r, "state", "disk");
        return false;
    }
    if (!done)
        done = mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    done->records = done->kb = told = 0;
    kind = what;
    wanted = what == LOAD_CPU ? level : what == LOAD_DISK ? level * RECORDS : (memory_total_kb() - memory_used_kb()) / 100 * level;
    loader = fork();
    if (loader == 0) {
        reset_signals();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (what == LOAD_CPU)
            burn(wanted);
        else if (what == LOAD_MEMORY)
            hold_memory(wanted);
        else
            write_records(wanted);
    }
    if (loader < 0)
        rayos_refuse(r, "limit", "process");
    return loader > 0;
}

bool is_load_applied(unsigned cpu)
{
    uint64_t records = done->records - told;
    told += records;
    switch (kind) {
    case LOAD_CPU:    return cpu + 5 >= wanted;
    case LOAD_MEMORY: return done->kb >= (uint64_t)wanted * 95 / 100;
    default:          return records >= (uint64_t)wanted * 95 / 100;
    }
}

void end_load(void)
{
    if (loader > 0)
        kill(loader, SIGKILL);
    loader = 0;                                 /* of its end nobody has to hear */
}
