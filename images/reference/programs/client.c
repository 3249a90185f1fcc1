/* The client program: a window of the Wayland compositor, directed by orders. */
#include "client.h"
#include "calls.h"

enum { FULLSCREEN = 2 /* a toplevel's state */ };
enum { THEME_DARK, THEME_LIGHT };

struct picture picture;
static const struct task_arguments *arguments;
static bool animated;

/* What is to be committed. */
static bool whole, block_damaged, commit_due, ack_due, configured, tick_due;
static struct box block;
static uint32_t block_color, ack_serial;
static uint32_t frame;              /* the callback that the next tick is told by; 0: none is wanted */
static int configured_width, configured_height;     /* by the last toplevel event; 0: as we like */
static bool configured_fullscreen, fullscreen;
static int own_width, own_height;                   /* when it is not fullscreen */

static bool closing, ready;
static bool copy_due;           /* after the events of the turn: they may bring the focus, whose serial it needs */
static struct order to_copy;

static int64_t status[STATUS_SLOTS];
static uint32_t unpublished;        /* bits */

int client_id(void)
{
    return arguments->id;
}

void client_status(enum status_slot slot, int64_t value)
{
    status[slot] = value;
    unpublished |= 1u << slot;
}

int64_t client_count(enum status_slot slot)
{
    return ++status[slot];
}

void client_publish(void)
{
    status[STATUS_REDRAWS] = picture.redraws;
    unpublished = (1u << STATUS_SLOTS) - 1;
}

void client_draw_whole(void)
{
    picture.media &= work_is_film();        /* else its last picture stays until now */
    whole = true;
    block_damaged = false;          /* drawn over */
}

void client_draw_block(int x, int y, uint32_t color)
{
    block = (struct box){ x, y, BLOCK, BLOCK };
    block_color = color;
    block_damaged = true;
}

static void set_size(int width, int height)
{
    picture.width = width;
    picture.height = height;
    client_draw_whole();
}

void client_resize(int width, int height)
{
    if (fullscreen)
        return;
    own_width = width;
    own_height = height;
    set_size(width, height);
}

void client_size(int *width, int *height)
{
    *width = own_width;
    *height = own_height;
}

static void redraw(void)
{
    picture.redraws++;
    client_draw_whole();
}

static void set_theme(uint32_t theme)
{
    picture.text_color = theme == THEME_LIGHT ? 0x000000 : 0xFFFFFF;
    client_draw_whole();
}

static void tick(void)
{
    if (animated)
        redraw();
    work_tick();
    misbehave_tick();
}

static void configure(uint32_t with)
{
    int width = configured_width, height = configured_height;
    fullscreen = configured_fullscreen && width && height;
    if (fullscreen) {
        width = width < DESKTOP_WIDTH ? width : DESKTOP_WIDTH;
        height = height < DESKTOP_HEIGHT ? height : DESKTOP_HEIGHT;
    } else {
        if (width > 0 && width <= DESKTOP_WIDTH && height > 0 && height <= DESKTOP_HEIGHT) {
            own_width = width;
            own_height = height;
        }
        width = own_width;
        height = own_height;
    }
    if (!configured || width != picture.width || height != picture.height)
        set_size(width, height);
    configured = true;
    commit_due = true;
    ack_due = true;
    ack_serial = with;
}

static void toplevel_event(unsigned opcode, const uint32_t *words)
{
    enum { CONFIGURE, CLOSE };
    if (opcode == CLOSE)
        closing = true;
    if (opcode != CONFIGURE)
        return;
    configured_width = (int)words[0];
    configured_height = (int)words[1];
    configured_fullscreen = false;
    for (uint32_t i = 0; i < words[2] / 4; i++)
        configured_fullscreen |= words[3 + i] == FULLSCREEN;
}

void wire_event(uint32_t object, unsigned opcode, const uint32_t *words, size_t n)
{
    enum { DISPLAY_DELETE_ID = 1 };
    (void)n;
    switch (wire_kind(object)) {
    case OBJECT_DISPLAY:
        if (opcode == DISPLAY_DELETE_ID)
            wire_deleted(words[0]);
        break;
    case OBJECT_FRAME:
        wire_gone(object);
        if (object != frame)
            break;
        frame = 0;
        tick_due = true;
        break;
    case OBJECT_BUFFER:
        client_count(STATUS_RELEASES);
        buffers_release(object);
        break;
    case OBJECT_KEYBOARD:
        user_keyboard_event(opcode, words);
        break;
    case OBJECT_POINTER:
        user_pointer_event(opcode, words);
        break;
    case OBJECT_TOPLEVEL:
        toplevel_event(opcode, words);
        break;
    case OBJECT_XDG_SURFACE:
        configure(words[0]);
        break;
    case OBJECT_WM_BASE:
        if (!misbehaving.no_pong)
            WIRE(objects.wm_base, WM_BASE_PONG, words[0]);
        break;
    case OBJECT_SHELL:
        set_theme(words[0]);
        break;
    case OBJECT_DATA_DEVICE:
        transfer_device_event(opcode, words);
        break;
    case OBJECT_DATA_SOURCE:
        transfer_source_event(object, opcode);
        break;
    case OBJECT_REGISTRY:
        if (opcode == 0)
            connect_bind(words[0], (const char *)&words[2], words[n - 1]);
        break;
    case OBJECT_READY:
        wire_gone(object);
        ready = true;
        break;
    }
}

