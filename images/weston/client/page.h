/* What client and agent share: a page that the client writes and the agent reads, and the descriptors that it finds open.
 * Over the socket the agent sends one order a packet; the client sends the word "mapped" once its first frame was shown, and "say TEXT"
 * for a marker RAYOS_CLIENT:TEXT. */
#ifndef PAGE_H
#define PAGE_H

#include <stdint.h>

enum { PAGE_FD = 3, ORDERS_FD = 4 };

enum { LEFT_BY_REQUEST = 0, LEFT_WRONG_USE = 2, LEFT_DISCONNECTED = 3, LEFT_REFUSED = 4 };     /* exit codes of the client */

enum { WORDS_MOST = 128 };                      /* bytes of an order and of what a client says */

/* Latencies by size: sixteen buckets to the octave, so that the edge of one is at most 1/16 above what fell into it. */
enum { LATENCY_BUCKETS = 400 };                 /* to 2^28 us */

struct page {
    volatile uint32_t drawn, shown;             /* number of the last frame committed, of the last one whose callback came */
    volatile uint32_t width, height;            /* of the last frame shown, content and strip together, pixels */
    volatile uint64_t latency_us;               /* from commits to their frame callbacks, sum */
    volatile uint32_t presented, discarded;     /* what wp_presentation said of each commit */
    volatile uint32_t longest_us;               /* from a commit to its presentation */
    volatile uint32_t heeded;                   /* how often the compositor raised it, or gave it the keyboard, by order */
    volatile uint32_t agreed;                   /* whether who is under what it drags would take it */
    volatile uint32_t focused;                  /* whether it has the keyboard */
    volatile uint32_t latencies[LATENCY_BUCKETS];
};

static inline unsigned latency_bucket(uint64_t us)
{
    unsigned octave = 0;
    if (us >= UINT64_C(1) << 28)
        return LATENCY_BUCKETS - 1;
    while (us >> octave >= 32)
        octave++;
    return octave * 16 + (unsigned)(us >> octave);          /* below 16 each value has its own */
}

static inline uint32_t latency_edge(unsigned bucket)        /* the largest value that falls into it */
{
    unsigned octave = bucket < 32 ? 0 : bucket / 16 - 1;
    return (((bucket - octave * 16) + 1) << octave) - 1;
}

#endif
