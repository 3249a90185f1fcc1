/* printf into a bounded buffer. */
#pragma once
#include <stdarg.h>
#include <stddef.h>

/* Knows %s %c %% and, with optional 0 and width and optional l, %d %u %x. Returns the length written,
 * at most size-1; always terminates. */
size_t format_va(char *to, size_t size, const char *format, va_list args);
__attribute__((format(printf, 3, 4))) size_t format(char *to, size_t size, const char *format, ...);
