/* `stress`: loads one resource to a level and measures what it does to the desktop. */
#pragma once
#include <stdint.h>

struct rayos_reply;

void stress_run(const char *kind, uint32_t level, uint32_t seconds, struct rayos_reply *reply);
