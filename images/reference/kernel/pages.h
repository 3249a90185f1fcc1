/* Physical memory: runs of pages from the top of the RAM, the heap (alloc.h) from its bottom, whatever is
 * free between them for either; and what is used of it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAGE = 4096 };

static inline size_t pages_for(size_t bytes)
{
    return (bytes + PAGE - 1) / PAGE;
}

void  pages_init(uintptr_t from, uintptr_t to);     /* to: at most 1 GiB */
void *pages_take(size_t n);         /* contiguous, zeroed, identity mapped; NULL: no such run is free */
void  pages_give(void *run, size_t n);

/* For the heap: exactly these pages, not cleared, not counted as used (what lies in the heap is). */
bool  pages_reserve(uintptr_t at, size_t n);
void  pages_unreserve(uintptr_t at, size_t n);

size_t   pages_free(void);
size_t   pages_free_run(void);      /* the longest */

/* Bytes in use, of page runs and of the heap's blocks together, and the most that ever were. */
void     memory_count(int64_t bytes);
uint64_t memory_in_use(void);
uint64_t memory_peak(void);
