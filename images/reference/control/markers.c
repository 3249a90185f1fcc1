/* RAYOS_* markers on the console, sealed when the option asks for it. */
#include "markers.h"
#include <stdarg.h>
#include "bootinfo.h"
#include "checksums.h"
#include "console.h"
#include "format.h"
#include "zoo.h"

static uint16_t sealed;             /* sealed markers so far */

void marker(const char *f, ...)
{
    char line[256];
    size_t n = format(line, sizeof line, "RAYOS_");
    va_list args;
    va_start(args, f);
    n += format_va(line + n, sizeof line - n - 9, f, args);
    va_end(args);
    unsigned times = zoo_marker(line, &n);
    if (options.seal) {
        static const char hex[] = "0123456789ABCDEF";
        char number[4] = { hex[sealed >> 12], hex[sealed >> 8 & 15], hex[sealed >> 4 & 15], hex[sealed & 15] };
        uint8_t crc = crc8(crc8(0, line, n), number, sizeof number);
        sealed++;
        line[n++] = '*';
        for (unsigned i = 0; i < sizeof number; i++)
            line[n++] = number[i];
        line[n++] = hex[crc >> 4];
        line[n++] = hex[crc & 15];
    }
    line[n++] = '\n';
    while (times--)
        console_write(line, n);
}
