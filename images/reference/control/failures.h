/* Failures of the system itself, with their markers: what is noticed, and what is done about it (docs/reference-guest.md). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* What a RAYOS_FAILURE marker names where it is no client: ids behind those of windows. */
enum part { PART_DISK = 0, PART_COMPOSITOR = 240, PART_MEMORY = 241, PART_NMI = 242 };

bool failures_waiting(void);                /* failures_tell() has something to say */
void failures_tell(void);
/* The compositor dies and is started again, all in one: its connections are closed, all that it had is gone. */
void failures_crash_compositor(void);
/* The integrity block is checked from now on, at each tick before it draws (false: no longer); returns its checksum. */
uint32_t failures_guard(bool on);
uint32_t failures_repaired(void);           /* so often */
void failures_before_frame(void);
void failures_after_frame(void);
