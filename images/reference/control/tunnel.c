/* The Wayland tunnel: connections of the host's clients, byte by byte (docs/protocol.md, "Wayland tunnel"). */
#include "clients.h"
#include "commands.h"
#include "connection.h"
#include "programs/orders.h"
#include "server.h"
#include "string.h"

/* READ_MOST: a reply with so many bytes in base64 still fits in the socket it is written to (docs/protocol.md). */
enum { CONNECTIONS_MOST = 8, FIRST_CLIENT = CLIENT_IDS - CONNECTIONS_MOST + 1, HANDLES_MOST = 256, READ_MOST = 300, DATA_MOST = 1024, MEMORY_MOST = 16 << 20 };

static struct tunnel {
    struct connection *connection;              /* NULL: free */
    struct shared *handles[HANDLES_MOST];       /* given out one after the other, by number - 1 */
    int handles_count;
} tunnels[CONNECTIONS_MOST];

/* ---- base64 ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit(char c)
{
    for (int i = 0; i < 64; i++)
        if (digits[i] == c)
            return i;
    return -1;
}

/* Bytes decoded into out[DATA_MOST]; -1: not base64, or too long. */
static int decode(const char *text, uint8_t *out)
{
    size_t length = strlen(text), n = 0;
    if (length % 4 || length / 4 * 3 > DATA_MOST)
        return -1;
    for (size_t i = 0; i < length; i += 4) {
        int pad = i + 4 == length ? (text[i + 3] == '=') + (text[i + 3] == '=' && text[i + 2] == '=') : 0;
        uint32_t v = 0;
        for (int k = 0; k < 4; k++) {
            int d = k >= 4 - pad ? 0 : digit(text[i + k]);
            if (d < 0)
                return -1;
            v = v << 6 | (uint32_t)d;
        }
        if (v & ((1u << 8 * pad) - 1))
            return -1;                          /* bits that stand for nothing */
        for (int k = 0; k < 3 - pad; k++)
            out[n++] = (uint8_t)(v >> (16 - 8 * k));
    }
    return (int)n;
}

static void say_base64(struct rayos_reply *r, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        rayos_say(r, "%c%c%c%c", digits[v >> 18], digits[v >> 12 & 63], left > 1 ? digits[v >> 6 & 63] : '=', left > 2 ? digits[v & 63] : '=');
    }
}

/* ---- what the commands have in common ---- */

static struct tunnel *named(const struct argument *a, struct rayos_reply *r)
{
    struct tunnel *t = &tunnels[a[0].number - 1];
    if (t->connection)
        return t;
    rayos_refuse(r, "argument", "conn");
    return NULL;
}

static struct shared *memory_of(const struct tunnel *t, const struct argument *a, struct rayos_reply *r)
{
    if (a[1].number <= t->handles_count)
        return t->handles[a[1].number - 1];
    rayos_refuse(r, "argument", "fd");
    return NULL;
}

/* The handle's number, with the reference taken over; 0: too many. */
static int handle_new(struct tunnel *t, struct shared *s)
{
    if (t->handles_count == HANDLES_MOST)
        return 0;
    t->handles[t->handles_count++] = s;
    return t->handles_count;
}

static void say_events(struct tunnel *t, struct rayos_reply *r)
{
    struct queue *q = &t->connection->events;
    uint8_t bytes[READ_MOST];
    size_t n = queue_used(q) < READ_MOST ? queue_used(q) : READ_MOST;
    queue_take(q, bytes, n);
    rayos_say(r, " queued=%lu data=", queue_used(q));
    say_base64(r, bytes, n);
    const char *before = " fds=";
    for (struct shared *s; t->handles_count < HANDLES_MOST && (s = queue_take_fd(q)); before = ",")
        rayos_say(r, "%s%d", before, handle_new(t, s));
    if (t->connection->closed && !queue_used(q))
        rayos_say(r, " closed=1");
}

/* ---- the commands ---- */

static void wire_open(const struct argument *a, struct rayos_reply *r)
{
    (void)a;
    int n = 0;
    while (n < CONNECTIONS_MOST && tunnels[n].connection)
        n++;
    if (n == CONNECTIONS_MOST)
        return rayos_refuse(r, "limit", "connections");
    struct connection *c = connection_open(FIRST_CLIENT + n);
    if (!c || !server_connect(c)) {
        if (c)
            connection_free(c);
        return rayos_refuse(r, "limit", "memory");
    }
    tunnels[n] = (struct tunnel){ .connection = c };
    rayos_say(r, " conn=%d", n + 1);
}

static void wire_send(const struct argument *a, struct rayos_reply *r)
{
    uint8_t bytes[DATA_MOST];
    struct tunnel *t = named(a, r);
    if (!t)
        return;
    int n = decode(a[1].word, bytes);
    if (n < 0)
        return rayos_refuse(r, "argument", "data");
    if (!t->connection->closed)
        queue_put(&t->connection->requests, bytes, (size_t)n);     /* less than one message is left of the last time */
    clients_settle();
    say_events(t, r);
}

