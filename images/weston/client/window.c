/* The window: its size, its buffers, and its frames. */
#define _GNU_SOURCE
#include "client.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFERS = 3 };

struct buffer {
    struct wl_buffer *handle;
    uint32_t *pixels;
    uint32_t frame;                             /* what it holds, 0: nothing of use */
    bool busy;
};

/* The buffers of one size. */
struct set {
    struct buffer buffers[BUFFERS];
    uint32_t *pixels;
    uint64_t *tiles;
    size_t bytes;
};

struct manners manners;

static struct picture picture;
static struct set *set, *before;                /* before: of the size that is still on the screen */
static uint32_t own_width, own_height;          /* where the compositor does not say another */
static uint32_t told_width, told_height;        /* by the configure that comes next; 0: as you like */
static uint64_t interval_us, due_us, committed_us;
static bool configured, waiting, mapped, changed;       /* waiting: for a frame callback; changed: by more than the next number */
static uint8_t inputs;

static void released(void *data, struct wl_buffer *handle)
{
    (void)handle;
    ((struct buffer *)data)->busy = false;
}

static const struct wl_buffer_listener buffer_events = { .release = released };

static struct set *make_set(uint32_t width, uint32_t height)
{
    struct set *s = calloc(1, sizeof *s);
    size_t stride = (size_t)width * 4, size = stride * height;
    int fd = memfd_create("buffers", MFD_CLOEXEC);
    if (!s || fd < 0 || ftruncate(fd, (off_t)(size * BUFFERS)) < 0)
        exit(LEFT_REFUSED);
    s->bytes = size * BUFFERS;
    s->pixels = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    s->tiles = calloc(tiles_of(width, height), sizeof *s->tiles);
    if (s->pixels == MAP_FAILED || !s->tiles)
        exit(LEFT_REFUSED);
    struct wl_shm_pool *pool = wl_shm_create_pool(me.shm, fd, (int32_t)s->bytes);
    for (int i = 0; i < BUFFERS; i++) {
        struct buffer *b = &s->buffers[i];
        b->pixels = s->pixels + (size_t)i * size / 4;
        b->handle = wl_shm_pool_create_buffer(pool, (int32_t)((size_t)i * size), (int32_t)width, (int32_t)height,
                                              (int32_t)stride, WL_SHM_FORMAT_XRGB8888);
        wl_buffer_add_listener(b->handle, &buffer_events, b);
    }
    wl_shm_pool_destroy(pool);
    close(fd);
    return s;
}

static void drop_set(struct set *s)
{
    if (!s)
        return;
    for (int i = 0; i < BUFFERS; i++)
        wl_buffer_destroy(s->buffers[i].handle);
    munmap(s->pixels, s->bytes);
    free(s->tiles);
    free(s);
}

