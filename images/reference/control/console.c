/* Text lines on COM1. */
#include "console.h"
#include <stdarg.h>
#include <stdbool.h>
#include "format.h"
#include "serial.h"

static bool in_line;

void console_write(const char *bytes, size_t n)
{
    if (!n)
        return;
    in_line = true;                 /* also when an exception interrupts the write */
    serial_write(COM1, bytes, n);
    in_line = bytes[n - 1] != '\n';
}

void console_line(const char *f, ...)
{
    char line[256];
    va_list args;
    va_start(args, f);
    size_t n = format_va(line, sizeof line - 1, f, args);
    va_end(args);
    line[n++] = '\n';
    console_write(line, n);
}

void console_end_line(void)
{
    if (in_line)
        console_write("\n", 1);
}
