/* The Wayland wire format from the client's side. */
#include "wire.h"
#include "calls.h"
#include "orders.h"

enum { OBJECTS = 256, OUT_BYTES = 4096, IN_BYTES = 8192, RECEIVED_FDS = 4, FDS = 16 };

static uint8_t kinds[OBJECTS] = { [WIRE_DISPLAY] = OBJECT_DISPLAY };
static uint32_t lowest = WIRE_DISPLAY + 1;      /* no lower id is free */

static uint32_t out[OUT_BYTES / 4];
static size_t out_words, begun;                 /* begun: where the request's header is */
static int out_fd = -1;

static uint32_t in[IN_BYTES / 4];
static size_t in_bytes;
static int fds[FDS];
static unsigned fds_put, fds_taken;

uint32_t wire_new_id(uint8_t kind)
{
    uint32_t id = lowest;
    while (id < OBJECTS && kinds[id])
        id++;
    if (id == OBJECTS)
        call_exit(EXIT_MEMORY);
    kinds[id] = kind;
    lowest = id + 1;
    return id;
}

uint8_t wire_kind(uint32_t id)
{
    return id < OBJECTS ? kinds[id] : OBJECT_NONE;
}

void wire_gone(uint32_t id)
{
    kinds[id] = OBJECT_GONE;
}

void wire_deleted(uint32_t id)
{
    if (id <= WIRE_DISPLAY || id >= OBJECTS)
        return;
    kinds[id] = OBJECT_NONE;
    if (id < lowest)
        lowest = id;
}

void wire_flush(void)
{
    if (!out_words)
        return;
    size_t n = out_words * 4;
    out_words = 0;
    int fd = out_fd;
    out_fd = -1;
    if (call_send(out, n, fd) < 0)
        call_exit(EXIT_DISCONNECTED);
}

void wire_fd(int fd)
{
    wire_flush();
    out_fd = fd;
}

void wire_begin(uint32_t object, unsigned opcode)
{
    enum { LONGEST = 64 };          /* words of any request of ours */
    if (out_words + LONGEST > OUT_BYTES / 4)
        wire_flush();
    begun = out_words;
    out[begun] = object;
    out[begun + 1] = opcode;
    out_words += 2;
}

void wire_word(uint32_t word)
{
    out[out_words++] = word;
}

void wire_string(const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    wire_word((uint32_t)++n);       /* with its NUL */
    for (size_t i = 0; i < n; i += 4) {
        uint32_t word = 0;
        for (size_t j = i; j < n && j < i + 4; j++)
            word |= (uint32_t)(uint8_t)text[j] << 8 * (j - i);
        wire_word(word);
    }
}

void wire_end(void)
{
    out[begun + 1] |= (uint32_t)(out_words - begun) << 18;      /* 4 * words << 16 */
}

void wire_request(uint32_t object, unsigned opcode, const uint32_t *words, size_t n)
{
    wire_begin(object, opcode);
    for (size_t i = 0; i < n; i++)
        wire_word(words[i]);
    wire_end();
}

void wire_read(void)
{
    int got[RECEIVED_FDS];
    int64_t n = call_receive((uint8_t *)in + in_bytes, IN_BYTES - in_bytes, got);
    for (int i = 0; i < RECEIVED_FDS && got[i] >= 0; i++)
        fds[fds_put++ % FDS] = got[i];
    if (n <= 0)
        return;
    in_bytes += (size_t)n;
    size_t at = 0, words = in_bytes / 4;
    while (words - at >= 2) {
        size_t length = in[at + 1] >> 18;
        if (length < 2)
            call_exit(EXIT_DISCONNECTED);
        if (length > words - at)
            break;
        wire_event(in[at], in[at + 1] & 0xFFFF, in + at + 2, length - 2);
        at += length;
    }
    for (size_t i = at; i < (in_bytes + 3) / 4 && at; i++)
        in[i - at] = in[i];
    in_bytes -= at * 4;
}

int wire_take_fd(void)
{
    return fds_taken == fds_put ? -1 : fds[fds_taken++ % FDS];
}
