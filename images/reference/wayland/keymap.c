/* Key codes: PS/2 to evdev, and the keymap (US, main block) that gives evdev codes their meaning. */
#include "keymap.h"
#include "format.h"
#include "string.h"

/* In the main block both numberings agree: that is where evdev's comes from. */
enum { SAME_LAST = 0x58, TEXT_MOST_BYTES = 8192, XKB_OFFSET = 8 };

static const struct { uint16_t set1; uint8_t evdev; } prefixed[] = {
    { 0xE01C, 96 }, { 0xE01D, 97 }, { 0xE035, 98 }, { 0xE037, 99 }, { 0xE038, 100 }, { 0xE047, 102 }, { 0xE048, 103 },
    { 0xE049, 104 }, { 0xE04B, 105 }, { 0xE04D, 106 }, { 0xE04F, 107 }, { 0xE050, 108 }, { 0xE051, 109 }, { 0xE052, 110 },
    { 0xE053, 111 }, { 0xE11D, 119 }, { 0xE05B, 125 }, { 0xE05C, 126 }, { 0xE05D, 127 },
};

uint32_t keymap_evdev(uint16_t set1)
{
    if (set1 <= SAME_LAST)
        return set1;
    for (unsigned i = 0; i < sizeof prefixed / sizeof *prefixed; i++)
        if (prefixed[i].set1 == set1)
            return prefixed[i].evdev;
    return 0;
}

/* evdev code, then the key's symbols without and with shift ("" : it has one level). */
static const struct { uint8_t code; const char *plain, *shifted; } keys[] = {
    { 1, "Escape", "" }, { 2, "1", "exclam" }, { 3, "2", "at" }, { 4, "3", "numbersign" }, { 5, "4", "dollar" },
    { 6, "5", "percent" }, { 7, "6", "asciicircum" }, { 8, "7", "ampersand" }, { 9, "8", "asterisk" }, { 10, "9", "parenleft" },
    { 11, "0", "parenright" }, { 12, "minus", "underscore" }, { 13, "equal", "plus" }, { 14, "BackSpace", "" }, { 15, "Tab", "" },
    { 16, "q", "Q" }, { 17, "w", "W" }, { 18, "e", "E" }, { 19, "r", "R" }, { 20, "t", "T" }, { 21, "y", "Y" }, { 22, "u", "U" },
    { 23, "i", "I" }, { 24, "o", "O" }, { 25, "p", "P" }, { 26, "bracketleft", "braceleft" }, { 27, "bracketright", "braceright" },
    { 28, "Return", "" }, { 29, "Control_L", "" }, { 30, "a", "A" }, { 31, "s", "S" }, { 32, "d", "D" }, { 33, "f", "F" },
    { 34, "g", "G" }, { 35, "h", "H" }, { 36, "j", "J" }, { 37, "k", "K" }, { 38, "l", "L" }, { 39, "semicolon", "colon" },
    { 40, "apostrophe", "quotedbl" }, { 41, "grave", "asciitilde" }, { 42, "Shift_L", "" }, { 43, "backslash", "bar" },
    { 44, "z", "Z" }, { 45, "x", "X" }, { 46, "c", "C" }, { 47, "v", "V" }, { 48, "b", "B" }, { 49, "n", "N" }, { 50, "m", "M" },
    { 51, "comma", "less" }, { 52, "period", "greater" }, { 53, "slash", "question" }, { 54, "Shift_R", "" }, { 56, "Alt_L", "" },
    { 57, "space", "" }, { 58, "Caps_Lock", "" }, { 97, "Control_R", "" }, { 100, "Alt_R", "" }, { 102, "Home", "" },
    { 103, "Up", "" }, { 104, "Prior", "" }, { 105, "Left", "" }, { 106, "Right", "" }, { 107, "End", "" }, { 108, "Down", "" },
    { 109, "Next", "" }, { 110, "Insert", "" }, { 111, "Delete", "" },
};
enum { KEYS = sizeof keys / sizeof *keys };

/* Caps Lock has its symbol and no effect, as on this desktop. */
static const char types_and_compatibility[] =
    "};\n"
    "xkb_types {\n"
    "type \"ONE_LEVEL\" { modifiers = none; level_name[1] = \"Any\"; };\n"
    "type \"TWO_LEVEL\" { modifiers = Shift; map[Shift] = 2; level_name[1] = \"Base\"; level_name[2] = \"Shift\"; };\n"
    "};\n"
    "xkb_compatibility {\n"
    "interpret Shift_L { action = SetMods(modifiers=Shift); };\n"
    "interpret Shift_R { action = SetMods(modifiers=Shift); };\n"
    "interpret Control_L { action = SetMods(modifiers=Control); };\n"
    "interpret Control_R { action = SetMods(modifiers=Control); };\n"
    "interpret Alt_L { action = SetMods(modifiers=Mod1); };\n"
    "interpret Alt_R { action = SetMods(modifiers=Mod1); };\n"
    "};\n"
    "xkb_symbols {\n";

static size_t write_keymap(char *to, size_t size)
{
    size_t n = format(to, size, "xkb_keymap {\nxkb_keycodes {\nminimum = 8;\nmaximum = 255;\n");
    for (int i = 0; i < KEYS; i++)
        n += format(to + n, size - n, "<K%d> = %d;\n", keys[i].code, keys[i].code + XKB_OFFSET);
    n += format(to + n, size - n, "%s", types_and_compatibility);
    for (int i = 0; i < KEYS; i++)
        n += *keys[i].shifted
            ? format(to + n, size - n, "key <K%d> { type = \"TWO_LEVEL\", [ %s, %s ] };\n", keys[i].code, keys[i].plain, keys[i].shifted)
            : format(to + n, size - n, "key <K%d> { type = \"ONE_LEVEL\", [ %s ] };\n", keys[i].code, keys[i].plain);
    return n + format(to + n, size - n, "modifier_map Shift { <K42>, <K54> };\nmodifier_map Control { <K29>, <K97> };\n"
                                        "modifier_map Mod1 { <K56>, <K100> };\n};\n};\n");
}

struct shared *keymap_new(void)
{
    static char text[TEXT_MOST_BYTES];
    static size_t size;
    if (!size)
        size = write_keymap(text, sizeof text) + 1;
    struct shared *s = shared_new(size);
    if (s)
        memcpy(s->bytes, text, size);
    return s;
}
