/* Two buffers in a shared memory pool. While the compositor has one, the next picture is drawn into the other. */
#include "client.h"
#include "calls.h"

enum { SLOTS = 2, PAGE = 4096, MOST = DESKTOP_WIDTH * DESKTOP_HEIGHT * 4 };

static struct slot {
    uint32_t id;                /* its wl_buffer; 0: none */
    int width, height;
    bool busy;                  /* the compositor has it */
    uint32_t *pixels;
    struct box missing;         /* where it is older than the picture committed last */
    struct drawn drawn;
} slots[SLOTS];
static struct slot *current;    /* committed last */
static uint32_t pool;
static int memory;              /* handle of the pool's */
static uint32_t room;           /* bytes of the pool for each slot */

bool buffers_free(void)
{
    return !slots[0].busy || !slots[1].busy;
}

static void destroy(uint32_t id)
{
    WIRE0(id, BUFFER_DESTROY);
    wire_gone(id);
}

void buffers_release(uint32_t id)
{
    for (int i = 0; i < SLOTS; i++)
        if (slots[i].id == id) {
            slots[i].busy = false;
            return;
        }
    destroy(id);                /* of an earlier pool */
}

static struct box whole_picture(void)
{
    return (struct box){ 0, 0, picture.width, picture.height };
}

static struct box joined(struct box a, struct box b)
{
    if (!a.width || !b.width)
        return a.width ? a : b;
    int x = a.x < b.x ? a.x : b.x, y = a.y < b.y ? a.y : b.y;
    int right = a.x + a.width > b.x + b.width ? a.x + a.width : b.x + b.width;
    int bottom = a.y + a.height > b.y + b.height ? a.y + a.height : b.y + b.height;
    return (struct box){ x, y, right - x, bottom - y };
}

/* A larger pool. The compositor may still show a buffer of the one before: that goes when it is released. */
static void new_pool(uint32_t need)
{
    uint32_t size = need + (room ? need / 2 : 0);       /* a window that grows will grow on */
    size = ((size < MOST ? size : MOST) + PAGE - 1) & -(uint32_t)PAGE;
    if (pool) {
        WIRE0(pool, POOL_DESTROY);
        wire_gone(pool);
        for (int i = 0; i < SLOTS; i++)
            if (slots[i].id && !slots[i].busy)
                destroy(slots[i].id);
        wire_flush();
        call_close(memory);
    }
    void *address;
    memory = (int)call_share(SLOTS * size, &address);
    if (memory < 0)
        call_exit(EXIT_MEMORY);
    wire_fd(memory);
    pool = wire_new_id(OBJECT_POOL);
    WIRE(objects.shm, SHM_CREATE_POOL, pool, SLOTS * size);
    room = size;
    for (int i = 0; i < SLOTS; i++)
        slots[i] = (struct slot){ .pixels = (uint32_t *)((uint8_t *)address + (uint32_t)i * size) };
    current = NULL;
}

/* A free slot (the one that lacks nothing if it can be had), with a buffer of the picture's size. */
static struct slot *prepare(void)
{
    uint32_t need = (uint32_t)(picture.width * picture.height * 4);
    if (need > room)
        new_pool(need);
    struct slot *s = current && !current->busy ? current : slots[0].busy ? &slots[1] : &slots[0];
    if (s->id && s->width == picture.width && s->height == picture.height)
        return s;
    if (s->id)
        destroy(s->id);
    s->id = wire_new_id(OBJECT_BUFFER);
    s->width = picture.width;
    s->height = picture.height;
    s->drawn.plain_checker = false;
    WIRE(pool, POOL_CREATE_BUFFER, s->id, (uint32_t)(s - slots) * room, (uint32_t)s->width, (uint32_t)s->height, (uint32_t)s->width * 4,
         FORMAT_XRGB8888);
    return s;
}

uint32_t buffers_draw(bool whole, const struct box *block, uint32_t block_color)
{
    struct slot *s = prepare();
    if (whole)
        s->drawn = content_redraw(&picture, s->pixels, s->drawn);
    else if (s != current)
        content_copy(&picture, s->pixels, current->pixels, s->missing);
    if (block)
        content_draw_block(&picture, s->pixels, block->x, block->y, block_color);
    s->missing = (struct box){ 0 };
    s->drawn.plain_checker &= whole && !block;
    struct slot *other = &slots[s == slots];
    other->missing = whole ? whole_picture() : joined(other->missing, *block);
    s->busy = true;
    current = s;
    return s->id;
}

void buffers_destroy(void)
{
    for (int i = 0; i < SLOTS; i++)
        if (slots[i].id)
            destroy(slots[i].id);
    if (pool)
        WIRE0(pool, POOL_DESTROY);
}
