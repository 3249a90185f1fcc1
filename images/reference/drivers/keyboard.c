/* Set-1 bytes to key events, and keys to characters (US layout). */
#include "keyboard.h"
#include "ps2.h"

enum { PREFIX = 0xE0, PAUSE_PREFIX = 0xE1, RELEASE = 0x80, LEFT_SHIFT = 0x2A, RIGHT_SHIFT = 0x36, PAUSE = 0xE11D };

/* Scancodes 0x00-0x39. */
static const char plain[]   = "\0\0001234567890-=\0\0qwertyuiop[]\0\0asdfghjkl;'`\0\\zxcvbnm,./\0\0\0 ";
static const char shifted[] = "\0\0!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0\0\0 ";
enum { LAST = 0x39 };
_Static_assert(sizeof plain == LAST + 2 && sizeof shifted == LAST + 2, "one character for each scancode");

static bool left_shift, right_shift;
static uint8_t prefix, pause_bytes;

bool keyboard_event(struct key_event *e)
{
    uint8_t byte;
    while (ps2_key_byte(&byte)) {
        /* Pause sends e1 1d 45, and e1 9d c5 for its release: reported at the last byte. */
        if (pause_bytes) {
            if (--pause_bytes)
                continue;
            *e = (struct key_event){ PAUSE, !(byte & RELEASE) };
            return true;
        }
        if (byte == PAUSE_PREFIX) {
            pause_bytes = 2;
            continue;
        }
        if (byte == PREFIX) {
            prefix = PREFIX;
            continue;
        }
        uint8_t code = byte & ~RELEASE;
        bool down = !(byte & RELEASE);
        if (prefix) {
            prefix = 0;
            if (code == LEFT_SHIFT || code == RIGHT_SHIFT)
                continue;           /* the fake shifts around Print Screen are no keys */
            *e = (struct key_event){ (uint16_t)(PREFIX << 8 | code), down };
            return true;
        }
        if (code == LEFT_SHIFT)
            left_shift = down;
        if (code == RIGHT_SHIFT)
            right_shift = down;
        *e = (struct key_event){ code, down };
        return true;
    }
    return false;
}

char keyboard_character(uint16_t code)
{
    if (code > LAST)
        return 0;
    return left_shift || right_shift ? shifted[code] : plain[code];
}
