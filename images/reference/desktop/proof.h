/* The proof rendezvous: after each frame the guest stands still until the host has looked at it (prove=1). */
#pragma once
#include <stdint.h>

void proof_wait(uint32_t frame, uint32_t identity);
