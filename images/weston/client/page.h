/* What client and agent share: a page that the client writes and the agent reads, and the descriptors that it finds open.
 * Over the socket the agent sends one word a packet (an order), the client the word "mapped" once its first frame was shown. */
#ifndef PAGE_H
#define PAGE_H

#include <stdint.h>

enum { PAGE_FD = 3, ORDERS_FD = 4 };

enum { LEFT_BY_REQUEST = 0, LEFT_WRONG_USE = 2, LEFT_DISCONNECTED = 3, LEFT_REFUSED = 4 };     /* exit codes of the client */

struct page {
    volatile uint32_t drawn, shown;             /* number of the last frame committed, of the last one whose callback came */
    volatile uint32_t width, height;            /* of the content and strip together, pixels */
    volatile uint64_t latency_us;               /* from commits to their frame callbacks, sum */
};

#endif
