/* A process that keeps a log on the first virtio disk, in the format of docs/reference-guest.md ("The disk's log").
 *
 * Each record is written past the page cache and flushed before it counts as safe. What the disk refuses stays in memory and is
 * tried again. To the agent it says: "replay RECORDS TORN", "write" or "flush" (refused from now on), "well" (all is safe again). */
#define _GNU_SOURCE
#include "agent.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_US UINT64_C(500000)

enum { SECTOR = 512, HEAD = 16 };

struct sector {
    char magic[4];
    uint8_t number[8], length[4];                   /* little-endian, as is the machine */
    char data[SECTOR - HEAD - 4];
    uint8_t crc[4];
};

static struct sector *sector;                       /* the one buffer, aligned as O_DIRECT wants it */
static uint64_t first = 1;                          /* number of the record in sector 0 */
static int device = -1, agent = -1;

static void tell(const char *what)
{
    send(agent, what, strlen(what), MSG_NOSIGNAL);
}

uint64_t log_take(struct log *log, const char *data, uint32_t length)
{
    uint64_t number = __atomic_load_n(&log->next, __ATOMIC_RELAXED);
    do {                                            /* agent and writer both take numbers */
        if (number - __atomic_load_n(&log->flushed, __ATOMIC_ACQUIRE) > SLOTS)
            return 0;
    } while (!__atomic_compare_exchange_n(&log->next, &number, number + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    struct record *slot = &log->slots[number % SLOTS];
    slot->length = length;
    memcpy(slot->data, data, length);
    __atomic_store_n(&slot->number, number, __ATOMIC_RELEASE);
    return number;
}

static bool is_record(uint64_t number)
{
    return !memcmp(sector->magic, "RLG1", 4) && !memcmp(sector->number, &number, 8)
        && rayos_crc32(0, sector, SECTOR - 4) == *(uint32_t *)sector->crc;
}

/* Finds the end of the log; false: the disk does not read. */
static bool replay(struct log *log)
{
    char text[64];
    bool torn = false;
    uint64_t found = 0;
    for (; found < log->capacity; found++) {
        if (pread(device, sector, SECTOR, (off_t)found * SECTOR) != SECTOR)
            return false;
        if (!found && !memcmp(sector->magic, "RLG1", 4))
            memcpy(&first, sector->number, 8);
        if (!is_record(first + found)) {
            for (int i = 0; i < SECTOR; i++)
                torn = torn || ((char *)sector)[i];
            break;
        }
    }
    if (!found)
        first = 1;
    log->records = log->flushed = first + found - 1;
    __atomic_store_n(&log->next, first + found, __ATOMIC_RELEASE);
    snprintf(text, sizeof text, "replay %llu %d", (unsigned long long)found, torn);
    tell(text);
    return true;
}

/* Brings all that waits to the disk; NULL: it is safe there, else what was refused. */
static const char *bring_out(struct log *log, struct page *page)
{
    for (;;) {
        uint64_t number = log->records + 1;
        const struct record *slot = &log->slots[number % SLOTS];
        if (__atomic_load_n(&slot->number, __ATOMIC_ACQUIRE) != number || number - first >= log->capacity)
            break;
        memset(sector, 0, SECTOR);
        memcpy(sector->magic, "RLG1", 4);
        memcpy(sector->number, &number, 8);
        memcpy(sector->length, &slot->length, 4);
        memcpy(sector->data, slot->data, slot->length);
        uint32_t crc = rayos_crc32(0, sector, SECTOR - 4);
        memcpy(sector->crc, &crc, 4);
        if (pwrite(device, sector, SECTOR, (off_t)(number - first) * SECTOR) != SECTOR)
            return "write";
        log->records = number;
        page->drawn++;
    }
    if (log->records == log->flushed)
        return NULL;
    if (fdatasync(device) < 0) {
        log->records = log->flushed;                /* nobody knows what is there: all of it again */
        return "flush";
    }
    page->shown += (uint32_t)(log->records - log->flushed);
    __atomic_store_n(&log->flushed, log->records, __ATOMIC_RELEASE);
    return NULL;
}

void write_log(struct log *log, struct page *page, int orders, uint32_t rate)
{
    uint64_t interval = rate ? 1000000 / rate : 0, due = now_us(), retry = 0, size = 0;
    const char *refused = NULL;
    agent = orders;
    device = open("/dev/vda", O_RDWR | O_DIRECT | O_CLOEXEC);
    if (device < 0 || ioctl(device, BLKGETSIZE64, &size) < 0 || posix_memalign((void **)&sector, 4096, SECTOR))
        _exit(LEFT_WRONG_USE);
    log->capacity = size / SECTOR;
    if (!replay(log))
        _exit(LEFT_REFUSED);
    for (;;) {
        char text[32];
        uint64_t now = now_us();
        if (interval && now >= due) {
            log_take(log, text, (uint32_t)snprintf(text, sizeof text, "at %llu us", (unsigned long long)now));
            due = now + interval;
        }
        if (now >= retry) {
            const char *before = refused;
            refused = bring_out(log, page);
            retry = refused ? now + RETRY_US : 0;
            if (refused && !before)
                tell(refused);
            else if (!refused && before)
                tell("well");
        }
        now = now_us();
        uint64_t wake = interval && refused ? (due < retry ? due : retry) : interval ? due : refused ? retry : 0;
        struct pollfd port = { agent, POLLIN, 0 };
        poll(&port, 1, !wake ? -1 : wake > now ? (int)((wake - now + 999) / 1000) : 0);
        if (port.revents && recv(agent, text, sizeof text, MSG_DONTWAIT) == 0)
            _exit(LEFT_BY_REQUEST);
    }
}
