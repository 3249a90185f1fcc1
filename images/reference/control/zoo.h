/* The zoo build's defects: `lie=NAME` on the command line gives the guest one of them. Where a defect would sit in a real
 * kernel it stands as `if (DEFECT(name))`; what takes more room is in zoo.c. The release build has none of this. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "zoo.h"

#ifdef ZOO

#define BUILD_NAME "zoo"
#define DEFECTS(X) \
    X(black) X(stale) X(torn) X(pixel) X(tear_line) X(stale_region) X(dropped_frame) X(doubled_frame) X(cursor_trail) \
    X(damage_outside) X(stacking) X(key_lost) X(key_doubled) X(key_wrong_client) X(key_stuck) X(marker_missing) X(marker_doubled) \
    X(marker_order) X(marker_wrong_id) X(marker_torn) X(complete_without_start) X(pass_on_fail) X(crash_cascade) X(zombie) \
    X(leak_frame) X(fragmentation) X(double_free) X(overrun) X(hang) X(livelock) X(slow_path) X(missed_frames) X(lost_write) \
    X(torn_record) X(constant_latency) X(constant_fps) X(checksum_readback) X(lsb) X(bgr) X(clip) X(key_reordered) \
    X(marker_range) X(id_reused) X(leak_client) X(deadlock) X(timer_drift) X(replay_twice)

enum defect {
    NO_DEFECT,
#define X(name) DEFECT_##name,
    DEFECTS(X)
#undef X
};
extern enum defect zoo_defect;
#define DEFECT(name) (zoo_defect == DEFECT_##name)

void zoo_init(void);            /* from options.lie; a name that nobody knows ends in a panic, never in a clean run */
bool zoo_every(unsigned n);     /* true at each n-th call */
/* True: the defect has put on this band of the screen what it wants to be there. */
bool zoo_presents_band(unsigned band, uint32_t frame, uint32_t identity);
void zoo_presented(uint32_t frame, uint32_t identity);
void zoo_spoil(uint32_t *row, int n, int y);    /* pixels of the screen that were copied just now */
unsigned zoo_marker(char *line, size_t *n);     /* how often it is printed; may change it */

#else

#define BUILD_NAME "release"
#define DEFECT(name) false
#define zoo_every(n) false
#define zoo_init() ((void)0)
#define zoo_presents_band(band, frame, identity) false
#define zoo_presented(frame, identity) ((void)0)
#define zoo_spoil(row, n, y) ((void)0)
#define zoo_marker(line, n) 1

#endif
