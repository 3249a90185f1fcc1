/* Shared memory objects: what a file descriptor of a Wayland connection stands for. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct shared {
    int references;
    int owner;              /* id of the client (a task) that made it and is charged for it while it lives; 0: none */
    size_t size;            /* bytes asked for */
    size_t pages;           /* physically contiguous, zeroed when made */
    uint8_t *bytes;         /* where the kernel reads and writes it (identity mapped) */
};

struct shared *shared_new(size_t size);         /* one reference, no owner; NULL: no memory, or size 0 */
void           shared_charge(struct shared *s, int owner);
struct shared *shared_hold(struct shared *s);
void           shared_drop(struct shared *s);   /* the last one frees the pages */
size_t         shared_pages_of(int owner);      /* in living objects that it made, whoever holds them */
