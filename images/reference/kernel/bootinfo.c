/* What the boot loader handed over: memory and the command line. */
#include "bootinfo.h"
#include "string.h"
#include <stddef.h>

/* Xen's public/arch-x86/hvm/start_info.h */
struct start_info {
    uint32_t magic, version, flags, nr_modules;
    uint64_t modules, cmdline, rsdp, memmap;
    uint32_t memmap_entries, reserved;
};

struct memmap_entry {
    uint64_t address, size;
    uint32_t type, reserved;
};

enum { START_INFO_MAGIC = 0x336ec578, MEMMAP_RAM = 1 };

extern char __image_end[];
struct options options;
static uintptr_t heap_end;

static void read_word(const char *word, size_t n)
{
    static const char lie[] = "lie=";
    if (n == 14 && !memcmp(word, "control=inline", n))
        options.control_inline = true;
    else if (n == 12 && !memcmp(word, "control=com2", n))
        options.control_inline = false;
    else if (n == 6 && !memcmp(word, "free=", 5))
        options.free_running = word[5] == '1';
    else if (n == 6 && !memcmp(word, "seal=", 5))
        options.seal = word[5] == '1';
    else if (n == 7 && !memcmp(word, "ident=", 6))
        options.ident = word[6] == '1';
    else if (n == 7 && !memcmp(word, "prove=", 6))
        options.prove = word[6] == '1';
    else if (n > 4 && n - 4 < sizeof options.lie && !memcmp(word, lie, 4))
        memcpy(options.lie, word + 4, n - 4);
}

void bootinfo_read(uintptr_t at)
{
    const struct start_info *info = (const struct start_info *)at;
    uintptr_t image_end = (uintptr_t)__image_end;
    heap_end = image_end + (16u << 20);     /* a loader without a memory map: assume 16 MiB more */
    if (info->magic != START_INFO_MAGIC)
        return;
    if (info->version >= 1 && info->memmap) {
        const struct memmap_entry *e = (const struct memmap_entry *)(uintptr_t)info->memmap;
        for (uint32_t i = 0; i < info->memmap_entries; i++)
            if (e[i].type == MEMMAP_RAM && e[i].address <= image_end && image_end < e[i].address + e[i].size)
                heap_end = e[i].address + e[i].size;
    }
    if (heap_end > 0x40000000u)
        heap_end = 0x40000000u;             /* from 1 GiB on: the programs' addresses */
    if (!info->cmdline)
        return;
    const char *p = (const char *)(uintptr_t)info->cmdline;
    while (*p) {
        size_t n = 0;
        while (p[n] && p[n] != ' ')
            n++;
        read_word(p, n);
        p += n;
        while (*p == ' ')
            p++;
    }
}

uintptr_t bootinfo_heap_end(void)
{
    return heap_end;
}
