/* The few string functions that the kernel and the compiler need. */
#include "string.h"
#include <stdint.h>

void *memset(void *to, int byte, size_t n)
{
    uint8_t *p = to;
    uint64_t eight = (uint8_t)byte * 0x0101010101010101u;
    for (; n >= 32; n -= 32, p += 32) {
        uint64_t __attribute__((may_alias)) *q = (void *)p;
        q[0] = q[1] = q[2] = q[3] = eight;
    }
    while (n--)
        *p++ = (uint8_t)byte;
    return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
    uint8_t *p = to;
    const uint8_t *q = from;
    for (; n >= 8; n -= 8, p += 8, q += 8)
        *(uint64_t __attribute__((may_alias)) *)p = *(const uint64_t __attribute__((may_alias)) *)q;
    while (n--)
        *p++ = *q++;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *p = to;
    const uint8_t *q = from;
    if (p <= q || p >= q + n)
        return memcpy(to, from, n);
    while (n--)
        p[n] = q[n];
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *p = a, *q = b;
    for (; n--; p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

bool same_text(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        ;
    return *a == *b;
}
