/* rayos_kit: see rayos_kit.h. */
#include "rayos_kit.h"
#include <stdarg.h>

/* ---- text ---- */

struct text { char *at; size_t size, length; };     /* what does not fit is dropped */

static void put(struct text *t, char c)
{
    if (t->length < t->size)
        t->at[t->length++] = c;
}

/* v / 10, and the remainder, in 32-bit steps. */
static unsigned cut_digit(uint64_t *v)
{
    uint32_t high = (uint32_t)(*v >> 32), low = (uint32_t)*v;
    uint32_t q0 = high / 10, r = high % 10;
    uint32_t part = r << 16 | low >> 16, q1 = part / 10;
    part = (part % 10) << 16 | (low & 0xFFFF);
    *v = (uint64_t)q0 << 32 | (uint64_t)q1 << 16 | part / 10;
    return part % 10;
}

static void put_number(struct text *t, uint64_t v, bool hex, bool negative, unsigned width, char pad)
{
    char digits[20];
    unsigned n = 0;
    do {
        digits[n++] = hex ? "0123456789abcdef"[v & 15] : (char)('0' + cut_digit(&v));
        if (hex)
            v >>= 4;
    } while (v);
    if (negative && pad == '0')
        put(t, '-');
    for (unsigned i = n + negative; i < width; i++)
        put(t, pad);
    if (negative && pad != '0')
        put(t, '-');
    while (n)
        put(t, digits[--n]);
}

static void put_format(struct text *t, const char *f, va_list args)
{
    for (; *f; f++) {
        if (*f != '%') {
            put(t, *f);
            continue;
        }
        char pad = *++f == '0' ? '0' : ' ';
        unsigned width = 0;
        while (*f >= '0' && *f <= '9')
            width = width * 10 + (unsigned)(*f++ - '0');
        int longs = 0;
        for (; *f == 'l'; f++)
            longs++;
        if (*f == 's') {
            for (const char *s = va_arg(args, const char *); *s; s++)
                put(t, *s);
        } else if (*f == 'c') {
            put(t, (char)va_arg(args, int));
        } else if (*f == 'd') {
            long long v = longs == 2 ? va_arg(args, long long) : longs ? va_arg(args, long) : va_arg(args, int);
            put_number(t, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, false, v < 0, width, pad);
        } else if (*f == 'u' || *f == 'x') {
            uint64_t v = longs == 2 ? va_arg(args, unsigned long long) : longs ? va_arg(args, unsigned long) : va_arg(args, unsigned);
            put_number(t, v, *f == 'x', false, width, pad);
        } else if (*f == '%') {
            put(t, '%');
        } else {
            return;                         /* nothing that is known: stop, the arguments do not fit any more */
        }
    }
}

static void put_text(struct text *t, const char *f, ...)
{
    va_list args;
    va_start(args, f);
    put_format(t, f, args);
    va_end(args);
}

static void send(struct rayos_kit *k, void (*to)(void *, char), const char *bytes, size_t n)
{
    while (n--)
        to(k->host.context, *bytes++);
}

/* ---- checksums ---- */

uint8_t rayos_crc8(uint8_t crc, const void *bytes, size_t n)
{
    for (const uint8_t *p = bytes; n--; p++) {
        crc ^= *p;
        for (int bit = 0; bit < 8; bit++)
            crc = (uint8_t)(crc & 0x80 ? crc << 1 ^ 0x07 : crc << 1);
    }
    return crc;
}

