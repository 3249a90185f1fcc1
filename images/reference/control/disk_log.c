/* A log of checksummed records on the virtio disk, one in a sector (docs/reference-guest.md). */
#include "disk_log.h"
#include "checksums.h"
#include "failures.h"
#include "markers.h"
#include "string.h"
#include "virtio_blk.h"
#include "zoo.h"

struct record {
    char magic[4];
    uint8_t sequence[8], length[4];     /* little-endian, as the CPU is */
    char data[RECORD_DATA_MOST];
    uint8_t zero[12], crc[4];
};
_Static_assert(sizeof(struct record) == SECTOR, "a record is a sector");

/* At most so many records are not flushed, so what a power cut leaves of them lies within so many sectors behind the
 * last whole one. All of it is cut at replay: a stale record must never follow on a new one. */
enum { WINDOW = 64, RETRY_TICKS = 30 };

static const char magic[4] = { 'R', 'L', 'G', '1' };
static enum disk_result found = DISK_NONE;      /* at replay; a log that could not be read is not written to */
/* Sequence numbers: record s is in sector s - 1 - trimmed, and in window[(s - 1) % WINDOW] until it is flushed. */
static uint64_t records, written, flushed, trimmed;
static uint64_t capacity, lost, scratch;        /* sectors; those cut at replay; the last one */
static struct record window[WINDOW];
static bool storing, outage, full_told;         /* some wait for a tick; ticks could not; */
static int retry_in;                            /* ticks */
static struct record sector;

static bool is_record(const struct record *r, uint64_t sequence)
{
    uint32_t length, crc;
    memcpy(&length, r->length, sizeof length);
    memcpy(&crc, r->crc, sizeof crc);
    return !memcmp(r->magic, magic, sizeof magic) && !memcmp(r->sequence, &sequence, sizeof sequence) && length <= RECORD_DATA_MOST
        && crc == crc32(r, sizeof *r - sizeof r->crc);
}

static bool is_zero(const struct record *r)
{
    static const struct record zero;
    return !memcmp(r, &zero, sizeof zero);
}

static void fill(struct record *r, uint64_t sequence, const char *data, uint32_t length)
{
    memset(r, 0, sizeof *r);
    memcpy(r->magic, magic, sizeof magic);
    memcpy(r->sequence, &sequence, sizeof sequence);
    memcpy(r->length, &length, sizeof length);
    memcpy(r->data, data, length);
    uint32_t crc = crc32(r, sizeof *r - sizeof r->crc);
    memcpy(r->crc, &crc, sizeof crc);
}

/* An outage is told once. */
static enum disk_result failed(enum disk_result how, const char *what)
{
    if (!outage)
        marker("FAILURE:DETECTED:disk_%s:%d", what, PART_DISK);
    return how;
}

/* Fills the window from this sector on; *n: how many sectors there were. */
static enum disk_result read_window(uint64_t from, uint32_t *n)
{
    *n = capacity - from < WINDOW ? (uint32_t)(capacity - from) : WINDOW;
    return *n && !blk_read(from, window, *n) ? failed(DISK_IO, "read") : DISK_OK;
}

/* Zeroes what is not zero in the window behind the records. */
static enum disk_result cut(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (is_zero(&window[i]))
            continue;
        lost++;
        memset(&window[i], 0, sizeof window[i]);
        if (!blk_read_only() && !blk_write(records - trimmed + i, &window[i], 1))
            return failed(DISK_IO, "write");
    }
    return lost && !blk_read_only() && !blk_flush() ? failed(DISK_FLUSH, "flush") : DISK_OK;
}

/* How many records came before this one; 0 too if it is none. */
static uint64_t before(const struct record *r)
{
    uint64_t sequence;
    memcpy(&sequence, r->sequence, sizeof sequence);
    return sequence && is_record(r, sequence) ? sequence - 1 : 0;
}

static enum disk_result replay(void)
{
    if (!blk_init() || blk_sectors() < 2)
        return DISK_NONE;
    capacity = scratch = blk_sectors() - 1;
    uint32_t n, whole;
    do {
        enum disk_result r = read_window(records - trimmed, &n);
        if (r)
            return r;
        if (!records)                   /* those before were trimmed away */
            records = trimmed = before(&window[0]);
        for (whole = 0; whole < n && is_record(&window[whole], records + 1); whole++)
            records++;
    } while (whole);
    flushed = written = records;
    bool torn = n && !is_zero(&window[0]);
    marker("DISK:REPLAY:%lu:%d", (records - trimmed) * (DEFECT(replay_twice) ? 2 : 1), torn);
    if (torn && !flushed && memcmp(window[0].magic, magic, sizeof magic))
        return DISK_FOREIGN;            /* somebody else's: it stays as it is */
    return cut(n);
}

void disk_log_replay(void)
{
    found = replay();
}

