/* Half-open rectangles: x0 <= x < x1, y0 <= y < y1. */
#pragma once
#include <stdbool.h>

struct rect { int x0, y0, x1, y1; };

static inline struct rect rect_at(int x, int y, int w, int h)
{
    return (struct rect){ x, y, x + w, y + h };
}

static inline bool rect_empty(struct rect r)
{
    return r.x0 >= r.x1 || r.y0 >= r.y1;
}

static inline struct rect rect_common(struct rect a, struct rect b)
{
    return (struct rect){
        a.x0 > b.x0 ? a.x0 : b.x0, a.y0 > b.y0 ? a.y0 : b.y0,
        a.x1 < b.x1 ? a.x1 : b.x1, a.y1 < b.y1 ? a.y1 : b.y1,
    };
}

/* The smallest with both in it. */
static inline struct rect rect_around(struct rect a, struct rect b)
{
    return (struct rect){
        a.x0 < b.x0 ? a.x0 : b.x0, a.y0 < b.y0 ? a.y0 : b.y0,
        a.x1 > b.x1 ? a.x1 : b.x1, a.y1 > b.y1 ? a.y1 : b.y1,
    };
}

static inline bool rect_same(struct rect a, struct rect b)
{
    return a.x0 == b.x0 && a.y0 == b.y0 && a.x1 == b.x1 && a.y1 == b.y1;
}

static inline bool rect_has(struct rect r, int x, int y)
{
    return x >= r.x0 && x < r.x1 && y >= r.y0 && y < r.y1;
}

/* What remains of `whole` without `hole`, a non-empty part of it: up to four pieces, in out[]. */
static inline int rect_without(struct rect whole, struct rect hole, struct rect out[4])
{
    int n = 0;
    if (whole.y0 < hole.y0)
        out[n++] = (struct rect){ whole.x0, whole.y0, whole.x1, hole.y0 };
    if (whole.x0 < hole.x0)
        out[n++] = (struct rect){ whole.x0, hole.y0, hole.x0, hole.y1 };
    if (hole.x1 < whole.x1)
        out[n++] = (struct rect){ hole.x1, hole.y0, whole.x1, hole.y1 };
    if (hole.y1 < whole.y1)
        out[n++] = (struct rect){ whole.x0, hole.y1, whole.x1, whole.y1 };
    return n;
}
