/* The client program: a window of the Wayland compositor, directed by orders. */
#include "client.h"
#include "calls.h"

enum { KEY_BACKSPACE = 14, KEY_ENTER = 28, KEY_LEFT_SHIFT = 42, KEY_RIGHT_SHIFT = 54, KEY_SPACE = 57, SHIFT = 1, LEFT_BUTTON = 0x110, FULLSCREEN = 2 };
enum { THEME_DARK, THEME_LIGHT };

/* The US layout: evdev codes 0-57 are those of set 1 (drivers/keyboard.c). */
static const char plain[]   = "\0\0001234567890-=\0\0qwertyuiop[]\0\0asdfghjkl;'`\0\\zxcvbnm,./\0\0\0 ";
static const char shifted[] = "\0\0!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0\0\0 ";
_Static_assert(sizeof plain == KEY_SPACE + 2 && sizeof shifted == KEY_SPACE + 2, "one character for each code");

struct objects objects;
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

static bool focused, closing, ready;
static bool left_shift, right_shift;
static uint32_t modifiers, serial;

static int64_t status[STATUS_SLOTS];
static uint32_t unpublished;        /* bits */

int client_id(void)
{
    return arguments->id;
}

bool client_has_focus(void)
{
    return focused;
}

uint32_t client_serial(void)
{
    return serial;
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

static void type(char c)
{
    if (c == '\b' ? picture.text_length == 0 : picture.text_length == TEXT_MOST)
        return;
    if (c == '\b')
        picture.text_length--;
    else
        picture.text[picture.text_length++] = c;
    client_status(STATUS_TEXT_LENGTH, picture.text_length);
    client_draw_whole();
}

void client_type(const char *text, int n)
{
    for (int i = 0; i < n; i++)
        type(text[i]);
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

/* Globals: bound as they are announced. */
static bool same(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        ;
    return *a == *b;
}

static void bind(uint32_t name, const char *interface, uint32_t offered)
{
    static const struct {
        const char *interface;
        uint32_t version, *id;
        uint8_t kind;
    } wanted[] = {
        { "wl_compositor", 4, &objects.compositor, OBJECT_GLOBAL }, { "wl_shm", 1, &objects.shm, OBJECT_GLOBAL },
        { "wl_seat", 5, &objects.seat, OBJECT_SEAT }, { "wl_data_device_manager", 3, &objects.data_manager, OBJECT_GLOBAL },
        { "xdg_wm_base", 1, &objects.wm_base, OBJECT_WM_BASE }, { "rayos_shell_v1", 1, &objects.shell, OBJECT_SHELL },
    };
    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (*wanted[i].id || !same(wanted[i].interface, interface))
            continue;
        uint32_t version = offered < wanted[i].version ? offered : wanted[i].version;
        *wanted[i].id = wire_new_id(wanted[i].kind);
        wire_begin(REGISTRY, REGISTRY_BIND);
        wire_word(name);
        wire_string(interface);
        wire_word(version);
        wire_word(*wanted[i].id);
        wire_end();
    }
}

static void make_window(void)
{
    if (!objects.compositor || !objects.shm || !objects.wm_base)
        call_exit(EXIT_UNSUPPORTED);
    objects.surface = wire_new_id(OBJECT_SURFACE);
    WIRE(objects.compositor, COMPOSITOR_CREATE_SURFACE, objects.surface);
    objects.xdg_surface = wire_new_id(OBJECT_XDG_SURFACE);
    WIRE(objects.wm_base, WM_BASE_GET_XDG_SURFACE, objects.xdg_surface, objects.surface);
    objects.toplevel = wire_new_id(OBJECT_TOPLEVEL);
    WIRE(objects.xdg_surface, XDG_SURFACE_GET_TOPLEVEL, objects.toplevel);
    char title[] = "client \0\0";
    int id = arguments->id, n = sizeof title - 3;
    if (id >= 10)
        title[n++] = (char)('0' + id / 10);
    title[n] = (char)('0' + id % 10);
    wire_begin(objects.toplevel, TOPLEVEL_SET_TITLE);
    wire_string(title);
    wire_end();
    if (objects.shell) {
        objects.window = wire_new_id(OBJECT_WINDOW);
        WIRE(objects.shell, SHELL_GET_WINDOW, objects.window, objects.toplevel);
        WIRE(objects.window, WINDOW_SET_PLACE, (uint32_t)arguments->x, (uint32_t)arguments->y);
        WIRE(objects.window, WINDOW_SET_ACCENT, arguments->color);
    }
    WIRE0(objects.surface, SURFACE_COMMIT);     /* asks for the first configure */
    if (objects.seat) {
        objects.keyboard = wire_new_id(OBJECT_KEYBOARD);
        WIRE(objects.seat, SEAT_GET_KEYBOARD, objects.keyboard);
        objects.pointer = wire_new_id(OBJECT_POINTER);
        WIRE(objects.seat, SEAT_GET_POINTER, objects.pointer);
    }
    transfer_begin();
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

static void handle_key(uint32_t code, bool down)
{
    if (code == KEY_LEFT_SHIFT)
        left_shift = down;
    if (code == KEY_RIGHT_SHIFT)
        right_shift = down;
    if (!down)
        return;
    client_count(STATUS_KEYS);
    bool shift = left_shift || right_shift || modifiers & SHIFT;
    char c = code == KEY_ENTER ? '\n' : code == KEY_BACKSPACE ? '\b' : code > KEY_SPACE ? 0 : shift ? shifted[code] : plain[code];
    if (c)
        type(c);
}

static void keyboard_event(unsigned opcode, const uint32_t *words)
{
    enum { KEYMAP, ENTER, LEAVE, KEY, MODIFIERS };
    switch (opcode) {
    case KEYMAP: {
        int fd = wire_take_fd();
        if (fd >= 0)
            call_close(fd);
        break;
    }
    case ENTER:
        serial = words[0];
        focused = true;
        left_shift = right_shift = false;
        for (uint32_t i = 0; i < words[2] / 4; i++) {
            left_shift |= words[3 + i] == KEY_LEFT_SHIFT;
            right_shift |= words[3 + i] == KEY_RIGHT_SHIFT;
        }
        break;
    case LEAVE:
        focused = left_shift = right_shift = false;
        break;
    case KEY:
        serial = words[0];
        handle_key(words[2], words[3]);
        break;
    case MODIFIERS:
        modifiers = words[1];
        break;
    }
}

static void pointer_event(unsigned opcode, const uint32_t *words)
{
    enum { MOTION = 2, BUTTON = 3 };
    if (opcode == MOTION)
        client_count(STATUS_MOTIONS);
    if (opcode == BUTTON) {
        serial = words[0];
        if (words[2] == LEFT_BUTTON && words[3])
            transfer_pressed(serial);
    }
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
        keyboard_event(opcode, words);
        break;
    case OBJECT_POINTER:
        pointer_event(opcode, words);
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
            bind(words[0], (const char *)&words[2], words[n - 1]);
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
        transfer_offer(o->text);
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

_Noreturn static void close(void)
{
    if (objects.window)
        WIRE0(objects.window, WINDOW_DESTROY);
    WIRE0(objects.toplevel, TOPLEVEL_DESTROY);
    WIRE0(objects.xdg_surface, XDG_SURFACE_DESTROY);
    WIRE0(objects.surface, SURFACE_DESTROY);
    buffers_destroy();
    wire_flush();
    call_exit(EXIT_CLOSED);
}

static void turn(void)
{
    if (ready) {
        ready = false;
        make_window();
    }
    if (closing)
        close();
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
        if (unread && reads(what)) {
            unread = false;
            wire_read();
        } else if (what & WAIT_CLOSED) {
            call_exit(EXIT_DISCONNECTED);
        }
        turn();
    }
}
