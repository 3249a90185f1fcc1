/* Control frames: lines in, one answer each, then the READY marker. */
#include "control.h"
#include <stddef.h>
#include <stdint.h>
#include "bootinfo.h"
#include "checksums.h"
#include "clock.h"
#include "commands.h"
#include "console.h"
#include "format.h"
#include "markers.h"
#include "serial.h"
#include "string.h"

/* ~C ssss llll SP payload SP cccccccc */
enum {
    LINE_MOST = 1100, PAYLOAD_MOST = 1024,
    SEQUENCE_AT = 2, LENGTH_AT = 6, PAYLOAD_AT = 11, CHECKED_FROM = 1, CRC_DIGITS = 8,
};

static char line[LINE_MOST + 1];
static size_t line_length;          /* over LINE_MOST: too long, the rest is dropped */
static uint16_t last_sequence;      /* of the last command answered, 0: none */
static char last_answer[PAYLOAD_AT + PAYLOAD_MOST + 1 + CRC_DIGITS + 2];
static size_t last_answer_length;

static enum serial_port port(void)
{
    return options.control_inline ? COM1 : COM2;
}

static void send(const char *bytes, size_t n)
{
    if (options.control_inline)
        console_write(bytes, n);
    else
        serial_write(COM2, bytes, n);
}

void control_ready(void)
{
    marker("CONTROL:READY:%u:%lu", last_sequence, clock_us());
}

static void answer(uint16_t sequence, const struct reply *r)
{
    char frame[sizeof last_answer];
    size_t n = format(frame, sizeof frame, "~%c%04x%04x %s", r->refused ? 'E' : 'R', sequence, (unsigned)r->length, r->text);
    uint32_t crc = crc32(frame + CHECKED_FROM, n - CHECKED_FROM);
    n += format(frame + n, sizeof frame - n, " %08x\n", crc);
    if (sequence) {
        memcpy(last_answer, frame, n);
        last_answer_length = n;
        last_sequence = sequence;
    }
    if (r->refused)
        marker("CONTROL:ERROR:%u:%s", sequence, r->reason);
    send(frame, n);
    if (r->afterwards)
        r->afterwards();
    control_ready();
}

static void refuse_unread(const char *reason)
{
    struct reply r = { 0 };
    commands_refuse(&r, reason, "");
    answer(0, &r);
}

/* n hex digits; false: they are not. */
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

static void handle_line(size_t n)
{
    uint32_t sequence, length, crc;
    if (n > LINE_MOST)
        return refuse_unread("length");
    if (n < PAYLOAD_AT || line[0] != '~' || line[1] != 'C' || !read_hex(line + SEQUENCE_AT, 4, &sequence)
        || !read_hex(line + LENGTH_AT, 4, &length) || line[PAYLOAD_AT - 1] != ' ')
        return refuse_unread("syntax");
    if (length > PAYLOAD_MOST || n != PAYLOAD_AT + length + 1 + CRC_DIGITS)
        return refuse_unread("length");
    char *payload = line + PAYLOAD_AT, *end = payload + length;
    if (*end != ' ' || !read_hex(end + 1, CRC_DIGITS, &crc))
        return refuse_unread("syntax");
    if (crc != crc32(line + CHECKED_FROM, PAYLOAD_AT + length - CHECKED_FROM))
        return refuse_unread("crc");
    if (!sequence || !printable(payload, length))
        return refuse_unread("syntax");
    if (sequence == last_sequence) {
        send(last_answer, last_answer_length);
        return control_ready();
    }
    *end = 0;
    struct reply r;
    commands_execute(payload, &r);
    answer((uint16_t)sequence, &r);
}

void control_handle(void)
{
    while (serial_readable(port())) {
        char c = (char)serial_read(port());
        if (c != '\n') {
            if (line_length < LINE_MOST)
                line[line_length] = c;
            if (line_length <= LINE_MOST)
                line_length++;
            continue;
        }
        size_t n = line_length;
        line_length = 0;
        if (n && n <= LINE_MOST && line[n - 1] == '\r')
            n--;
        if (!n)
            continue;
        handle_line(n);
        return;
    }
}

bool control_waiting(void)
{
    return serial_readable(port());
}
