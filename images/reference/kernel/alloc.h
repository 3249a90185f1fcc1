/* The kernel heap: blocks of any size in pages from the bottom of the RAM, and statistics of all memory. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Bytes, of the heap (its blocks' headers included) and of the page runs (pages.h) together. */
struct alloc_statistics {
    uint64_t in_use, peak;
    uint64_t free;              /* all free blocks and pages */
    uint64_t largest_free;      /* the largest that is contiguous */
};

void     alloc_init(uintptr_t from, uintptr_t to);  /* the RAM for heap and pages */
void    *alloc(size_t bytes);       /* 16-byte aligned, not cleared; NULL when nothing fits */
void     release(void *block);      /* NULL: nothing */
uint64_t alloc_bytes_in_use(void);  /* of alloc_statistics() */
struct alloc_statistics alloc_statistics(void);     /* looks at every page and free block: not for each tick */
