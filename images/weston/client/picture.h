/* What a window shows: a strip that says whose frame it is, and a content that can be computed from that (docs/weston.md). */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdint.h>

enum { STRIP_WIDTH = 32, BAND_HEIGHT = 20, LEAST_WIDTH = STRIP_WIDTH + 32, LEAST_HEIGHT = BAND_HEIGHT, BAR = 16 };

struct picture {
    uint32_t *pixels;                   /* 0x00RRGGBB, width x height, no padding */
    uint32_t width, height;             /* of strip and content */
    uint16_t id;
    uint32_t frame;
    uint32_t tint;                      /* added to the content's pixels after they were summed: 0, or a lie */
    int32_t ahead;                      /* added to the frame number in the strip: 0, or a lie */
    uint8_t inputs;                     /* CRC-8 of all input that it was given: it colours the content */
    uint64_t *tiles;                    /* checksums of the content of frame `summed`: tiles_of() of them */
    uint32_t summed;
};

uint8_t crc8(uint8_t crc, const void *bytes, uint32_t n);
uint32_t tiles_of(uint32_t width, uint32_t height);         /* how many a window of this size has */
uint32_t bar_of(const struct picture *p, uint32_t frame);   /* the first column of content that the bar of that frame covers */
void draw_picture(struct picture *p);
/* As draw_picture, in pixels that hold another frame of this picture, of which only the number was another. */
void redraw_picture(struct picture *p, uint32_t held);

#endif
