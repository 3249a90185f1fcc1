/* Key codes: PS/2 to evdev, and the keymap that gives evdev codes their meaning. */
#pragma once
#include <stdint.h>
#include "shared.h"

uint32_t keymap_evdev(uint16_t set1);       /* 0xe0xx for the prefixed; 0: no such key */
struct shared *keymap_new(void);            /* a copy of the xkb keymap (text, with its NUL); NULL: no memory */