static void wire_recv(const struct argument *a, struct rayos_reply *r)
{
    struct tunnel *t = named(a, r);
    if (t)
        say_events(t, r);
}

static void wire_memory(const struct argument *a, struct rayos_reply *r)
{
    struct tunnel *t = named(a, r);
    if (!t)
        return;
    struct queue *q = &t->connection->requests;
    if (t->handles_count == HANDLES_MOST || q->fds_written - q->fds_taken == CONNECTION_FDS)
        return rayos_refuse(r, "limit", "fds");
    struct shared *s = shared_new((size_t)a[1].number);
    if (!s)
        return rayos_refuse(r, "limit", "memory");
    if (!t->connection->closed)
        queue_put_fd(q, shared_hold(s));
    rayos_say(r, " fd=%d", handle_new(t, s));
}

static void wire_fill(const struct argument *a, struct rayos_reply *r)
{
    uint32_t runs[DATA_MOST / 4];
    struct tunnel *t = named(a, r);
    struct shared *s = t ? memory_of(t, a, r) : NULL;
    if (!s)
        return;
    int n = decode(a[3].word, (uint8_t *)runs);
    uint64_t at = (uint64_t)a[2].number, pixels = 0;
    for (int i = 0; i < n / 4; i += 2)
        pixels += runs[i];
    if (n < 0 || n % 8)
        return rayos_refuse(r, "argument", "runs");
    if (at + pixels * 4 > s->size)
        return rayos_refuse(r, "argument", "at");
    uint8_t *to = s->bytes + at;
    for (int i = 0; i < n / 4; i += 2)
        for (uint32_t k = 0; k < runs[i]; k++, to += 4)
            memcpy(to, &runs[i + 1], 4);
}

/* Tasks that hold this memory asked for what was written there just now. */
static void tell_holders(const struct shared *s)
{
    bool any = false;
    for (int id = 1; id <= TASKS; id++) {
        struct task *t = task_by_id(id);
        bool holds = false;
        for (int fd = 0; t && fd < TASK_HANDLES; fd++)
            holds |= t->handles[fd].shared == s;
        any |= holds && task_order(t, &(struct order){ .verb = ORDER_COLLECT });
    }
    if (any)
        clients_settle();
}

static void wire_put(const struct argument *a, struct rayos_reply *r)
{
    uint8_t bytes[DATA_MOST];
    struct tunnel *t = named(a, r);
    struct shared *s = t ? memory_of(t, a, r) : NULL;
    if (!s)
        return;
    int n = decode(a[3].word, bytes);
    if (n < 0)
        return rayos_refuse(r, "argument", "data");
    if ((uint64_t)a[2].number + (uint64_t)n > s->size)
        return rayos_refuse(r, "argument", "at");
    memcpy(s->bytes + a[2].number, bytes, (size_t)n);
    tell_holders(s);
}

static void wire_get(const struct argument *a, struct rayos_reply *r)
{
    struct tunnel *t = named(a, r);
    const struct shared *s = t ? memory_of(t, a, r) : NULL;
    if (!s)
        return;
    size_t at = (size_t)a[2].number, n = (size_t)a[3].number;
    if (at > s->size)
        return rayos_refuse(r, "argument", "at");
    rayos_say(r, " size=%lu data=", s->size);
    say_base64(r, s->bytes + at, n < s->size - at ? n : s->size - at);
}

static void wire_close(const struct argument *a, struct rayos_reply *r)
{
    struct tunnel *t = named(a, r);
    if (!t)
        return;
    clients_left(t->connection->client);
    server_disconnect(t->connection);
    connection_free(t->connection);
    for (int i = 0; i < t->handles_count; i++)
        shared_drop(t->handles[i]);
    *t = (struct tunnel){ 0 };
    clients_settle();
}

#define CONNECTION PARAMETER_NUMBER("conn", 1, CONNECTIONS_MOST)
#define HANDLE     PARAMETER_NUMBER("fd", 1, HANDLES_MOST)
#define PLACE      PARAMETER_NUMBER("at", 0, MEMORY_MOST)
#define BYTES(name) { .key = name, .kind = ANY_WORD }

const struct command tunnel_commands[] = {
    { "wire-open", wire_open, { } },
    { "wire-send", wire_send, { CONNECTION, BYTES("data") } },
    { "wire-recv", wire_recv, { CONNECTION } },
    { "wire-memory", wire_memory, { CONNECTION, PARAMETER_NUMBER("size", 1, MEMORY_MOST) } },
    { "wire-fill", wire_fill, { CONNECTION, HANDLE, PLACE, BYTES("runs") } },
    { "wire-put", wire_put, { CONNECTION, HANDLE, PLACE, BYTES("data") } },
    { "wire-get", wire_get, { CONNECTION, HANDLE, PLACE, PARAMETER_NUMBER("length", 1, READ_MOST) } },
    { "wire-close", wire_close, { CONNECTION } },
    { }
};
