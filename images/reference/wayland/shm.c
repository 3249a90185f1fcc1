/* wl_shm: pools of shared memory, and buffers in them. */
#include "alloc.h"
#include "surface.h"

enum { FORMAT_EVENT = 0, BUFFER_RELEASE = 0, ARGB8888 = 0, XRGB8888 = 1, BYTES_PER_PIXEL = 4 };
enum { INVALID_FORMAT, INVALID_STRIDE, INVALID_FD };

static void pool_drop(struct pool *p)
{
    if (--p->references)
        return;
    shared_drop(p->memory);
    release(p);
}

static void formats(struct object *shm)
{
    event(shm, FORMAT_EVENT, "u", ARGB8888);
    event(shm, FORMAT_EVENT, "u", XRGB8888);
}

static void create_pool(struct object *shm, const union wire_argument *a)
{
    int32_t size = a[2].i;
    if (size <= 0)
        return post_error(shm, INVALID_STRIDE, "invalid pool size %d", size);
    if (a[1].fd->size < (size_t)size)
        return post_error(shm, INVALID_FD, "pool of %d bytes in %lu bytes of memory", size, a[1].fd->size);
    struct pool *p = client_memory(shm->client, sizeof *p, &shm->client->pools, POOLS_MOST);
    if (!p)
        return;
    *p = (struct pool){ .references = 1, .memory = shared_hold(a[1].fd), .size = size };
    object_new(shm, a[0].u, &pool_interface, p);
}

static void create_buffer(struct object *pool, const union wire_argument *a)
{
    struct pool *p = pool->data;
    int64_t offset = a[1].i, width = a[2].i, height = a[3].i, stride = a[4].i;
    if (a[5].u != ARGB8888 && a[5].u != XRGB8888)
        return post_error(pool, INVALID_FORMAT, "invalid format 0x%x", a[5].u);
    /* Whole rows of stride bytes, all of them: every byte that may be read lies in the pool, which never shrinks. */
    if (offset < 0 || width <= 0 || height <= 0 || stride < width * BYTES_PER_PIXEL || offset + stride * height > p->size)
        return post_error(pool, INVALID_STRIDE, "invalid width, height or stride (%ldx%ld, %ld)", width, height, stride);
    struct buffer *b = client_memory(pool->client, sizeof *b, &pool->client->buffers, BUFFERS_MOST);
    if (!b)
        return;
    *b = (struct buffer){ .references = 1, .pool = p, .offset = a[1].i, .width = a[2].i, .height = a[3].i, .stride = a[4].i };
    p->references++;
    b->object = object_new(pool, a[0].u, &buffer_interface, b);
}

static void resize(struct object *pool, const union wire_argument *a)
{
    struct pool *p = pool->data;
    if (a[0].i < p->size)
        return post_error(pool, INVALID_FD, "shrinking pool from %d to %d", p->size, a[0].i);
    if ((size_t)a[0].i > p->memory->size)
        return post_error(pool, INVALID_FD, "pool of %d bytes in %lu bytes of memory", a[0].i, p->memory->size);
    p->size = a[0].i;
}

static void pool_destroyed(struct object *pool)
{
    pool->client->pools--;
    pool_drop(pool->data);
}

const uint8_t *buffer_pixels(const struct buffer *b)
{
    return b->pool->memory->bytes + b->offset;
}

void buffer_hold(struct buffer *b)
{
    b->references++;
}

void buffer_drop(struct buffer *b)
{
    if (--b->references)
        return;
    pool_drop(b->pool);
    release(b);
}

void buffer_show(struct buffer *b, bool show)
{
    b->shown += show ? 1 : -1;
    if (!b->shown && b->object)
        event(b->object, BUFFER_RELEASE, "");
}

static void buffer_destroyed(struct object *buffer)
{
    struct buffer *b = buffer->data;
    buffer->client->buffers--;
    b->object = NULL;
    buffer_drop(b);
}

static const struct request shm_requests[] = { { "create_pool", "nhi", create_pool, { }, 1 } };
const struct interface shm_interface = { "wl_shm", 1, REQUESTS(shm_requests), NULL, formats };

static const struct request pool_requests[] = {
    { "create_buffer", "niiiiu", create_buffer, { }, 1 },
    { "destroy", "", request_destroy, { }, 1 },
    { "resize", "i", resize, { }, 1 },
};
const struct interface pool_interface = { "wl_shm_pool", 1, REQUESTS(pool_requests), pool_destroyed, NULL };

static const struct request buffer_requests[] = { { "destroy", "", request_destroy, { }, 1 } };
const struct interface buffer_interface = { "wl_buffer", 1, REQUESTS(buffer_requests), buffer_destroyed, NULL };
