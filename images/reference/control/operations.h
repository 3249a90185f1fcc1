/* What `perf` can measure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct operation {
    const char *name;
    const char *(*begin)(void);         /* NULL: ready; else what is missing. May itself be NULL, as `end` */
    const char *(*once)(uint32_t i);    /* NULL: done; else what failed */
    void (*end)(void);
};

const struct operation *operation_by_name(const char *name);    /* NULL: none */
