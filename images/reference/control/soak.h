/* The soak run: animated windows for a time, measured each second. */
#pragma once
#include <stdint.h>
#include "ticks.h"

struct tick_totals soak_run(int clients, int seconds);
