/* The kernel heap: free blocks in lists by the power of two of their size, neighbours joined at once. */
#include "alloc.h"
#include <stdbool.h>
#include "console.h"
#include "io.h"
#include "pages.h"

struct block {
    size_t size;                    /* with this header; bit 0: used */
    struct block *before;           /* its lower neighbour; NULL: none */
    struct block *next, *previous;  /* in its list; only while free */
};

enum { HEADER = 16, LEAST = sizeof(struct block), USED = 1, LISTS = 32, GROW_PAGES = 16, KEEP_PAGES = 64 };

static struct block *lists[LISTS];
static uintptr_t start, end;        /* of the heap, whole pages */
static struct block *last;          /* the highest block; NULL: the heap is empty */

static unsigned list_of(size_t size)
{
    unsigned log = 63 - (unsigned)__builtin_clzl(size);
    return log < LISTS ? log : LISTS - 1;
}

static struct block *after(const struct block *b)
{
    uintptr_t at = (uintptr_t)b + (b->size & ~(size_t)USED);
    return at < end ? (struct block *)at : NULL;
}

static void enlist(struct block *b)
{
    struct block **list = &lists[list_of(b->size)];
    b->previous = NULL;
    b->next = *list;
    if (b->next)
        b->next->previous = b;
    *list = b;
}

static void delist(struct block *b)
{
    if (b->previous)
        b->previous->next = b->next;
    else
        lists[list_of(b->size)] = b->next;
    if (b->next)
        b->next->previous = b->previous;
}

/* A free block of this size at this place, above `before`; the block above learns of it. */
static void set_free(struct block *b, size_t size, struct block *before)
{
    b->size = size;
    b->before = before;
    enlist(b);
    struct block *above = after(b);
    if (above)
        above->before = b;
    else
        last = b;
}

/* Joins with the neighbours that are free. */
static struct block *make_free(struct block *b, size_t size, struct block *before)
{
    b->size = size;
    struct block *above = after(b);
    if (above && !(above->size & USED)) {
        delist(above);
        size += above->size;
    }
    if (before && !(before->size & USED)) {
        delist(before);
        size += before->size;
        b = before;
        before = b->before;
    }
    set_free(b, size, before);
    return b;
}

void alloc_init(uintptr_t from, uintptr_t to)
{
    pages_init(from, to);
    start = end = pages_for(from) * PAGE;
}

static bool grow(size_t need)
{
    size_t have = last && !(last->size & USED) ? last->size : 0;      /* what is new joins it */
    size_t n = pages_for(need - have);
    if (n < GROW_PAGES && pages_reserve(end, GROW_PAGES))
        n = GROW_PAGES;
    else if (!pages_reserve(end, n))
        return false;
    struct block *b = (struct block *)end;
    end += n * PAGE;
    make_free(b, n * PAGE, last);
    return true;
}

/* Pages at the heap's end that are free are everybody's again. */
static void shrink(struct block *b)
{
    if (b != last || b->size < KEEP_PAGES * PAGE)
        return;
    uintptr_t new_end = pages_for((uintptr_t)b + LEAST) * PAGE;
    delist(b);
    pages_unreserve(new_end, (end - new_end) / PAGE);
    end = new_end;
    set_free(b, end - (uintptr_t)b, b->before);
}

static struct block *find(size_t need)
{
    for (unsigned l = list_of(need); l < LISTS; l++)
        for (struct block *b = lists[l]; b; b = b->next)
            if (b->size >= need)
                return b;
    return NULL;
}

void *alloc(size_t bytes)
{
    if (bytes > 1ul << 40)
        return NULL;                /* the sum below must not wrap */
    size_t need = (bytes + HEADER + 15) & ~(size_t)15;
    if (need < LEAST)
        need = LEAST;
    struct block *b = find(need);
    if (!b && grow(need))
        b = find(need);
    if (!b)
        return NULL;
    delist(b);
    size_t rest = b->size - need;
    if (rest >= LEAST) {
        b->size = need;
        set_free((struct block *)((uintptr_t)b + need), rest, b);
    }
    memory_count((int64_t)b->size);
    b->size |= USED;
    return (uint8_t *)b + HEADER;
}

void release(void *p)
{
    if (!p)
        return;
    struct block *b = (struct block *)((uint8_t *)p - HEADER);
    if (!(b->size & USED)) {
        console_line("PANIC: a block is freed twice");
        halt_for_ever();
    }
    size_t size = b->size & ~(size_t)USED;
    memory_count(-(int64_t)size);
    shrink(make_free(b, size, b->before));
}

uint64_t alloc_bytes_in_use(void)
{
    return memory_in_use();
}

struct alloc_statistics alloc_statistics(void)
{
    struct alloc_statistics s = { memory_in_use(), memory_peak(), pages_free() * PAGE, pages_free_run() * PAGE };
    for (unsigned l = 0; l < LISTS; l++)
        for (struct block *b = lists[l]; b; b = b->next) {
            s.free += b->size;
            if (b->size > s.largest_free)
                s.largest_free = b->size;
        }
    return s;
}
