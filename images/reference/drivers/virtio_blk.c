/* The first virtio disk. Each request returns when the device has answered it. */
#include "virtio_blk.h"
#include "virtio.h"

enum { TRANSITIONAL_ID = 0x1001, MODERN_ID = 0x1042, FEATURE_READ_ONLY = 1 << 5, FEATURE_FLUSH = 1 << 9 };
enum { IN = 0, OUT = 1, FLUSH = 4, OK = 0, NOT_ANSWERED = 0xFF };

static struct virtio device;
static struct virtq queue;
static struct { uint32_t type, reserved; uint64_t sector; } header;
static volatile uint8_t status;
static uint64_t sectors_all;

bool blk_init(void)
{
    if (!virtio_open(&device, TRANSITIONAL_ID, MODERN_ID, FEATURE_READ_ONLY | FEATURE_FLUSH) || !virtio_add_queue(&device, &queue, 0, true))
        return false;
    virtio_start(&device);
    sectors_all = *(volatile uint32_t *)device.device | (uint64_t)*(volatile uint32_t *)(device.device + 4) << 32;
    return true;
}

uint64_t blk_sectors(void)
{
    return sectors_all;
}

bool blk_read_only(void)
{
    return device.features & FEATURE_READ_ONLY;
}

static bool request(uint32_t type, uint64_t sector, const void *data, uint32_t sectors)
{
    struct virtq_descriptor *d = queue.descriptors;
    if (!virtio_alive(&device))
        return false;
    uint16_t n = 0;
    header.type = type;
    header.sector = sector;
    status = NOT_ANSWERED;
    d[n++] = (struct virtq_descriptor){ (uintptr_t)&header, sizeof header, VIRTQ_NEXT, 1 };
    if (sectors) {
        d[n] = (struct virtq_descriptor){ (uintptr_t)data, sectors * SECTOR, VIRTQ_NEXT | (type == IN ? VIRTQ_DEVICE_WRITES : 0), 2 };
        n++;
    }
    d[n] = (struct virtq_descriptor){ (uintptr_t)&status, 1, VIRTQ_DEVICE_WRITES, 0 };
    virtq_request(&queue, 0);
    return status == OK;
}

bool blk_read(uint64_t sector, void *to, uint32_t sectors)
{
    return request(IN, sector, to, sectors);
}

bool blk_write(uint64_t sector, const void *from, uint32_t sectors)
{
    return request(OUT, sector, from, sectors);
}

bool blk_flush(void)
{
    /* A device without the feature has written what it has answered. */
    return !(device.features & FEATURE_FLUSH) || request(FLUSH, 0, 0, 0);
}
