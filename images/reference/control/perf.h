/* `perf`: does one operation many times and prints percentiles, throughput and memory. */
#pragma once
#include <stdint.h>

struct rayos_reply;

void perf_run(const char *operation, uint32_t times, struct rayos_reply *reply);
