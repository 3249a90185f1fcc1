/* The parts of the zoo build's defects that are more than a line. Not part of the release build. */
#include "zoo.h"
#include "alloc.h"
#include "bootinfo.h"
#include "console.h"
#include "draw.h"
#include "format.h"
#include "io.h"
#include "string.h"
#include "strip.h"

enum {
    STALE_AFTER = 3, TORN_FROM = 4, TORN_BAND = BANDS / 2, TORN_ROW = TORN_BAND * BAND_ROWS,
    LOWER_PIXELS = (DESKTOP_HEIGHT - TORN_ROW) * DESKTOP_WIDTH,
    WRONG_X = 500, WRONG_Y = 400, WRONG_BIT = 0x000001,
};

enum defect zoo_defect;
static unsigned calls;

/* torn: the lower half and the identity of the frame before. */
static uint32_t *lower_before, frame_before, identity_before;

void zoo_init(void)
{
    static const char *const names[] = {
        [NO_DEFECT] = "",
#define X(name) #name,
        DEFECTS(X)
#undef X
    };
    for (char *c = options.lie; *c; c++)
        if (*c == '-')
            *c = '_';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (same_text(options.lie, names[i])) {
            zoo_defect = (enum defect)i;
            return;
        }
    console_line("PANIC: the zoo has no defect %s", options.lie);
    halt_for_ever();
}

bool zoo_every(unsigned n)
{
    return ++calls % n == 0;
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
    if (DEFECT(black)) {
        strip_write(band, frame, identity);
        return true;
    }
    if (DEFECT(stale))
        return frame > STALE_AFTER;
    if (DEFECT(torn) && frame >= TORN_FROM && band >= TORN_BAND) {
        show_lower_band_before(band);
        return true;
    }
    return false;
}

void zoo_presented(uint32_t frame, uint32_t identity)
{
    if (DEFECT(torn)) {
        if (!lower_before)
            lower_before = alloc(LOWER_PIXELS * sizeof *lower_before);
        draw_copy(lower_before, back_at(0, TORN_ROW), LOWER_PIXELS);
        frame_before = frame;
        identity_before = identity;
    }
    if (DEFECT(pixel))
        screen[WRONG_Y * SCREEN_WIDTH + WRONG_X] = *back_at(WRONG_X, WRONG_Y) ^ WRONG_BIT;
}

void zoo_spoil(uint32_t *row, int n, int y)
{
    bool bit = DEFECT(lsb) && y % 64 == 7, swap = DEFECT(bgr);
    for (int x = 0; (bit || swap) && x < n; x++) {      /* a clean zoo build has to take no longer than the release build */
        if (bit)
            row[x] ^= 0x010000;
        if (swap)
            row[x] = (row[x] & 0x00FF00) | (row[x] & 0xFF) << 16 | (row[x] >> 16 & 0xFF);
    }
}

static bool begins(const char *line, const char *with)
{
    return !memcmp(line, with, strlen(with));
}

/* The line again with another number in field `at` of its last four. */
static void put_number(char *line, size_t *n, int at, unsigned number)
{
    char old[128];
    size_t from = *n, to;
    memcpy(old, line, *n);
    for (int colons = 4 - at; colons; colons--)
        while (line[--from] != ':')
            ;
    for (to = from + 1; to < *n && line[to] != ':'; to++)
        ;
    size_t rest = *n - to, put = format(line + from + 1, 16, "%u", number);
    memcpy(line + from + 1 + put, old + to, rest);
    *n = from + 1 + put + rest;
}

unsigned zoo_marker(char *line, size_t *n)
{
    static char held[128];
    static size_t held_length;
    line[*n] = 0;
    bool created = begins(line, "RAYOS_SOAK:CLIENT_CREATED:"), destroyed = begins(line, "RAYOS_SOAK:CLIENT_DESTROYED:");
    bool snapshot = begins(line, "RAYOS_SOAK:METRICS_SNAPSHOT:"), complete = begins(line, "RAYOS_SOAK:COMPLETE:");
    if (DEFECT(marker_missing) && created && line[*n - 1] == '2')
        return 0;
    if (DEFECT(marker_doubled) && created && line[*n - 1] == '1')
        return 2;
    if (DEFECT(marker_order) && destroyed && !held_length) {
        memcpy(held, line, *n);
        held[*n] = '\n';
        held_length = *n + 1;
        return 0;
    }
    if (DEFECT(marker_order) && complete) {
        line[(*n)++] = '\n';
        memcpy(line + *n, held, held_length);
        *n += held_length - 1;
    }
    if (DEFECT(marker_wrong_id) && destroyed)
        line[*n - 1] ^= 1;
    if (DEFECT(marker_torn) && snapshot)
        line[24] = '\n';
    if (DEFECT(complete_without_start) && begins(line, "RAYOS_SOAK:START:"))
        return 0;
    if (DEFECT(pass_on_fail) && begins(line, "RAYOS_INTEGRATION:SCENARIO_COMPLETE:"))
        memcpy(line + *n - 4, "pass", 4);
    if (DEFECT(marker_range) && snapshot)
        put_number(line, n, 0, 170);
    if (DEFECT(id_reused) && created && line[*n - 1] > '2')
        line[*n - 1] = '2';
    if (DEFECT(constant_latency) && snapshot)
        put_number(line, n, 2, 1000);
    if (DEFECT(constant_fps) && snapshot)
        put_number(line, n, 3, 60);
    return 1;
}
