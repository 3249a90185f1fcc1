/* Address spaces: the kernel below 1 GiB (supervisor, shared by all), one program's memory in 1-2 GiB. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where things are in a program's memory. Below the stack lies a page that is never mapped. */
enum {
    SPACE_PROGRAM = 0x40000000,     /* linker.ld: text and constants (read only, shared), data and bss (its own) */
    SPACE_STACK_TOP = 0x40200000,
    SPACE_HEAP = 0x40400000,
    SPACE_SHARED = 0x50000000,      /* a shared memory object each SPACE_SHARED_EACH */
    SPACE_SHARED_EACH = 0x2000000,
};

struct space {
    uint64_t *root;                 /* PML4 */
    size_t pages;                   /* of its own: tables, data, stack, heap */
    size_t heap_pages;
};

void      space_init(void);
bool      space_new(struct space *s);       /* with program, data and stack; false: no memory, nothing is left */
void      space_free(struct space *s);
void      space_use(const struct space *s);
bool      space_grow(struct space *s, size_t pages);    /* more heap; false: no memory, nothing changed */
/* Memory of others, read and written; the address is a place in SPACE_SHARED. False: no memory for tables. */
bool      space_map(struct space *s, uintptr_t at, uint8_t *memory, size_t pages);
void      space_unmap(struct space *s, uintptr_t at, size_t pages);
/* Whether the program may read (or write) all of these bytes of program, stack and heap. */
bool      space_allows(const struct space *s, uintptr_t at, size_t n, bool write);
