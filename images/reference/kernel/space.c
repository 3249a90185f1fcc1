/* Address spaces: page tables. */
#include "space.h"
#include "io.h"
#include "pages.h"
#include "string.h"
#include "system_calls.h"

enum {
    PRESENT = 1, WRITE = 2, USER = 4, OWNED = 0x200,    /* OWNED (free for software): the page goes with the space */
    ENTRIES = 512, USER_GIB = SPACE_PROGRAM >> 30,
    EFER = 0xC0000080, EFER_NXE = 0x800, CPUID_EXTENDED = 0x80000001, CPUID_NX = 1 << 20,
};
static const uint64_t ADDRESS = 0x000FFFFFFFFFF000;

extern uint64_t pml4[], pdpt[];                                         /* the kernel's, boot.S */
extern char __program_text[], __program_data[], __program_end[];        /* in the program's memory */
extern char __program_text_image[], __program_data_image[], __program_image_end[];   /* where the loader put them */

static uint64_t no_execute;
static const uint64_t *used;        /* root in CR3 */

static void load(const uint64_t *root)
{
    used = root;
    __asm__ volatile("mov %0, %%cr3" :: "r"(root) : "memory");
}

void space_init(void)
{
    uint32_t a = CPUID_EXTENDED, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (d & CPUID_NX) {
        write_msr(EFER, read_msr(EFER) | EFER_NXE);
        no_execute = 1ull << 63;
    }
    pdpt[USER_GIB] = 0;             /* no kernel memory there, so that a stray pointer faults */
    load(pml4);
}

/* The table that entry names, made if there is none; NULL: no memory. */
static uint64_t *table(struct space *s, uint64_t *entry)
{
    if (!*entry) {
        void *page = pages_take(1);
        if (!page)
            return NULL;
        s->pages++;
        *entry = (uintptr_t)page | PRESENT | WRITE | USER;
    }
    return (uint64_t *)(*entry & ADDRESS);
}

static uint64_t *entry_of(struct space *s, uintptr_t at)
{
    uint64_t *t = table(s, &s->root[0]);
    t = t ? table(s, &t[at >> 30]) : NULL;
    t = t ? table(s, &t[at >> 21 & (ENTRIES - 1)]) : NULL;
    return t ? &t[at >> 12 & (ENTRIES - 1)] : NULL;
}

static bool map(struct space *s, uintptr_t at, const void *memory, size_t n, uint64_t bits)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t *entry = entry_of(s, at + i * PAGE);
        if (!entry)
            return false;
        *entry = ((uintptr_t)memory + i * PAGE) | PRESENT | USER | bits;
    }
    return true;
}

/* New pages of its own; on failure those that it got stay until the space is freed, or space_grow() takes them back. */
static bool map_new(struct space *s, uintptr_t at, size_t n)
{
    for (; n--; at += PAGE) {
        uint64_t *entry = entry_of(s, at);
        void *page = entry ? pages_take(1) : NULL;
        if (!page)
            return false;
        s->pages++;
        *entry = (uintptr_t)page | PRESENT | USER | WRITE | OWNED | no_execute;
    }
    return true;
}

static bool load_program(struct space *s)
{
    uintptr_t text = (uintptr_t)__program_text, data = (uintptr_t)__program_data, end = (uintptr_t)__program_end;
    if (!map(s, text, __program_text_image, (data - text) / PAGE, 0) || !map_new(s, data, pages_for(end - data)))
        return false;
    size_t bytes = (size_t)(__program_image_end - __program_data_image);
    for (size_t at = 0; at < bytes; at += PAGE)
        memcpy((void *)(*entry_of(s, data + at) & ADDRESS), __program_data_image + at, bytes - at < PAGE ? bytes - at : PAGE);
    return map_new(s, SPACE_STACK_TOP - TASK_STACK, TASK_STACK / PAGE);
}

bool space_new(struct space *s)
{
    *s = (struct space){ .root = pages_take(1), .pages = 1 };
    if (!s->root)
        return false;
    uint64_t *gibs = table(s, &s->root[0]);
    if (gibs) {
        for (int i = 0; i < 4; i++)
            gibs[i] = pdpt[i];      /* without USER */
        if (load_program(s))
            return true;
    }
    space_free(s);
    return false;
}

static void free_table(uint64_t *t, int depth)
{
    for (int i = 0; i < ENTRIES; i++) {
        if (depth && t[i])
            free_table((uint64_t *)(t[i] & ADDRESS), depth - 1);
        else if (t[i] & OWNED)
            pages_give((void *)(t[i] & ADDRESS), 1);
    }
    pages_give(t, 1);
}

void space_free(struct space *s)
{
    if (used == s->root)
        load(pml4);
    if (s->root[0]) {
        uint64_t *gibs = (uint64_t *)(s->root[0] & ADDRESS);
        if (gibs[USER_GIB])
            free_table((uint64_t *)(gibs[USER_GIB] & ADDRESS), 1);
        pages_give(gibs, 1);
    }
    pages_give(s->root, 1);
}

void space_use(const struct space *s)
{
    if (used != s->root)
        load(s->root);
}

bool space_grow(struct space *s, size_t pages)
{
    uintptr_t at = SPACE_HEAP + s->heap_pages * PAGE;
    if (map_new(s, at, pages)) {
        s->heap_pages += pages;
        return true;
    }
    for (uint64_t *entry; (entry = entry_of(s, at)) && *entry; at += PAGE) {
        pages_give((void *)(*entry & ADDRESS), 1);
        s->pages--;
        *entry = 0;
    }
    return false;
}

bool space_map(struct space *s, uintptr_t at, uint8_t *memory, size_t pages)
{
    if (map(s, at, memory, pages, WRITE | no_execute))
        return true;
    space_unmap(s, at, pages);
    return false;
}

void space_unmap(struct space *s, uintptr_t at, size_t pages)
{
    for (uint64_t *entry; pages-- && (entry = entry_of(s, at)); at += PAGE)
        *entry = 0;
    if (used == s->root)
        load(used);
}

static bool within(uintptr_t at, size_t n, uintptr_t from, uintptr_t to)
{
    return at >= from && at <= to && n <= to - at;
}

bool space_allows(const struct space *s, uintptr_t at, size_t n, bool write)
{
    return within(at, n, (uintptr_t)(write ? __program_data : __program_text), pages_for((uintptr_t)__program_end) * PAGE)
        || within(at, n, SPACE_STACK_TOP - TASK_STACK, SPACE_STACK_TOP) || within(at, n, SPACE_HEAP, SPACE_HEAP + s->heap_pages * PAGE);
}
