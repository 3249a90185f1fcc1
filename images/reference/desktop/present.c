/* One frame: draw the damage, compute the identity, copy to the screen band by band. */
#include "present.h"
#include "alloc.h"
#include "bootinfo.h"
#include "clock.h"
#include "damage.h"
#include "draw.h"
#include "markers.h"
#include "proof.h"
#include "scene.h"
#include "strip.h"
#include "tiles.h"
#include "zoo.h"

static uint32_t frame, identity;

static void copy_band(unsigned band)
{
    int count;
    const struct rect *r = damage_rects(&count);
    struct rect rows = { 0, (int)band * BAND_ROWS, DESKTOP_WIDTH, ((int)band + 1) * BAND_ROWS };
    for (int i = 0; i < count; i++) {
        struct rect part = rect_common(r[i], rows);
        for (int y = part.y0; y < part.y1; y++) {
            if (!(DEFECT(tear_line) && y == 333) && !(DEFECT(stale_region) && part.x0 >= 600))
                draw_copy(screen + y * SCREEN_WIDTH + part.x0, back_at(part.x0, y), part.x1 - part.x0);
            zoo_spoil(screen + y * SCREEN_WIDTH + part.x0, part.x1 - part.x0, y);
        }
    }
}

bool present(void)
{
    if (damage_empty())
        return false;
    int count;
    uint64_t began = DEFECT(slow_path) ? clock_us() : 0;
    if (DEFECT(leak_frame))
        alloc(64);
    const struct rect *r = damage_rects(&count);
    for (int i = 0; i < count; i++) {
        scene_draw(r[i]);
        if (DEFECT(checksum_readback))
            *back_at(r[i].x0, r[i].y0) ^= 0x000010;
        tiles_damage(r[i]);
    }
    if (DEFECT(damage_outside)) {       /* consistent with its identity, and nobody declared it */
        int x = (int)(frame * 37 % DESKTOP_WIDTH);
        screen[700 * SCREEN_WIDTH + x] = *back_at(x, 700) ^= 0x040404;
        tiles_damage(rect_at(x, 700, 1, 1));
    }
    if (!(DEFECT(doubled_frame) && zoo_every(7)))
        frame += 1 + (DEFECT(dropped_frame) && zoo_every(7));
    identity = tiles_identity();
    for (unsigned band = 0; band < BANDS; band++) {
        if (zoo_presents_band(band, frame, identity))
            continue;
        copy_band(band);
        strip_write(band, frame, identity);
    }
    zoo_presented(frame, identity);
    for (uint64_t until = DEFECT(slow_path) ? clock_us() + (clock_us() - began) / 5 : 0; until && clock_us() < until;)
        ;
    damage_clear();
    if (options.ident)
        present_print_identity();
    proof_wait(frame, identity);
    return true;
}

uint32_t present_frame(void)
{
    return frame;
}

uint32_t present_identity(void)
{
    return identity;
}

void present_print_identity(void)
{
    marker("FRAME:IDENT:%u:%08x", frame, identity);
}
