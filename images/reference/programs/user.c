/* What the user does: keys to text, the focus, presses that drag. */
#include "client.h"
#include "calls.h"

enum { KEY_BACKSPACE = 14, KEY_ENTER = 28, KEY_LEFT_SHIFT = 42, KEY_RIGHT_SHIFT = 54, KEY_SPACE = 57, SHIFT = 1, LEFT_BUTTON = 0x110 };

/* The US layout: evdev codes 0-57 are those of set 1 (drivers/keyboard.c). */
static const char plain[]   = "\0\0001234567890-=\0\0qwertyuiop[]\0\0asdfghjkl;'`\0\\zxcvbnm,./\0\0\0 ";
static const char shifted[] = "\0\0!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0\0\0 ";
_Static_assert(sizeof plain == KEY_SPACE + 2 && sizeof shifted == KEY_SPACE + 2, "one character for each code");

static bool focused, left_shift, right_shift;
static uint32_t modifiers, serial;

bool user_has_focus(void)
{
    return focused;
}

uint32_t user_serial(void)
{
    return serial;
}

static void type(char c)
{
    if (c == '\b' ? picture.text_length == 0 : picture.text_length == TEXT_MOST)
        return;
    if (c == '\b')
        picture.text_length--;
    else
        picture.text[picture.text_length++] = c;
    client_status(STATUS_TEXT_LENGTH, picture.text_length);
    client_draw_whole();
}

void user_type(const char *text, int n)
{
    for (int i = 0; i < n; i++)
        type(text[i]);
}

static void handle_key(uint32_t code, bool down)
{
    if (code == KEY_LEFT_SHIFT)
        left_shift = down;
    if (code == KEY_RIGHT_SHIFT)
        right_shift = down;
    if (!down)
        return;
    client_count(STATUS_KEYS);
    bool shift = left_shift || right_shift || modifiers & SHIFT;
    char c = code == KEY_ENTER ? '\n' : code == KEY_BACKSPACE ? '\b' : code > KEY_SPACE ? 0 : shift ? shifted[code] : plain[code];
    if (c)
        type(c);
}

void user_keyboard_event(unsigned opcode, const uint32_t *words)
{
    enum { KEYMAP, ENTER, LEAVE, KEY, MODIFIERS };
    switch (opcode) {
    case KEYMAP: {
        int fd = wire_take_fd();
        if (fd >= 0)
            call_close(fd);
        break;
    }
    case ENTER:
        serial = words[0];
        focused = true;
        left_shift = right_shift = false;
        for (uint32_t i = 0; i < words[2] / 4; i++) {
            left_shift |= words[3 + i] == KEY_LEFT_SHIFT;
            right_shift |= words[3 + i] == KEY_RIGHT_SHIFT;
        }
        break;
    case LEAVE:
        focused = left_shift = right_shift = false;
        break;
    case KEY:
        serial = words[0];
        handle_key(words[2], words[3]);
        break;
    case MODIFIERS:
        modifiers = words[1];
        break;
    }
}

void user_pointer_event(unsigned opcode, const uint32_t *words)
{
    enum { MOTION = 2, BUTTON = 3 };
    if (opcode == MOTION)
        client_count(STATUS_MOTIONS);
    if (opcode == BUTTON) {
        serial = words[0];
        if (words[2] == LEFT_BUTTON && words[3])
            transfer_pressed(serial);
    }
}
