/* The part of the desktop to draw again: rectangles that do not overlap. */
#include "damage.h"
#include "vga.h"

enum { MOST = 256 };

static struct rect rects[MOST];
static int count;

/* Too many pieces: their bounding box instead. */
static void collapse(struct rect r)
{
    for (int i = 0; i < count; i++)
        r = rect_around(r, rects[i]);
    rects[0] = r;
    count = 1;
}

/* Adds the parts of r that rects[from...] do not cover. */
static void add_uncovered(struct rect r, int from)
{
    for (int i = from; i < count; i++) {
        struct rect common = rect_common(r, rects[i]), pieces[4];
        if (rect_empty(common))
            continue;
        int n = rect_without(r, common, pieces);
        for (int k = 0; k < n; k++)
            add_uncovered(pieces[k], i + 1);
        return;
    }
    if (count == MOST)
        collapse(r);
    else
        rects[count++] = r;
}

void damage_add(struct rect r)
{
    r = rect_common(r, rect_at(0, 0, DESKTOP_WIDTH, DESKTOP_HEIGHT));
    if (!rect_empty(r))
        add_uncovered(r, 0);
}

bool damage_empty(void)
{
    return !count;
}

void damage_clear(void)
{
    count = 0;
}

const struct rect *damage_rects(int *n)
{
    *n = count;
    return rects;
}
