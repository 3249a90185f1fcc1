/* The kit behind plain functions and byte buffers, for ctypes. */
#include "rayos_kit.h"

char console[1 << 16], control[1 << 16];
size_t console_length, control_length;
static const char *input;
static size_t input_length;
static uint64_t us;
static struct rayos_kit kit;
static struct rayos_screen screen;

static void put_console(void *c, char b) { (void)c; console[console_length++] = b; }
static void put_control(void *c, char b) { (void)c; control[control_length++] = b; }
static int get_control(void *c) { (void)c; return input_length ? (input_length--, (unsigned char)*input++) : -1; }
static uint64_t now_us(void *c) { (void)c; return us; }

/* "refuse ..." is refused as an argument, "number ..." echoes n=, all else is echoed. */
static void execute(void *c, char *payload, struct rayos_reply *reply)
{
    uint32_t n;
    (void)c;
    rayos_marker(&kit, "TEST:EXECUTED:%s", payload);
    if (payload[0] == 'r' && payload[1] == 'e' && payload[2] == 'f')
        rayos_refuse(reply, "argument", payload);
    else if (payload[0] == 'n' && payload[1] == 'u' && payload[2] == 'm')
        rayos_number(payload, "n", &n) ? rayos_say(reply, " n=%u", n) : rayos_refuse(reply, "argument", "n");
    else
        rayos_say(reply, " %s", payload);
}

void begin(bool seal)
{
    struct rayos_host host = { 0, put_console, put_control, get_control, now_us, execute, seal };
    rayos_kit_init(&kit, &host);
    console_length = control_length = 0;
}

void feed(const char *bytes, size_t n, uint64_t now)
{
    input = bytes;
    input_length = n;
    us = now;
    while (rayos_control(&kit))
        ;
}

void mark(const char *text) { rayos_marker(&kit, "%s", text); }
void numbers(int d, unsigned u, long long ll) { rayos_marker(&kit, "N:%d:%08x:%5u:%lld:%03d:%c:%%", d, u, u, ll, d, 'z'); }

void screen_set(uint32_t *pixels, const uint32_t *back, uint32_t width, uint32_t height, uint32_t pitch, uint32_t back_pitch, uint64_t *tiles)
{
    screen = (struct rayos_screen){ pixels, back, width, height, pitch, back_pitch, tiles, 0, 0 };
}

void present(const struct rayos_rect *damage, size_t n) { rayos_present(&screen, damage, n); }
void identity(void) { rayos_identity(&kit, &screen); }
