/* The kernel heap: first fit over one region, neighbours joined on free. */
#include "alloc.h"
#include <stdbool.h>

struct block {
    size_t size;                    /* with this header */
    bool used;
} __attribute__((aligned(16)));

static struct block *first, *end;
static uint64_t in_use;

static struct block *next_of(struct block *b)
{
    return (struct block *)((uintptr_t)b + b->size);
}

void alloc_init(uintptr_t from, uintptr_t to)
{
    from = (from + 15) & ~(uintptr_t)15;
    to &= ~(uintptr_t)15;
    first = (struct block *)from;
    end = (struct block *)to;
    first->size = to - from;
    first->used = false;
}

static void join_free_neighbours(void)
{
    for (struct block *b = first; b < end; b = next_of(b))
        while (!b->used && next_of(b) < end && !next_of(b)->used)
            b->size += next_of(b)->size;
}

void *alloc(size_t bytes)
{
    size_t need = (bytes + sizeof(struct block) + 15) & ~(size_t)15;
    for (struct block *b = first; b < end; b = next_of(b)) {
        if (b->used || b->size < need)
            continue;
        if (b->size - need >= 2 * sizeof(struct block)) {
            struct block *rest = (struct block *)((uintptr_t)b + need);
            rest->size = b->size - need;
            rest->used = false;
            b->size = need;
        }
        b->used = true;
        in_use += b->size;
        return b + 1;
    }
    return NULL;
}

void release(void *p)
{
    struct block *b = (struct block *)p - 1;
    b->used = false;
    in_use -= b->size;
    join_free_neighbours();
}

uint64_t alloc_bytes_in_use(void)
{
    return in_use;
}
