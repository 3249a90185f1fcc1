/* The ways in which this kernel can die or misbehave on request. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

bool crash_known(const char *kind);
void crash_now(const char *kind);                       /* does not return */
void crash_noise(uint32_t bytes, uint64_t seed);        /* does */
