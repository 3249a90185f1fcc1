/* Text lines on COM1. */
#pragma once
#include <stddef.h>

__attribute__((format(printf, 1, 2))) void console_line(const char *format, ...);     /* up to 255 bytes, adds the newline */
void console_write(const char *bytes, size_t n);        /* as it is */
void console_end_line(void);                            /* a newline unless at a line's start */