static void take_order(const struct order *o)
{
    if (misbehaving.deaf && o->verb != ORDER_PUBLISH)
        return;
    switch (o->verb) {
    case ORDER_REDRAW:
        redraw();
        break;
    case ORDER_ANIMATE:
        animated = o->number[0];
        client_status(STATUS_ANIMATED, animated);
        break;
    case ORDER_WORK:
        work_start((enum workload)o->number[0], (uint32_t)o->number[1], o->number[2]);
        break;
    case ORDER_MISBEHAVE:
        misbehave((enum misbehaviour)o->number[0]);
        break;
    case ORDER_COPY:
        to_copy = *o;
        copy_due = true;
        break;
    case ORDER_PASTE:
        transfer_ask();
        break;
    case ORDER_DRAG:
        transfer_arm(o->number[0]);
        break;
    case ORDER_PUBLISH:
        client_publish();
        break;
    }                           /* ORDER_COLLECT only wakes */
}

/* One commit for all that happened in this turn. What needs a buffer waits until the compositor releases one. */
static void commit(void)
{
    bool damaged = whole || block_damaged, draws = damaged && buffers_free();
    bool wants = animated || work_wants_ticks() || misbehaving.leaks, asks = wants && !frame;
    if (!wants)
        frame = 0;              /* one that is under way means nothing when it is wanted again */
    if (!configured || !(draws || asks || (commit_due && !damaged)))
        return;
    if (draws) {
        uint32_t buffer = buffers_draw(whole, block_damaged ? &block : NULL, block_color);
        const struct box all = { 0, 0, picture.width, picture.height }, *b = whole ? &all : &block;
        WIRE(objects.surface, SURFACE_ATTACH, buffer, 0, 0);
        WIRE(objects.surface, SURFACE_DAMAGE, (uint32_t)b->x, (uint32_t)b->y, (uint32_t)b->width, (uint32_t)b->height);
        whole = block_damaged = false;
    }
    if (asks) {
        frame = wire_new_id(OBJECT_FRAME);
        WIRE(objects.surface, SURFACE_FRAME, frame);
    }
    if (ack_due && (draws || !damaged)) {
        if (!misbehaving.no_ack)
            WIRE(objects.xdg_surface, XDG_SURFACE_ACK_CONFIGURE, ack_serial);
        ack_due = false;
        commit_due = false;
    }
    WIRE0(objects.surface, SURFACE_COMMIT);
    client_count(STATUS_COMMITS);
}

static void turn(void)
{
    if (ready) {
        ready = false;
        connect_make_window(arguments);
    }
    if (closing)
        connect_close();
    if (copy_due)
        transfer_offer(to_copy.text);
    copy_due = false;
    transfer_collect();
    if (tick_due && buffers_free()) {
        tick_due = false;
        tick();
    }
    commit();
    misbehave_turn();
    wire_flush();
    for (unsigned slot = 0; unpublished; slot++, unpublished >>= 1)
        if (unpublished & 1)
            call_status((enum status_slot)slot, status[slot]);
}

/* A slow reader looks at its events from the beginning to the end of some ticks. */
static bool reads(int64_t what)
{
    static bool looks;
    if (!work_is_slow())
        return !misbehaving.deaf;
    if (what & WAIT_TICK)
        looks = what & WAIT_IN_TICK && work_slow_tick();
    return looks && what & WAIT_IN_TICK && !misbehaving.deaf;
}

void program_start(const struct task_arguments *a)
{
    arguments = a;
    own_width = a->width - DECORATION_WIDTH;
    own_height = a->height - DECORATION_HEIGHT;
    picture.kind = a->kind ? CONTENT_CHECKER : CONTENT_SOLID;
    picture.color = a->color;
    picture.text_color = a->theme == THEME_LIGHT ? 0x000000 : 0xFFFFFF;
    WIRE(WIRE_DISPLAY, DISPLAY_GET_REGISTRY, wire_new_id(OBJECT_REGISTRY));
    WIRE(WIRE_DISPLAY, DISPLAY_SYNC, wire_new_id(OBJECT_READY));
    wire_flush();
    for (bool unread = false;;) {
        int64_t what = call_wait(work_is_slow());
        struct order o;
        while (what & WAIT_ORDER && call_order(&o))
            take_order(&o);
        unread |= what & WAIT_EVENTS;
        if (reads(what) && unread) {          /* in this order: a slow reader counts every tick */
            unread = false;
            wire_read();
        } else if (what & WAIT_CLOSED) {
            call_exit(EXIT_DISCONNECTED);
        }
        turn();
    }
}
