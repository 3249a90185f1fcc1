/* The first virtio network card: raw Ethernet frames. */
#include "virtio_net.h"
#include "string.h"
#include "virtio.h"

enum { TRANSITIONAL_ID = 0x1000, MODERN_ID = 0x1041, FEATURE_ADDRESS = 1 << 5, FEATURE_STATUS = 1 << 16, STATUS_AT = 6, LINK_UP = 1, RECEIVE = 0, TRANSMIT = 1, HEADER = 12 };

struct buffer { uint8_t bytes[HEADER + ETHERNET_MOST]; };

static struct virtio device;
static struct virtq receiving, sending;
static struct buffer received[VIRTQ_SIZE], sent[VIRTQ_SIZE];
static uint16_t handed;             /* frames given to the card, ever */
uint8_t net_address[6];

bool net_init(void)
{
    if (!virtio_open(&device, TRANSITIONAL_ID, MODERN_ID, FEATURE_ADDRESS | FEATURE_STATUS) || !virtio_add_queue(&device, &receiving, RECEIVE, false)
        || !virtio_add_queue(&device, &sending, TRANSMIT, false))
        return false;
    for (unsigned i = 0; i < sizeof net_address; i++)
        net_address[i] = device.device[i];
    virtio_start(&device);
    for (uint16_t i = 0; i < VIRTQ_SIZE; i++) {
        receiving.descriptors[i] = (struct virtq_descriptor){ (uintptr_t)&received[i], sizeof received[i], VIRTQ_DEVICE_WRITES, 0 };
        virtq_give(&receiving, i);
    }
    return true;
}

bool net_carrier(void)
{
    return !(device.features & FEATURE_STATUS) || device.device[STATUS_AT] & LINK_UP;
}

bool net_send(const void *frame, size_t n)
{
    uint32_t descriptor, length;
    while (virtq_take(&sending, &descriptor, &length))
        ;
    if ((uint16_t)(handed - sending.taken) == VIRTQ_SIZE || n > ETHERNET_MOST)
        return false;
    uint16_t i = handed++ % VIRTQ_SIZE;         /* the card takes them in order */
    memset(sent[i].bytes, 0, HEADER);
    memcpy(sent[i].bytes + HEADER, frame, n);
    sending.descriptors[i] = (struct virtq_descriptor){ (uintptr_t)&sent[i], HEADER + (uint32_t)n, 0, 0 };
    virtq_give(&sending, i);
    return true;
}

size_t net_receive(void *frame)
{
    uint32_t i, length;
    if (!virtq_take(&receiving, &i, &length))
        return 0;
    size_t n = length > HEADER ? length - HEADER : 0;
    memcpy(frame, received[i].bytes + HEADER, n);
    virtq_give(&receiving, (uint16_t)i);
    return n;
}
