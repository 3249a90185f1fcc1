/* Wayland connections in memory. */
#include "connection.h"
#include "alloc.h"
#include "string.h"

static struct connection *open[CONNECTIONS];
static int count;

struct connection *connection_open(int client)
{
    struct connection *c = count < CONNECTIONS ? alloc(sizeof *c + REQUEST_BYTES + EVENT_BYTES) : NULL;
    if (!c)
        return NULL;
    uint8_t *bytes = (uint8_t *)(c + 1);
    *c = (struct connection){
        .client = client,
        .requests = { .size = REQUEST_BYTES, .bytes = bytes },
        .events = { .size = EVENT_BYTES, .bytes = bytes + REQUEST_BYTES },
    };
    return open[count++] = c;
}

static void drop_fds(struct queue *q)
{
    for (struct shared *s; (s = queue_take_fd(q)); )
        shared_drop(s);
}

void connection_free(struct connection *c)
{
    int i = 0;
    while (open[i] != c)
        i++;
    for (count--; i < count; i++)
        open[i] = open[i + 1];
    drop_fds(&c->requests);
    drop_fds(&c->events);
    release(c);
}

struct connection *connection_at(int index)
{
    return index < count ? open[index] : NULL;
}

size_t queue_used(const struct queue *q)
{
    return q->written - q->taken;
}

size_t queue_room(const struct queue *q)
{
    return q->size - queue_used(q);
}

/* How many of n bytes lie before the queue's end, and the rest at its beginning. */
static size_t first_part(const struct queue *q, uint32_t at, size_t n)
{
    size_t whole = q->size - at % q->size;
    return n < whole ? n : whole;
}

void queue_put(struct queue *q, const void *bytes, size_t n)
{
    size_t part = first_part(q, q->written, n);
    memcpy(q->bytes + q->written % q->size, bytes, part);
    memcpy(q->bytes, (const uint8_t *)bytes + part, n - part);
    q->written += (uint32_t)n;
}

void queue_peek(const struct queue *q, void *to, size_t n)
{
    size_t part = first_part(q, q->taken, n);
    memcpy(to, q->bytes + q->taken % q->size, part);
    memcpy((uint8_t *)to + part, q->bytes, n - part);
}

void queue_take(struct queue *q, void *to, size_t n)
{
    if (to)
        queue_peek(q, to, n);
    q->taken += (uint32_t)n;
}

bool queue_put_fd(struct queue *q, struct shared *s)
{
    if (q->fds_written - q->fds_taken == CONNECTION_FDS)
        return false;
    q->fds[q->fds_written++ % CONNECTION_FDS] = s;
    return true;
}

struct shared *queue_take_fd(struct queue *q)
{
    return q->fds_taken == q->fds_written ? NULL : q->fds[q->fds_taken++ % CONNECTION_FDS];
}
