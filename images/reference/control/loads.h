/* The loads of `stress`. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct load {
    const char *name;
    const char *reason;                             /* of a refusal */
    const char *(*possible)(uint32_t level);        /* NULL, or what is missing; may itself be NULL, as those below but begin and end */
    bool (*begin)(uint32_t level);                  /* false: not to the level */
    bool (*between)(uint32_t level);                /* while no tick is due; true: time passed, false: it wants none now */
    bool (*before_tick)(uint32_t level);            /* false: the load failed */
    bool (*applied)(uint32_t level, uint32_t cpu_percent, uint64_t us);     /* in the second that ended */
    bool (*end)(void);                              /* takes it away; false: not all of it */
};

const struct load *load_by_name(const char *name);      /* NULL: none */
