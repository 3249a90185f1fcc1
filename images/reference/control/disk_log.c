/* A log of checksummed records on the virtio disk, one in a sector (docs/reference-guest.md). */
#include "disk_log.h"
#include "checksums.h"
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
enum { WINDOW = 64 };

static const char magic[4] = { 'R', 'L', 'G', '1' };
static enum disk_result found = DISK_NONE;      /* at replay; a log that could not be read is not written to */
static bool flush_failed;
static uint64_t capacity, records, flushed, lost;
static struct record window[WINDOW];    /* record s is in [(s - 1) % WINDOW] until it is flushed */
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

static enum disk_result failed(enum disk_result how)
{
    marker("FAILURE:DETECTED:%s:0", how == DISK_FLUSH ? "flush" : "disk");
    return how;
}

/* Fills the window from this sector on; *n: how many sectors there were. */
static enum disk_result read_window(uint64_t from, uint32_t *n)
{
    *n = capacity - from < WINDOW ? (uint32_t)(capacity - from) : WINDOW;
    return *n && !blk_read(from, window, *n) ? failed(DISK_IO) : DISK_OK;
}

/* Zeroes what is not zero in the window behind the records. */
static enum disk_result cut(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (is_zero(&window[i]))
            continue;
        lost++;
        memset(&window[i], 0, sizeof window[i]);
        if (!blk_read_only() && !blk_write(records + i, &window[i], 1))
            return failed(DISK_IO);
    }
    return lost && !blk_read_only() && !blk_flush() ? failed(DISK_FLUSH) : DISK_OK;
}

static enum disk_result replay(void)
{
    if (!blk_init() || blk_sectors() < 2)
        return DISK_NONE;
    capacity = blk_sectors() - 1;       /* the last one is the scratch sector */
    uint32_t n, whole;
    do {
        enum disk_result r = read_window(records, &n);
        if (r)
            return r;
        for (whole = 0; whole < n && is_record(&window[whole], records + 1); whole++)
            records++;
    } while (whole);
    flushed = records;
    bool torn = n && !is_zero(&window[0]);
    marker("DISK:REPLAY:%lu:%d", DEFECT(replay_twice) ? 2 * records : records, torn);
    if (torn && !records && memcmp(window[0].magic, magic, sizeof magic))
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

enum disk_result disk_log_append(const char *data, uint32_t length, uint64_t *sequence)
{
    enum disk_result r = usable(true);
    if (r)
        return r;
    if (records == capacity)
        return DISK_FULL;
    if (records - flushed == WINDOW && (r = disk_log_flush()))
        return r;
    struct record *to = &window[records % WINDOW];
    fill(to, records + 1, data, length);
    if (DEFECT(torn_record) && records == 2)
        memset(to->data + 1, 0xFF, 200);
    if (!(DEFECT(lost_write) && records == 2) && !blk_write(records, to, 1))
        return failed(DISK_IO);
    *sequence = ++records;
    return DISK_OK;
}

enum disk_result disk_log_flush(void)
{
    enum disk_result r = usable(true);
    if (r)
        return r;
    /* After a flush that failed nobody knows what the disk has kept: write it all again. */
    for (uint64_t at = flushed; flush_failed && at < records; at++)
        if (!blk_write(at, &window[at % WINDOW], 1))
            return failed(DISK_IO);
    flush_failed = !blk_flush();
    if (flush_failed)
        return failed(DISK_FLUSH);
    flushed = records;
    return DISK_OK;
}

enum disk_result disk_log_read(uint64_t sequence, const char **data, uint32_t *length)
{
    enum disk_result r = usable(false);
    if (r)
        return r;
    if (sequence > records)
        return DISK_ABSENT;
    if (!blk_read(sequence - 1, &sector, 1))
        return failed(DISK_IO);
    if (!is_record(&sector, sequence))
        return failed(DISK_CORRUPT);
    *data = sector.data;
    memcpy(length, sector.length, sizeof *length);
    return DISK_OK;
}

enum disk_result disk_log_state(struct disk_state *s)
{
    *s = (struct disk_state){ records, flushed, lost, capacity };
    return usable(false);
}

enum disk_result disk_scratch_write(uint64_t number, bool flush)
{
    enum disk_result r = usable(true);
    if (r)
        return r;
    fill(&sector, number, "", 0);
    if (!blk_write(capacity, &sector, 1))
        return failed(DISK_IO);
    return flush && !blk_flush() ? failed(DISK_FLUSH) : DISK_OK;
}
