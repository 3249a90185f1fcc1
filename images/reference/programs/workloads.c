/* The workloads of docs/reference-guest.md: what a client does at each tick. */
#include "client.h"
#include "calls.h"

enum {
    TICKS_PER_SECOND = 60, TYPIST_EVERY = 6, POINTER_MOTIONS = 4, RESIZE_PERIOD = 64, SURGE_PERIOD = 360, SURGE_FROM = 300,
    CLIPBOARD_EVERY = 10, SLOW_EVERY = 30, HOARD_EVERY = 10, HOARD_BUFFERS = 64, HOARD_BYTES = 64 << 10, HOARD_SIDE = 128,
};

static struct {
    enum workload name;
    uint32_t seed, rate;
    uint32_t k;                 /* ticks after the command */
    uint32_t shown;             /* the film's picture */
    int width, height;          /* of the content, at the command */
    int hoarded;
} work;

static void fill_solid(uint32_t k)
{
    picture.kind = CONTENT_SOLID;
    picture.color = mix(work.seed, k) & 0xFFFFFF;
    client_draw_whole();
}

static void draw_full(uint32_t k)
{
    (void)k;
    picture.kind = CONTENT_CHECKER;
    picture.redraws++;
    client_draw_whole();
}

static void draw_block(uint32_t k)
{
    uint32_t m = mix(work.seed, k);
    client_draw_block((int)(m % (uint32_t)(picture.width - 15)), (int)((m >> 16) % (uint32_t)(picture.height - 15)),
                      mix(work.seed ^ 0x5BD1E995, k) & 0xFFFFFF);
}

static void play_film(uint32_t k)
{
    uint32_t m = (uint32_t)((uint64_t)k * work.rate / TICKS_PER_SECOND);
    if (k && m == work.shown)
        return;
    work.shown = m;
    picture.media = true;
    picture.media_seed = work.seed + m;
    client_draw_whole();
}

static void type_key(uint32_t k)
{
    /* evdev codes of a to z */
    static const uint8_t codes[] = { 30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, 50, 49, 24, 25, 16, 19, 31, 20, 22, 47, 17, 45, 21, 44 };
    if (k % TYPIST_EVERY != TYPIST_EVERY - 1 || !objects.shell)
        return;
    uint32_t code = codes[mix(work.seed, k) % sizeof codes];
    WIRE(objects.shell, SHELL_KEY, code, 1);
    WIRE(objects.shell, SHELL_KEY, code, 0);
}

static void move_pointer(uint32_t k)
{
    for (uint32_t i = 0; i < POINTER_MOTIONS && objects.shell; i++) {
        uint32_t m = mix(work.seed, POINTER_MOTIONS * k + i);
        WIRE(objects.shell, SHELL_MOTION, m % DESKTOP_WIDTH, (m >> 16) % DESKTOP_HEIGHT);
    }
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void resize(uint32_t k)
{
    int t = (int)(k % RESIZE_PERIOD), d = t < RESIZE_PERIOD / 2 ? t : RESIZE_PERIOD - t;
    client_resize(least(work.width + d, DESKTOP_WIDTH - DECORATION_WIDTH), least(work.height + d, DESKTOP_HEIGHT - DECORATION_HEIGHT));
}

static void surge(uint32_t k)
{
    if (k % SURGE_PERIOD >= SURGE_FROM)
        draw_full(k);
}

static void copy_text(uint32_t k)
{
    if (k % CLIPBOARD_EVERY || !user_has_focus())
        return;
    char text[12], digits[10];
    int n = 0, length = 0;
    do
        digits[n++] = (char)('0' + k % 10);
    while (k /= 10);
    text[length++] = 'c';
    while (n)
        text[length++] = digits[--n];
    text[length] = 0;
    transfer_offer(text);
}

static void read_slowly(uint32_t k)
{
    (void)k;                    /* work_slow_tick() */
}

static void hoard(uint32_t k)
{
    if (k % HOARD_EVERY || work.hoarded == HOARD_BUFFERS)
        return;
    void *address;
    int fd = (int)call_share(HOARD_BYTES, &address);
    if (fd < 0)
        call_exit(EXIT_MEMORY);
    for (volatile uint64_t *p = address; p < (volatile uint64_t *)((uint8_t *)address + HOARD_BYTES); p++)
        *p = 0;
    wire_fd(fd);
    uint32_t pool = wire_new_id(OBJECT_POOL);
    WIRE(objects.shm, SHM_CREATE_POOL, pool, HOARD_BYTES);
    WIRE(pool, POOL_CREATE_BUFFER, wire_new_id(OBJECT_BUFFER), 0, HOARD_SIDE, HOARD_SIDE, HOARD_SIDE * 4, FORMAT_XRGB8888);
    WIRE0(pool, POOL_DESTROY);
    wire_gone(pool);
    wire_flush();
    call_close(fd);             /* the buffer keeps the memory */
    work.hoarded++;
}

static void (*const ticks[WORKLOAD_COUNT])(uint32_t k) = {
    [WORK_solid] = fill_solid, [WORK_full] = draw_full, [WORK_damage] = draw_block, [WORK_media] = play_film, [WORK_typist] = type_key,
    [WORK_pointer] = move_pointer, [WORK_resize] = resize, [WORK_surge] = surge, [WORK_clipboard] = copy_text, [WORK_slow] = read_slowly,
    [WORK_hoard] = hoard,
};

void work_start(enum workload name, uint32_t seed, int rate)
{
    work = (typeof(work)){ .name = name, .seed = seed, .rate = (uint32_t)rate, .hoarded = work.hoarded };
    client_size(&work.width, &work.height);
    client_status(STATUS_WORK, name);
}

bool work_is_film(void)
{
    return work.name == WORK_media;
}

bool work_wants_ticks(void)
{
    return work.name != WORK_stop && work.name != WORK_slow;
}

bool work_is_slow(void)
{
    return work.name == WORK_slow;
}

bool work_slow_tick(void)
{
    return work.k++ % SLOW_EVERY == SLOW_EVERY - 1;
}

void work_tick(void)
{
    if (work_wants_ticks())
        ticks[work.name](work.k++);
}
