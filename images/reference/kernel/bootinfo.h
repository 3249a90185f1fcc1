/* What the boot loader handed over: memory and the command line. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct options {
    bool control_inline;    /* control=inline: frames ride on COM1; else on COM2 */
    bool free_running;      /* free=1: ticks run all the time */
    bool seal;              /* seal=1 */
    bool ident;             /* ident=1 */
    bool prove;             /* prove=1: each frame is proved before the next (COM3) */
    char lie[32];           /* lie=NAME, zoo build only */
};

extern struct options options;

/* start_info: physical address of the PVH hvm_start_info. Fills options. */
void      bootinfo_read(uintptr_t start_info);
uintptr_t bootinfo_heap_end(void);   /* end of the RAM that the image lies in */
