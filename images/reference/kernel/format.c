/* printf into a bounded buffer. */
#include "format.h"
#include <stdbool.h>
#include <stdint.h>

struct out {
    char *to;
    size_t size, length;
};

static void put(struct out *o, char c)
{
    if (o->length + 1 < o->size)
        o->to[o->length++] = c;
}

static void put_number(struct out *o, uint64_t v, unsigned base, unsigned width, char pad)
{
    char digits[20];
    unsigned n = 0;
    do {
        digits[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    for (unsigned i = n; i < width; i++)
        put(o, pad);
    while (n)
        put(o, digits[--n]);
}

size_t format_va(char *to, size_t size, const char *f, va_list args)
{
    struct out o = { to, size, 0 };
    for (; *f; f++) {
        if (*f != '%') {
            put(&o, *f);
            continue;
        }
        char pad = ' ';
        unsigned width = 0;
        bool wide = false;
        if (*++f == '0')
            pad = '0';
        for (; *f >= '0' && *f <= '9'; f++)
            width = width * 10 + (unsigned)(*f - '0');
        for (; *f == 'l'; f++)
            wide = true;
        switch (*f) {
        case 's':
            for (const char *s = va_arg(args, const char *); *s; s++)
                put(&o, *s);
            break;
        case 'c':
            put(&o, (char)va_arg(args, int));
            break;
        case 'd': {
            int64_t v = wide ? va_arg(args, int64_t) : va_arg(args, int);
            if (v < 0)
                put(&o, '-');
            put_number(&o, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, width, pad);
            break;
        }
        case 'u':
        case 'x':
            put_number(&o, wide ? va_arg(args, uint64_t) : va_arg(args, unsigned), *f == 'x' ? 16 : 10, width, pad);
            break;
        default:
            put(&o, *f);
        }
    }
    if (size)
        to[o.length] = 0;
    return o.length;
}

size_t format(char *to, size_t size, const char *f, ...)
{
    va_list args;
    va_start(args, f);
    size_t n = format_va(to, size, f, args);
    va_end(args);
    return n;
}
