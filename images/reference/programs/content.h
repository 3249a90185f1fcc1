/* What a client draws: the content of docs/reference-guest.md, "Scene" and "Workloads". */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "kernel/system_calls.h"

enum { TEXT_MOST = 256, BLOCK = 16 };

struct box {
    int x, y, width, height;
};

struct picture {
    int width, height;
    enum content_kind kind;
    uint32_t color, text_color;
    uint32_t redraws;
    bool media;                     /* coloured cells take the place of the kind */
    uint32_t media_seed;            /* of this picture of the film */
    int text_length;
    char text[TEXT_MOST];
};

/* mix(s, k) of the document. */
static inline uint32_t mix(uint32_t s, uint32_t k)
{
    uint32_t z = s + (k + 1) * 0x9E3779B9u;
    z = (z ^ z >> 16) * 0x85EBCA6Bu;
    z = (z ^ z >> 13) * 0xC2B2AE35u;
    return z ^ z >> 16;
}

/* What a buffer holds, as far as it helps to draw the next picture into it. */
struct drawn {
    bool plain_checker;
    uint32_t color, redraws;
};
struct drawn content_redraw(const struct picture *p, uint32_t *to, struct drawn before);    /* the same pixels, with less work if it can */

void content_draw_block(const struct picture *p, uint32_t *to, int x, int y, uint32_t color);   /* inside the content; the text over it */
void content_copy(const struct picture *p, uint32_t *to, const uint32_t *from, struct box b);
