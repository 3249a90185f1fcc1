/* The zoo build's defects of presenting (lie=NAME). Not part of the release build. */
#include "zoo.h"
#include "alloc.h"
#include "bootinfo.h"
#include "draw.h"
#include "string.h"
#include "strip.h"

enum {
    STALE_AFTER = 3, TORN_FROM = 4, TORN_BAND = BANDS / 2, TORN_ROW = TORN_BAND * BAND_ROWS,
    LOWER_PIXELS = (DESKTOP_HEIGHT - TORN_ROW) * DESKTOP_WIDTH,
    WRONG_X = 500, WRONG_Y = 400, WRONG_BIT = 0x000001,
};

/* lie=torn: the lower half and the identity of the frame before. */
static uint32_t *lower_before, frame_before, identity_before;

static bool lies(const char *name)
{
    return same_text(options.lie, name);
}

static void show_lower_band_before(unsigned band)
{
    int top = (int)(band * BAND_ROWS);
    for (int y = top; y < top + BAND_ROWS; y++)
        draw_copy(screen + y * SCREEN_WIDTH, lower_before + (y - TORN_ROW) * DESKTOP_WIDTH, DESKTOP_WIDTH);
    strip_write(band, frame_before, identity_before);
}

bool zoo_presents_band(unsigned band, uint32_t frame, uint32_t identity)
{
    if (lies("black")) {
        strip_write(band, frame, identity);
        return true;
    }
    if (lies("stale"))
        return frame > STALE_AFTER;
    if (lies("torn") && frame >= TORN_FROM && band >= TORN_BAND) {
        show_lower_band_before(band);
        return true;
    }
    return false;
}

void zoo_presented(uint32_t frame, uint32_t identity)
{
    if (lies("torn")) {
        if (!lower_before)
            lower_before = alloc(LOWER_PIXELS * sizeof *lower_before);
        draw_copy(lower_before, back_at(0, TORN_ROW), LOWER_PIXELS);
        frame_before = frame;
        identity_before = identity;
    }
    if (lies("pixel"))
        screen[WRONG_Y * SCREEN_WIDTH + WRONG_X] = *back_at(WRONG_X, WRONG_Y) ^ WRONG_BIT;
}
