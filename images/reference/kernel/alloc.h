/* The kernel heap: first fit over one region, neighbours joined on free. */
#pragma once
#include <stddef.h>
#include <stdint.h>

void     alloc_init(uintptr_t from, uintptr_t to);
void    *alloc(size_t bytes);       /* 16-byte aligned, not cleared; NULL when nothing fits */
void     release(void *block);
uint64_t alloc_bytes_in_use(void);  /* block headers included */
