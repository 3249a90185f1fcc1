/* Set-1 bytes to key events, and keys to characters (US layout). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct key_event {
    uint16_t code;          /* set 1 without the release bit; 0xe0xx for the prefixed */
    bool down;
};

enum { KEY_ENTER = 0x1C, KEY_BACKSPACE = 0x0E };

bool keyboard_event(struct key_event *event);       /* next event; false: none */
char keyboard_character(uint16_t code);             /* with the shift state of now; 0: none */
