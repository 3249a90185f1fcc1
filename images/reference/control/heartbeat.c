/* Heartbeats between guests: broadcast Ethernet frames with node, counter and checksum (docs/reference-guest.md). */
#include "heartbeat.h"
#include "checksums.h"
#include "markers.h"
#include "string.h"
#include "virtio_net.h"

enum { SILENCE_MOST = 30 /* ticks */, FRAME_LEAST = 60 };

struct heartbeat {
    uint8_t to[6], from[6], type[2];
    char magic[4];
    uint8_t node[4], counter[8], crc[4];        /* little-endian; the CRC is over magic, node and counter */
    uint8_t padding[FRAME_LEAST - 34];
};
_Static_assert(sizeof(struct heartbeat) == FRAME_LEAST, "the shortest frame of Ethernet");

static const struct heartbeat pattern = {
    .to = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }, .type = { 0x88, 0xB5 }, .magic = { 'R', 'H', 'B', '1' },      /* 0x88B5: local experiments */
};

struct peer { uint32_t node, silence; uint64_t counter; bool up; };

static bool have_card, always_on, carrier;
static uint32_t own_node, peers_wanted, peers_known;
static struct peer peers[HEARTBEAT_PEERS_MOST];
static struct heartbeat_state totals;

static uint32_t crc_of(const struct heartbeat *h)
{
    return crc32(h->magic, sizeof h->magic + sizeof h->node + sizeof h->counter);
}

bool heartbeat_start(int node, int peers_most, bool always)
{
    have_card = have_card || net_init();
    if (!have_card)
        return false;
    own_node = (uint32_t)node;
    peers_wanted = (uint32_t)peers_most;
    peers_known = 0;
    totals = (struct heartbeat_state){ 0 };
    always_on = always;
    carrier = true;
    return true;
}

bool heartbeat_started(void)
{
    return own_node;
}

/* Its place in the table, made if there is room; NULL: one too many. */
static struct peer *peer_of(uint32_t node)
{
    for (uint32_t i = 0; i < peers_known; i++)
        if (peers[i].node == node)
            return &peers[i];
    if (peers_known == peers_wanted)
        return NULL;
    peers[peers_known] = (struct peer){ .node = node };
    return &peers[peers_known++];
}

static void hear(const struct heartbeat *h)
{
    uint32_t node, crc;
    uint64_t counter;
    memcpy(&node, h->node, sizeof node);
    memcpy(&counter, h->counter, sizeof counter);
    memcpy(&crc, h->crc, sizeof crc);
    if (memcmp(h->type, pattern.type, sizeof h->type))
        return;
    if (memcmp(h->magic, pattern.magic, sizeof h->magic) || crc != crc_of(h)) {
        totals.damaged++;
        return;
    }
    if (node == own_node)
        return;
    struct peer *p = peer_of(node);
    if (!p)
        return;
    totals.heard++;
    if (p->counter && counter > p->counter + 1)         /* a lower one: it began anew */
        totals.lost += counter - p->counter - 1;
    p->counter = counter;
    p->silence = 0;
    if (!p->up) {
        p->up = true;
        totals.peers++;
        marker("NET:PEER_UP:%u", node);
    }
}

static void send_one(void)
{
    struct heartbeat h = pattern;
    uint64_t counter = totals.sent + 1;
    memcpy(h.from, net_address, sizeof h.from);
    memcpy(h.node, &own_node, sizeof own_node);
    memcpy(h.counter, &counter, sizeof counter);
    uint32_t crc = crc_of(&h);
    memcpy(h.crc, &crc, sizeof crc);
    totals.sent += net_send(&h, sizeof h);
}

void heartbeat_tick(void)
{
    static union { struct heartbeat heartbeat; uint8_t bytes[ETHERNET_MOST]; } frame;
    size_t n;
    while ((n = net_receive(&frame)))
        if (n >= sizeof frame.heartbeat)
            hear(&frame.heartbeat);
    send_one();
    for (struct peer *p = peers; p < peers + peers_known; p++)
        if (p->up && ++p->silence > SILENCE_MOST) {
            p->up = false;
            totals.peers--;
            marker("NET:PEER_LOST:%u", p->node);
        }
}

void heartbeat_always(void)
{
    if (!always_on)
        return;
    if (net_carrier() != carrier) {
        carrier = !carrier;
        marker("NET:CARRIER:%s", carrier ? "up" : "down");
    }
    heartbeat_tick();
}

struct heartbeat_state heartbeat_state(void)
{
    return totals;
}
