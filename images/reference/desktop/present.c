/* One frame: draw the damage, compute the identity, copy to the screen band by band. */
#include "present.h"
#include "bootinfo.h"
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
        for (int y = part.y0; y < part.y1; y++)
            draw_copy(screen + y * SCREEN_WIDTH + part.x0, back_at(part.x0, y), part.x1 - part.x0);
    }
}

bool present(void)
{
    if (damage_empty())
        return false;
    int count;
    const struct rect *r = damage_rects(&count);
    for (int i = 0; i < count; i++) {
        scene_draw(r[i]);
        tiles_damage(r[i]);
    }
    frame++;
    identity = tiles_identity();
    for (unsigned band = 0; band < BANDS; band++) {
        if (zoo_presents_band(band, frame, identity))
            continue;
        copy_band(band);
        strip_write(band, frame, identity);
    }
    zoo_presented(frame, identity);
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
