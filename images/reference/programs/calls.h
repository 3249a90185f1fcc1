/* The system calls of kernel/system_calls.h as functions. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "kernel/system_calls.h"

static inline int64_t system_call(enum system_call number, uint64_t a, uint64_t b, uint64_t c)
{
    int64_t result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"((uint64_t)number), "D"(a), "S"(b), "d"(c) : "memory");
    return result;
}

_Noreturn static inline void call_exit(int code)
{
    for (;;)
        system_call(SYS_EXIT, (uint64_t)(int64_t)code, 0, 0);
}

static inline int64_t call_send(const void *bytes, size_t n, int fd)
{
    return system_call(SYS_SEND, (uint64_t)bytes, n, (uint64_t)(int64_t)fd);
}

static inline int64_t call_receive(void *to, size_t most, int *fds)
{
    return system_call(SYS_RECEIVE, (uint64_t)to, most, (uint64_t)fds);
}

static inline int64_t call_wait(bool tick)
{
    return system_call(SYS_WAIT, tick, 0, 0);
}

static inline bool call_order(struct order *order)
{
    return system_call(SYS_ORDER, (uint64_t)order, 0, 0) == 1;
}

static inline int64_t call_share(size_t size, void **address)
{
    return system_call(SYS_SHARE, size, (uint64_t)address, 0);
}

static inline int64_t call_map(int fd, void **address)
{
    return system_call(SYS_MAP, (uint64_t)(int64_t)fd, (uint64_t)address, 0);
}

static inline void call_close(int fd)
{
    system_call(SYS_CLOSE, (uint64_t)(int64_t)fd, 0, 0);
}

static inline int64_t call_grow(size_t bytes)
{
    return system_call(SYS_GROW, bytes, 0, 0);
}

static inline void call_status(enum status_slot slot, int64_t value)
{
    system_call(SYS_STATUS, slot, (uint64_t)value, 0);
}
