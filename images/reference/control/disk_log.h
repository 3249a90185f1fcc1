/* A log of checksummed records on the virtio disk, one in a sector (docs/reference-guest.md). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { RECORD_DATA_MOST = 480 };

enum disk_result {
    DISK_OK, DISK_NONE, DISK_FOREIGN, DISK_READ_ONLY, DISK_FULL, DISK_ABSENT, DISK_CORRUPT, DISK_IO, DISK_FLUSH, DISK_BUFFER, DISK_PENDING,
};

/* Sequence numbers of the last record, the last one flushed, the last one trimmed away; how many wait; sectors of the log. */
struct disk_state { uint64_t records, flushed, trimmed, pending, lost, capacity; };

void disk_log_replay(void);         /* at boot: finds the disk and its records, prints REPLAY; cuts what is behind them */
enum disk_result disk_log_append(const char *data, uint32_t length, uint64_t *sequence);
/* Takes the record into memory, and writes and flushes it at the next tick; again and again while the disk fails. BUFFER: too many wait. */
enum disk_result disk_log_store(const char *data, uint32_t length, uint64_t *sequence);
void disk_log_tick(void);
enum disk_result disk_log_flush(void);
/* Every record goes; the next one has the next number. PENDING: not all are flushed. */
enum disk_result disk_log_trim(void);
/* The log may have so many sectors until the next boot, as far as the disk has them. */
enum disk_result disk_log_limit(uint64_t sectors);
enum disk_result disk_log_read(uint64_t sequence, const char **data, uint32_t *length);     /* until the next call of any of these */
enum disk_result disk_log_state(struct disk_state *state);
/* One write to the sector behind the log, which is there for measuring: the log is not touched. */
enum disk_result disk_scratch_write(uint64_t number, bool flush);
