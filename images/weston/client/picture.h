/* What a window shows: a strip that says whose frame it is, and a content that can be computed from that (docs/weston.md). */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdint.h>

enum { STRIP_WIDTH = 32, BAND_HEIGHT = 20, LEAST_WIDTH = STRIP_WIDTH + 32, LEAST_HEIGHT = BAND_HEIGHT };

struct picture {
    uint32_t *pixels;                   /* 0x00RRGGBB, width x height, no padding */
    uint32_t width, height;             /* of strip and content */
    uint16_t id;
    uint32_t frame;
    uint32_t tint;                      /* added to the content's pixels after they were summed: 0, or a lie */
    int32_t ahead;                      /* added to the frame number in the strip: 0, or a lie */
};

void draw_picture(const struct picture *p);

#endif
