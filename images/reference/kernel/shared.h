/* Shared memory objects: what a file descriptor of a Wayland connection stands for. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct shared {
    int references;
    size_t size;            /* bytes asked for */
    size_t pages;           /* physically contiguous, zeroed when made */
    uint8_t *bytes;         /* where the kernel reads and writes it (identity mapped) */
};

struct shared *shared_new(size_t size);         /* one reference; NULL: no memory, or size 0 */
struct shared *shared_hold(struct shared *s);
void           shared_drop(struct shared *s);   /* the last one frees the pages */
