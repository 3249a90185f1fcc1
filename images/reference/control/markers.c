/* RAYOS_* markers on the console. */
#include "markers.h"
#include <stdarg.h>
#include "control.h"
#include "format.h"
#include "zoo.h"

enum { PREFIX = sizeof "RAYOS_" - 1 };

void marker(const char *f, ...)
{
    char line[256];
    size_t n = format(line, sizeof line, "RAYOS_");
    va_list args;
    va_start(args, f);
    n += format_va(line + n, sizeof line - n, f, args);
    va_end(args);
    unsigned times = zoo_marker(line, &n);
    line[n] = 0;
    while (times--)
        control_print(line + PREFIX);
}
