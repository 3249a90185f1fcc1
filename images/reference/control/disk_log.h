/* A log of checksummed records on the virtio disk, one in a sector (docs/reference-guest.md). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { RECORD_DATA_MOST = 480 };

enum disk_result { DISK_OK, DISK_NONE, DISK_FOREIGN, DISK_READ_ONLY, DISK_FULL, DISK_ABSENT, DISK_CORRUPT, DISK_IO, DISK_FLUSH };

struct disk_state { uint64_t records, flushed, lost, capacity; };

void disk_log_replay(void);         /* at boot: finds the disk and its records, prints REPLAY; cuts what is behind them */
enum disk_result disk_log_append(const char *data, uint32_t length, uint64_t *sequence);
enum disk_result disk_log_flush(void);
enum disk_result disk_log_read(uint64_t sequence, const char **data, uint32_t *length);     /* until the next call of any of these */
enum disk_result disk_log_state(struct disk_state *state);
/* One write to the sector behind the log, which is there for measuring: the log is not touched. */
enum disk_result disk_scratch_write(uint64_t number, bool flush);
