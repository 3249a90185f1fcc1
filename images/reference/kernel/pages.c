/* Physical memory: a bitmap of pages, first fit from the top. */
#include "pages.h"
#include "string.h"

enum { MOST = (1u << 30) / PAGE, BITS = 64 };

static uint64_t taken[MOST / BITS];
static size_t first, end, free_pages;       /* first, end: page numbers */
static size_t search_from;                  /* from here up all are taken */
static uint64_t in_use, peak;

static bool is_taken(size_t page)
{
    return taken[page / BITS] >> page % BITS & 1;
}

static void mark(size_t page, size_t n, bool take)
{
    for (; n--; page++) {
        taken[page / BITS] ^= 1ull << page % BITS;
        free_pages += take ? -1ul : 1;
    }
}

void pages_init(uintptr_t from, uintptr_t to)
{
    first = pages_for(from);
    end = to / PAGE < MOST ? to / PAGE : MOST;
    free_pages = end - first;
    search_from = end;
}

void *pages_take(size_t n)
{
    size_t run = 0;
    bool lowest = true;
    for (size_t page = search_from; n && page-- > first; ) {
        if (page % BITS == BITS - 1 && !~taken[page / BITS]) {
            page -= BITS - 1;
            run = 0;
            continue;
        }
        run = is_taken(page) ? 0 : run + 1;
        if (lowest && run)
            search_from = page + 1, lowest = false;
        if (run < n)
            continue;
        mark(page, n, true);
        memory_count((int64_t)(n * PAGE));
        return memset((void *)(page * PAGE), 0, n * PAGE);
    }
    return NULL;
}

void pages_give(void *run, size_t n)
{
    size_t page = (uintptr_t)run / PAGE;
    mark(page, n, false);
    if (search_from < page + n)
        search_from = page + n;
    memory_count(-(int64_t)(n * PAGE));
}

bool pages_reserve(uintptr_t at, size_t n)
{
    size_t page = at / PAGE;
    if (n > end - page)
        return false;
    for (size_t i = 0; i < n; i++)
        if (is_taken(page + i))
            return false;
    mark(page, n, true);
    return true;
}

void pages_unreserve(uintptr_t at, size_t n)
{
    mark(at / PAGE, n, false);
    if (search_from < at / PAGE + n)
        search_from = at / PAGE + n;
}

size_t pages_free(void)
{
    return free_pages;
}

size_t pages_free_run(void)
{
    size_t longest = 0, run = 0;
    for (size_t page = first; page < end; page++) {
        run = is_taken(page) ? 0 : run + 1;
        if (run > longest)
            longest = run;
    }
    return longest;
}

void memory_count(int64_t bytes)
{
    in_use += (uint64_t)bytes;
    if (in_use > peak)
        peak = in_use;
}

uint64_t memory_in_use(void)
{
    return in_use;
}

uint64_t memory_peak(void)
{
    return peak;
}
