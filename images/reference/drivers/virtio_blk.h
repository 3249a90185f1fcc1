/* The first virtio disk. Each request returns when the device has answered it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { SECTOR = 512 };

bool     blk_init(void);            /* false: there is none */
uint64_t blk_sectors(void);
bool     blk_read_only(void);
/* False: the device reported an error. Buffers lie in the kernel's image or heap. */
bool     blk_read(uint64_t sector, void *to, uint32_t sectors);
bool     blk_write(uint64_t sector, const void *from, uint32_t sectors);
bool     blk_flush(void);           /* what was written before survives a power cut */