uint32_t rayos_crc32(uint32_t crc, const void *bytes, size_t n)
{
    static const uint32_t nibble[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    crc = ~crc;
    for (const uint8_t *p = bytes; n--; p++) {
        crc ^= *p;
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

/* ---- markers ---- */

void rayos_kit_init(struct rayos_kit *k, const struct rayos_host *host)
{
    k->host = *host;
    k->sealed = k->last_sequence = 0;
    k->line_length = k->answer_length = 0;
}

void rayos_marker(struct rayos_kit *k, const char *f, ...)
{
    char line[256];
    struct text t = { line, sizeof line - 8, 0 };       /* seal and newline always fit */
    put_text(&t, "RAYOS_");
    va_list args;
    va_start(args, f);
    put_format(&t, f, args);
    va_end(args);
    t.size = sizeof line;
    if (k->host.seal) {
        static const char hex[] = "0123456789ABCDEF";
        char number[4] = { hex[k->sealed >> 12], hex[k->sealed >> 8 & 15], hex[k->sealed >> 4 & 15], hex[k->sealed & 15] };
        uint8_t crc = rayos_crc8(rayos_crc8(0, line, t.length), number, sizeof number);
        k->sealed++;
        put(&t, '*');
        for (int i = 0; i < 4; i++)
            put(&t, number[i]);
        put(&t, hex[crc >> 4]);
        put(&t, hex[crc & 15]);
    }
    put(&t, '\n');
    send(k, k->host.put_console, line, t.length);
}

/* ---- control frames: ~C ssss llll SP payload SP cccccccc ---- */

enum { SEQUENCE_AT = 2, LENGTH_AT = 6, PAYLOAD_AT = 11, CRC_DIGITS = 8 };

void rayos_ready(struct rayos_kit *k)
{
    rayos_marker(k, "CONTROL:READY:%u:%llu", k->last_sequence, (unsigned long long)k->host.now_us(k->host.context));
}

void rayos_say(struct rayos_reply *r, const char *f, ...)
{
    struct text t = { r->text, RAYOS_PAYLOAD_MOST, r->length };
    va_list args;
    va_start(args, f);
    put_format(&t, f, args);
    va_end(args);
    r->length = t.length;
}

void rayos_refuse(struct rayos_reply *r, const char *reason, const char *detail)
{
    struct text t = { r->reason, sizeof r->reason - 1, 0 };
    put_text(&t, "%s", reason);
    r->reason[t.length] = 0;
    r->refused = true;
    r->length = 0;
    rayos_say(r, *detail ? "%s %s" : "%s", reason, detail);
}

static void answer(struct rayos_kit *k, uint16_t sequence)
{
    struct rayos_reply *r = &k->reply;
    r->text[r->length] = 0;
    char unread[64];                        /* the answer to what was no command is not kept */
    struct text t = { sequence ? k->answer : unread, sequence ? sizeof k->answer : sizeof unread, 0 };
    put_text(&t, "~%c%04x%04x %s", r->refused ? 'E' : 'R', sequence, (unsigned)r->length, r->text);
    put_text(&t, " %08x\n", rayos_crc32(0, t.at + 1, t.length - 1));
    if (sequence) {
        k->last_sequence = sequence;
        k->answer_length = t.length;
    }
    if (r->refused)
        rayos_marker(k, "CONTROL:ERROR:%u:%s", sequence, r->reason);
    send(k, k->host.put_control, t.at, t.length);
    if (r->afterwards)
        r->afterwards(k->host.context);
    rayos_ready(k);
}

static void begin_reply(struct rayos_reply *r)
{
    r->refused = false;
    r->length = 0;
    r->afterwards = NULL;
}

static void refuse_unread(struct rayos_kit *k, const char *reason)
{
    begin_reply(&k->reply);
    rayos_refuse(&k->reply, reason, "");
    answer(k, 0);
}

static bool read_hex(const char *s, int n, uint32_t *v)
{
    for (*v = 0; n--; s++) {
        char c = *s;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return false;
        *v = *v << 4 | (uint32_t)(c <= '9' ? c - '0' : (c & 0xDF) - 'A' + 10);
    }
    return true;
}

static bool printable(const char *s, size_t n)
{
    for (; n--; s++)
        if (*s < 0x20 || *s > 0x7e)
            return false;
    return true;
}

static void handle_line(struct rayos_kit *k, size_t n)
{
    char *line = k->line;
    uint32_t sequence, length, crc;
    if (n > RAYOS_LINE_MOST) {
        refuse_unread(k, "length");
    } else if (n < PAYLOAD_AT || line[0] != '~' || line[1] != 'C' || !read_hex(line + SEQUENCE_AT, 4, &sequence)
               || !read_hex(line + LENGTH_AT, 4, &length) || line[PAYLOAD_AT - 1] != ' ') {
        refuse_unread(k, "syntax");
    } else if (length > RAYOS_PAYLOAD_MOST || n != PAYLOAD_AT + length + 1 + CRC_DIGITS) {
        refuse_unread(k, "length");
    } else if (line[PAYLOAD_AT + length] != ' ' || !read_hex(line + PAYLOAD_AT + length + 1, CRC_DIGITS, &crc)) {
        refuse_unread(k, "syntax");
    } else if (crc != rayos_crc32(0, line + 1, PAYLOAD_AT + length - 1)) {
        refuse_unread(k, "crc");
    } else if (!sequence || !printable(line + PAYLOAD_AT, length)) {
        refuse_unread(k, "syntax");
    } else if (sequence == k->last_sequence) {          /* its answer was lost */
        send(k, k->host.put_control, k->answer, k->answer_length);
        rayos_ready(k);
    } else {
        line[PAYLOAD_AT + length] = 0;
        begin_reply(&k->reply);
        rayos_say(&k->reply, "ok");
        k->host.execute(k->host.context, line + PAYLOAD_AT, &k->reply);
        answer(k, (uint16_t)sequence);
    }
}

bool rayos_control(struct rayos_kit *k)
{
    int byte;
    while ((byte = k->host.get_control(k->host.context)) >= 0) {
        if (byte != '\n') {
            if (k->line_length < RAYOS_LINE_MOST)
                k->line[k->line_length] = (char)byte;
            if (k->line_length <= RAYOS_LINE_MOST)
                k->line_length++;
            continue;
        }
        size_t n = k->line_length;
        k->line_length = 0;
        if (n && n <= RAYOS_LINE_MOST && k->line[n - 1] == '\r')
            n--;
        if (!n)
            continue;
        handle_line(k, n);
        return true;
    }
    return false;
}

bool rayos_word(const char *p, const char *key, char *value, size_t size)
{
    while (*p) {
        while (*p == ' ')
            p++;
        const char *name = key;
        while (*name && *p == *name) {
            p++;
            name++;
        }
        if (!*name && *p == '=') {
            size_t n = 0;
            for (p++; *p && *p != ' '; p++) {
                if (n + 1 >= size)
                    return false;
                value[n++] = *p;
            }
            value[n] = 0;
            return true;
        }
        while (*p && *p != ' ')
            p++;
    }
    return false;
}

bool rayos_number(const char *payload, const char *key, uint32_t *value)
{
    char digits[11];
    if (!rayos_word(payload, key, digits, sizeof digits) || !*digits)
        return false;
    uint64_t v = 0;
    for (const char *d = digits; *d; d++) {
        if (*d < '0' || *d > '9')
            return false;
        v = v * 10 + (uint64_t)(*d - '0');
    }
    *value = (uint32_t)v;
    return v <= UINT32_MAX;
}

/* ---- frame identity ---- */

#define FACTOR UINT64_C(6364136223846793005)
enum { STRIP_BYTES = 12, CELL = 4 };

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t up(uint32_t pixels)         /* tiles that hold so many pixels */
{
    return (pixels + RAYOS_TILE - 1) / RAYOS_TILE;
}

size_t rayos_tiles(uint32_t width, uint32_t height)
{
    return (size_t)up(width - RAYOS_STRIP_WIDTH) * up(height);
}

/* A tile at an edge holds the pixels that there are. */
static uint64_t tile_hash(const struct rayos_screen *s, uint32_t left, uint32_t top)
{
    uint32_t right = least(left + RAYOS_TILE, s->width - RAYOS_STRIP_WIDTH), bottom = least(top + RAYOS_TILE, s->height);
    uint64_t h = 0;
    for (uint32_t y = top; y < bottom; y++)
        for (const uint32_t *p = s->back + (size_t)y * s->back_pitch + left, *end = p + (right - left); p < end; p++)
            h = h * FACTOR + (*p & 0xFFFFFF);
    return h;
}

static void sum_tiles(struct rayos_screen *s, const struct rayos_rect *r)
{
    uint32_t across = up(s->width - RAYOS_STRIP_WIDTH);
    if (!r->width || !r->height)
        return;
    for (uint32_t y = r->y / RAYOS_TILE; y <= (r->y + r->height - 1) / RAYOS_TILE; y++)
        for (uint32_t x = r->x / RAYOS_TILE; x <= (r->x + r->width - 1) / RAYOS_TILE; x++)
            s->tiles[(size_t)y * across + x] = tile_hash(s, x * RAYOS_TILE, y * RAYOS_TILE);
}

/* Over the table as little-endian words, whatever the machine is. */
static uint32_t table_crc(const struct rayos_screen *s)
{
    uint32_t crc = 0;
    for (size_t i = 0, n = rayos_tiles(s->width, s->height); i < n; i++) {
        uint8_t bytes[8];
        for (int b = 0; b < 8; b++)
            bytes[b] = (uint8_t)(s->tiles[i] >> 8 * b);
        crc = rayos_crc32(crc, bytes, sizeof bytes);
    }
    return crc;
}

static void write_strip(const struct rayos_screen *s, uint32_t band)
{
    uint8_t bytes[STRIP_BYTES] = { 0xA5 };
    for (int i = 0; i < 4; i++) {
        bytes[1 + i] = (uint8_t)(s->frame >> (24 - 8 * i));
        bytes[5 + i] = (uint8_t)(s->crc >> (24 - 8 * i));
    }
    bytes[9] = (uint8_t)band;
    bytes[10] = rayos_crc8(0, bytes, 10);
    bytes[11] = 0x5A;
    uint32_t *to = s->pixels + (size_t)band * RAYOS_BAND_ROWS * s->pitch + (s->width - RAYOS_STRIP_WIDTH);
    for (uint32_t y = 0; y < RAYOS_BAND_ROWS; y++, to += s->pitch)
        for (uint32_t x = 0; x < RAYOS_STRIP_WIDTH; x++)
            to[x] = bytes[y / CELL] & 0x80 >> x / CELL ? 0xFFFFFF : 0;
}

void rayos_present(struct rayos_screen *s, const struct rayos_rect *damage, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum_tiles(s, &damage[i]);
    s->frame++;
    s->crc = table_crc(s);
    for (uint32_t band = 0; band < s->height / RAYOS_BAND_ROWS; band++) {
        uint32_t top = band * RAYOS_BAND_ROWS, bottom = top + RAYOS_BAND_ROWS;
        for (size_t i = 0; i < count; i++) {
            const struct rayos_rect *r = &damage[i];
            for (uint32_t y = r->y > top ? r->y : top; y < least(r->y + r->height, bottom); y++)
                for (uint32_t x = r->x; x < r->x + r->width; x++)
                    s->pixels[(size_t)y * s->pitch + x] = s->back[(size_t)y * s->back_pitch + x];
        }
        write_strip(s, band);
    }
}

void rayos_identity(struct rayos_kit *k, const struct rayos_screen *s)
{
    rayos_marker(k, "FRAME:IDENT:%u:%08x", s->frame, s->crc);
}