static void shown(void *data, struct wl_callback *callback, uint32_t time)
{
    (void)time;
    wl_callback_destroy(callback);
    waiting = false;
    me.page->shown = (uint32_t)(uintptr_t)data;
    me.page->latency_us += now_us() - committed_us;
    drop_set(before);
    before = NULL;
    bool new_size = me.page->width != picture.width || me.page->height != picture.height;
    me.page->width = picture.width;
    me.page->height = picture.height;
    if (!mapped) {
        mapped = true;
        send(ORDERS_FD, "mapped", 6, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (new_size) {
        say("SIZE:%u:%u:%u", me.id, picture.width, picture.height);
    }
    tell_lie_at(me.page->shown);
}

static const struct wl_callback_listener frame_events = { .done = shown };

static void synchronised(void *data, struct wp_presentation_feedback *feedback, struct wl_output *output)
{
    (void)data; (void)feedback; (void)output;
}

static void presented(void *data, struct wp_presentation_feedback *feedback, uint32_t seconds_high, uint32_t seconds, uint32_t ns,
                      uint32_t refresh, uint32_t sequence_high, uint32_t sequence, uint32_t flags)
{
    uint64_t at = ((uint64_t)seconds_high << 32 | seconds) * 1000000 + ns / 1000, from = (uint64_t)(uintptr_t)data;
    uint64_t us = at > from ? at - from : 0;
    (void)refresh; (void)sequence_high; (void)sequence; (void)flags;
    wp_presentation_feedback_destroy(feedback);
    me.page->presented++;
    me.page->latencies[latency_bucket(us)]++;
    if (us > me.page->longest_us)
        me.page->longest_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void discarded(void *data, struct wp_presentation_feedback *feedback)
{
    (void)data;
    wp_presentation_feedback_destroy(feedback);
    me.page->discarded++;
}

static const struct wp_presentation_feedback_listener feedback_events = {
    .sync_output = synchronised, .presented = presented, .discarded = discarded,
};

static struct buffer *free_buffer(void)
{
    for (int i = 0; i < BUFFERS; i++)
        if (!set->buffers[i].busy)
            return &set->buffers[i];
    return NULL;
}

static void damage_bar(uint32_t frame)
{
    uint32_t from = bar_of(&picture, frame), content = picture.width - STRIP_WIDTH, first = content - from < BAR ? content - from : BAR;
    wl_surface_damage(me.surface, (int32_t)(STRIP_WIDTH + from), 0, (int32_t)first, (int32_t)picture.height);
    if (first < BAR)
        wl_surface_damage(me.surface, STRIP_WIDTH, 0, (int32_t)(BAR - first < content ? BAR - first : content), (int32_t)picture.height);
}

static void take_size(void)
{
    uint32_t width = told_width ? told_width : own_width, height = told_height ? told_height : own_height;
    if (set && width == picture.width && height == picture.height)
        return;
    before = set;
    set = make_set(width, height);
    picture.width = width;
    picture.height = height;
    picture.tiles = set->tiles;
    changed = true;
}

/* Draws the next frame into the buffer: what differs from the frame that it holds, or all of it. */
static void draw(struct buffer *b)
{
    if (picture.inputs != inputs || picture.tint != manners.tint || picture.ahead != manners.ahead)
        changed = true;
    picture.inputs = inputs;
    picture.tint = manners.tint;
    picture.ahead = manners.ahead;
    picture.pixels = b->pixels;
    if (changed)
        for (int i = 0; i < BUFFERS; i++)
            set->buffers[i].frame = 0;          /* of another content */
    picture.frame++;
    if (b->frame && !manners.whole && !manners.tint)
        redraw_picture(&picture, b->frame);
    else
        draw_picture(&picture);
    b->frame = picture.frame;
}

static void commit(struct buffer *b)
{
    uint64_t now = now_us();
    wl_callback_add_listener(wl_surface_frame(me.surface), &frame_events, (void *)(uintptr_t)picture.frame);
    if (me.presentation)
        wp_presentation_feedback_add_listener(wp_presentation_feedback(me.presentation, me.surface), &feedback_events,
                                              (void *)(uintptr_t)us_of(me.clock));
    wl_surface_attach(me.surface, b->handle, 0, 0);
    if (changed || manners.whole) {
        wl_surface_damage(me.surface, 0, 0, (int32_t)picture.width, (int32_t)picture.height);
    } else {
        wl_surface_damage(me.surface, 0, 0, STRIP_WIDTH, (int32_t)picture.height);
        damage_bar(picture.frame - 1);
        damage_bar(picture.frame);
    }
    wl_surface_commit(me.surface);
    b->busy = waiting = true;
    changed = false;
    committed_us = now;
    due_us = now + interval_us;
    me.page->drawn = picture.frame;
}

int turn(void)
{
    if (!configured || (waiting && !manners.no_callback) || manners.idle)
        return -1;
    uint64_t now = now_us();
    if (now < due_us && !manners.no_callback)
        return (int)((due_us - now + 999) / 1000);
    if (!before)
        take_size();
    struct buffer *b = free_buffer();
    if (!b)
        return -1;
    draw(b);
    commit(b);
    return manners.no_callback ? 0 : -1;
}

static void configure(void *data, struct xdg_surface *surface, uint32_t serial)
{
    (void)data;
    if (manners.never_acks)
        return;
    xdg_surface_ack_configure(surface, serial);
    configured = true;
}

static const struct xdg_surface_listener surface_events = { .configure = configure };

/* Its size is its own, but on the whole screen: that is what makes its place and its content computable. */
static void told_size(void *data, struct xdg_toplevel *toplevel, int32_t width, int32_t height, struct wl_array *states)
{
    const uint32_t *state;
    (void)data; (void)toplevel;
    if (manners.never_acks)
        return;
    told_width = told_height = 0;
    wl_array_for_each(state, states)
        if (*state == XDG_TOPLEVEL_STATE_FULLSCREEN && width > 0 && height > 0) {
            told_width = (uint32_t)width;
            told_height = (uint32_t)height;
        }
}

static void closed(void *data, struct xdg_toplevel *toplevel)
{
    (void)data; (void)toplevel;
    exit(LEFT_BY_REQUEST);
}

static const struct xdg_toplevel_listener toplevel_events = { .configure = told_size, .close = closed };

void want_size(uint32_t width, uint32_t height)
{
    own_width = width;
    own_height = height;
}

void detach_buffer(void)
{
    manners.idle = true;
    wl_surface_attach(me.surface, NULL, 0, 0);
    wl_surface_commit(me.surface);
}

void take_input(const char *kind, const char *rest)
{
    char text[WORDS_MOST];
    say("%s:%u:%s", kind, me.id, rest);
    snprintf(text, sizeof text, "%s:%s", kind, rest);
    inputs = crc8(inputs, text, (uint32_t)strlen(text));
}

bool in_strip(int x)
{
    return x < STRIP_WIDTH;
}

void open_window(const char *x, const char *y, uint32_t width, uint32_t height, uint32_t rate)
{
    char text[64];
    want_size(width, height);
    interval_us = rate > 0 ? 1000000 / rate : 0;
    picture.id = (uint16_t)me.id;
    me.surface = wl_compositor_create_surface(me.compositor);
    me.xdg_surface = xdg_wm_base_get_xdg_surface(me.shell, me.surface);
    xdg_surface_add_listener(me.xdg_surface, &surface_events, NULL);
    me.toplevel = xdg_surface_get_toplevel(me.xdg_surface);
    xdg_toplevel_add_listener(me.toplevel, &toplevel_events, NULL);
    snprintf(text, sizeof text, "rayos.client.%u@%s,%s", me.id, x, y);      /* place.c reads where it wants to be */
    xdg_toplevel_set_app_id(me.toplevel, text);
    xdg_toplevel_set_title(me.toplevel, text);
    wl_surface_commit(me.surface);
}
