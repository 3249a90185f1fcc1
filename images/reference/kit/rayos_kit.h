/* rayos_kit: what a kernel needs to be judged by rayos-harness (docs/porting-kit.md, docs/protocol.md).
 *
 * Markers with seals, control frames, the READY marker of the rendezvous, frame identity. C99, freestanding, no allocation, no
 * floating point, no 64-bit division (so no compiler run-time on 32-bit machines). One thread at a time uses a kit. */
#ifndef RAYOS_KIT_H
#define RAYOS_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RAYOS_PAYLOAD_MOST = 1024, RAYOS_LINE_MOST = 1100, RAYOS_REASON_MOST = 16,
    RAYOS_TILE = 32, RAYOS_STRIP_WIDTH = 32, RAYOS_BAND_ROWS = 48,     /* pixels */
};

struct rayos_kit;

struct rayos_reply {
    bool refused;
    char text[RAYOS_PAYLOAD_MOST + 1];      /* "ok ...", or the reason and its detail */
    size_t length;
    char reason[RAYOS_REASON_MOST];
    void (*afterwards)(void *context);      /* to do once the answer is sent (power off, a crash); may not return */
};

/* What the kernel gives. `context` is passed through. */
struct rayos_host {
    void *context;
    void (*put_console)(void *context, char c);
    void (*put_control)(void *context, char c);     /* the control port; the console's where frames ride inline */
    int (*get_control)(void *context);              /* the next byte that has arrived, -1: none. Does not wait */
    uint64_t (*now_us)(void *context);              /* guest time since boot, microseconds */
    /* Does one command. `payload` is its text, zero-terminated, the verb first, and may be changed. The reply holds "ok". */
    void (*execute)(void *context, char *payload, struct rayos_reply *reply);
    bool seal;                                      /* markers carry a seal */
};

struct rayos_kit {
    struct rayos_host host;
    uint16_t sealed;                                /* markers with a seal so far */
    uint16_t last_sequence;                         /* of the last command answered, 0: none */
    char line[RAYOS_LINE_MOST + 1];
    size_t line_length;                             /* over RAYOS_LINE_MOST: too long, its rest is dropped */
    char answer[RAYOS_PAYLOAD_MOST + 32];           /* the last one, for a host that repeats its command */
    size_t answer_length;
    struct rayos_reply reply;
};

void rayos_kit_init(struct rayos_kit *kit, const struct rayos_host *host);

/* ---- markers: "RAYOS_" is put in front. Knows %s %c %d %u %x %%; d, u, x with optional 0, width, l, ll. ---- */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void rayos_marker(struct rayos_kit *kit, const char *format, ...);

/* ---- control frames and the rendezvous ---- */

/* Prints RAYOS_CONTROL:READY. To be called once when the kernel waits for the first command, with no timer armed. */
void rayos_ready(struct rayos_kit *kit);
/* Takes the bytes that have arrived, up to the end of one line, and answers it: markers, reply, READY. True: a line was
 * answered, and another may wait. False: nothing more is there: halt until an interrupt brings a byte, then call it again.
 * For runs that are the same to the bit, the interrupt handler takes one byte and returns with interrupts off. */
bool rayos_control(struct rayos_kit *kit);
void rayos_refuse(struct rayos_reply *reply, const char *reason, const char *detail);
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void rayos_say(struct rayos_reply *reply, const char *format, ...);     /* adds words; each begins with its space */
/* The value of key=VALUE in a payload, copied and zero-terminated. False: no such word, or it does not fit. */
bool rayos_word(const char *payload, const char *key, char *value, size_t size);
bool rayos_number(const char *payload, const char *key, uint32_t *value);       /* decimal */

/* ---- frame identity: a 32-bit linear screen 0x00RRGGBB of any width above 32, its height a multiple of 48 ---- */
struct rayos_screen {
    uint32_t *pixels;               /* what is scanned out */
    const uint32_t *back;           /* the desktop as it is meant, width - 32 pixels wide */
    uint32_t width, height, pitch, back_pitch;      /* pixels */
    uint64_t *tiles;                /* rayos_tiles() of them, all zero at first */
    uint32_t frame, crc;            /* of the last presented frame */
};

struct rayos_rect { uint32_t x, y, width, height; };        /* inside the desktop */

size_t rayos_tiles(uint32_t width, uint32_t height);        /* how many tiles a screen of this size has */
/* One frame: sums the tiles of the damaged rectangles, then, band by band from the top, copies them and writes the strip. */
void rayos_present(struct rayos_screen *screen, const struct rayos_rect *damage, size_t count);
void rayos_identity(struct rayos_kit *kit, const struct rayos_screen *screen);      /* prints RAYOS_FRAME:IDENT */

/* ---- what they are made of ---- */
uint8_t  rayos_crc8(uint8_t crc, const void *bytes, size_t n);      /* poly 0x07, not reflected; begins with 0 */
uint32_t rayos_crc32(uint32_t crc, const void *bytes, size_t n);    /* IEEE, as zlib's: begins with 0, goes on with its result */

#endif