static enum disk_result usable(bool to_write)
{
    return found ? found : to_write && blk_read_only() ? DISK_READ_ONLY : DISK_OK;
}

static bool write(uint64_t at)
{
    return (DEFECT(lost_write) && at == 2) || blk_write(at - trimmed, &window[at % WINDOW], 1);
}

static enum disk_result write_pending(void)
{
    for (; written < records; written++)
        if (!write(written))
            return failed(DISK_IO, "write");
    return DISK_OK;
}

static enum disk_result full(void)
{
    if (records - trimmed < capacity)
        return DISK_OK;
    if (!full_told)
        marker("FAILURE:DETECTED:disk_full:%d", PART_DISK);
    full_told = true;
    return DISK_FULL;
}

static void put(const char *data, uint32_t length)
{
    struct record *to = &window[records % WINDOW];
    fill(to, records + 1, data, length);
    if (DEFECT(torn_record) && records == 2)
        memset(to->data + 1, 0xFF, 200);
}

enum disk_result disk_log_append(const char *data, uint32_t length, uint64_t *sequence)
{
    enum disk_result r = usable(true);
    if (r || (r = full()) || (r = write_pending()))
        return r;
    if (records - flushed == WINDOW && (r = disk_log_flush()))
        return r;
    put(data, length);
    if (!write(records))
        return failed(DISK_IO, "write");
    *sequence = written = ++records;
    return DISK_OK;
}

enum disk_result disk_log_store(const char *data, uint32_t length, uint64_t *sequence)
{
    enum disk_result r = usable(true);
    if (r || (r = full()))
        return r;
    if (records - flushed == WINDOW)
        return DISK_BUFFER;
    put(data, length);
    *sequence = ++records;
    storing = true;
    return DISK_OK;
}

void disk_log_tick(void)
{
    if (!storing || (retry_in && --retry_in))
        return;
    if (!disk_log_flush())
        return;
    if (!outage)
        marker("FAILURE:RECOVERY_START:%d", PART_DISK);
    outage = true;
    retry_in = RETRY_TICKS;
}

enum disk_result disk_log_flush(void)
{
    enum disk_result r = usable(true);
    if (r || (r = write_pending()))
        return r;
    if (!blk_flush()) {
        written = flushed;      /* nobody knows what the disk has kept: all is written again */
        return failed(DISK_FLUSH, "flush");
    }
    flushed = records;
    if (outage)
        marker("FAILURE:RECOVERY_COMPLETE:%d:success", PART_DISK);
    storing = outage = false;
    retry_in = 0;
    return DISK_OK;
}

enum disk_result disk_log_trim(void)
{
    enum disk_result r = usable(true);
    if (r)
        return r;
    if (flushed != records)
        return DISK_PENDING;
    memset(window, 0, sizeof window);
    for (uint64_t end = records - trimmed; end;) {      /* from the end: what is left at any instant is a log */
        uint32_t n = end < WINDOW ? (uint32_t)end : WINDOW;
        end -= n;
        if (!blk_write(end, window, n))
            return failed(DISK_IO, "write");
    }
    if (!blk_flush())
        return failed(DISK_FLUSH, "flush");
    trimmed = records;
    if (full_told) {
        marker("FAILURE:RECOVERY_START:%d", PART_DISK);
        marker("FAILURE:RECOVERY_COMPLETE:%d:success", PART_DISK);
    }
    full_told = false;
    return DISK_OK;
}

enum disk_result disk_log_limit(uint64_t sectors)
{
    enum disk_result r = usable(false);
    capacity = sectors < scratch ? sectors : scratch;
    return r;
}

enum disk_result disk_log_read(uint64_t sequence, const char **data, uint32_t *length)
{
    enum disk_result r = usable(false);
    if (r)
        return r;
    if (sequence <= trimmed || sequence > records)
        return DISK_ABSENT;
    if (sequence > written)
        sector = window[(sequence - 1) % WINDOW];
    else if (!blk_read(sequence - 1 - trimmed, &sector, 1))
        return failed(DISK_IO, "read");
    if (!is_record(&sector, sequence))
        return failed(DISK_CORRUPT, "corrupt");
    *data = sector.data;
    memcpy(length, sector.length, sizeof *length);
    return DISK_OK;
}

enum disk_result disk_log_state(struct disk_state *s)
{
    *s = (struct disk_state){ records, flushed, trimmed, records - flushed, lost, capacity };
    return usable(false);
}

enum disk_result disk_scratch_write(uint64_t number, bool flush)
{
    enum disk_result r = usable(true);
    if (r)
        return r;
    fill(&sector, number, "", 0);
    if (!blk_write(scratch, &sector, 1))
        return failed(DISK_IO, "write");
    return flush && !blk_flush() ? failed(DISK_FLUSH, "flush") : DISK_OK;
}
