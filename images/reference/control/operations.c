/* What `perf` can measure. */
#include "operations.h"
#include <stddef.h>
#include "alloc.h"
#include "clients.h"
#include "clock.h"
#include "connection.h"
#include "damage.h"
#include "disk_log.h"
#include "io.h"
#include "keyboard.h"
#include "present.h"
#include "programs/orders.h"
#include "ps2.h"
#include "server.h"
#include "string.h"
#include "trap.h"
#include "vga.h"
#include "windows.h"

/* present: a square of the desktop is drawn, summed and copied to the screen. */

enum { SQUARE = 256, STEP_X = 37, STEP_Y = 53 };

static const char *present_once(uint32_t i)
{
    damage_add(rect_at((int)(i * STEP_X % (DESKTOP_WIDTH - SQUARE)), (int)(i * STEP_Y % (DESKTOP_HEIGHT - SQUARE)), SQUARE, SQUARE));
    if (!present())
        return "present";
    server_presented(present_frame(), clock_us());
    return NULL;
}

/* commit and input have a client of their own, so that those of the test are afterwards as they were. */

static int own_client;

static const char *client_begin(void)
{
    own_client = WINDOW_IDS;
    while (own_client && task_by_id(own_client))
        own_client--;
    struct task_arguments a = { .id = own_client, .x = 64, .y = 64, .width = 160, .height = 120, .color = 0x304050, .kind = CONTENT_CHECKER };
    return own_client && clients_start(&a) ? NULL : "clients";
}

static void client_end(void)
{
    clients_end(own_client);
}

/* commit: the client is told to redraw; it draws its content and commits, and the compositor has taken it in. */

static const char *commit_once(uint32_t i)
{
    (void)i;
    static const struct order redraw = { .verb = ORDER_REDRAW };
    struct task *t = task_by_id(own_client);
    if (!t || !task_order(t, &redraw))
        return "client";
    clients_settle();
    return NULL;
}

/* input: a byte appears in the keyboard controller, interrupts, becomes an event, and the focused client has handled it. The key
 * is Shift, pressed and released in turn: it types nothing. */

enum { CONTROLLER = 0x64, CONTROLLER_DATA = 0x60, AS_FROM_KEYBOARD = 0xD2, INPUT_FULL = 2, SHIFT = 0x2A, RELEASE = 0x80 };

static bool shift_down;

static const char *input_begin(void)
{
    shift_down = false;
    return client_begin();
}

static const char *input_once(uint32_t i)
{
    (void)i;
    uint64_t from = clock_us();
    shift_down = !shift_down;
    outb(CONTROLLER, AS_FROM_KEYBOARD);
    while (inb(CONTROLLER) & INPUT_FULL)
        ;
    outb(CONTROLLER_DATA, shift_down ? SHIFT : SHIFT | RELEASE);
    struct key_event e;
    while (!keyboard_event(&e)) {
        interrupts_off();
        if (!ps2_has_key_byte())
            clock_halt();
        if (!trap_return_masked)
            interrupts_on();
    }
    server_key(e.code, e.down, from);
    clients_settle();
    return NULL;
}

static void input_end(void)
{
    if (shift_down)
        input_once(0);
    client_end();
}

/* alloc: one of 64 live blocks is released and another allocated, of 16 to 4,111 bytes. */

enum { LIVE = 64 };

static void *live[LIVE];

static const char *alloc_once(uint32_t i)
{
    uint32_t mixed = (i + 1) * 0x9E3779B9u;
    void **slot = &live[(mixed >> 8) % LIVE];
    if (*slot)
        release(*slot);
    *slot = alloc(16 + (mixed >> 16) % 4096);
    return *slot ? NULL : "memory";
}

static void alloc_end(void)
{
    for (int i = 0; i < LIVE; i++) {
        if (live[i])
            release(live[i]);
        live[i] = NULL;
    }
}

/* disk: a record is written to the scratch sector, and flushed. */

static const char *disk_begin(void)
{
    struct disk_state s;
    return disk_log_state(&s) == DISK_OK ? NULL : "disk";
}

static const char *disk_once(uint32_t i)
{
    return disk_scratch_write(i + 1, true) == DISK_OK ? NULL : "io";
}

/* wire: wl_display.sync on a connection of its own, and its wl_callback.done and wl_display.delete_id. */

enum { MEASURING = 999 /* client id */, DISPLAY = 1, CALLBACK = 2, SYNC = 0, MESSAGE = 12 };

static struct connection *wire;

static const char *wire_begin(void)
{
    wire = connection_open(MEASURING);
    if (wire && server_connect(wire))
        return NULL;
    if (wire)
        connection_free(wire);
    return "memory";
}

static const char *wire_once(uint32_t i)
{
    (void)i;
    static const uint32_t sync[] = { DISPLAY, MESSAGE << 16 | SYNC, CALLBACK };
    uint32_t events[6];
    queue_put(&wire->requests, sync, sizeof sync);
    server_handle(wire);
    if (queue_used(&wire->events) != sizeof events)
        return "wire";
    queue_take(&wire->events, events, sizeof events);
    return events[0] == CALLBACK && events[3] == DISPLAY && events[5] == CALLBACK ? NULL : "wire";
}

static void wire_end(void)
{
    server_disconnect(wire);
    connection_free(wire);
}

static const struct operation operations[] = {
    { "present", NULL, present_once, NULL },
    { "commit", client_begin, commit_once, client_end },
    { "input", input_begin, input_once, input_end },
    { "alloc", NULL, alloc_once, alloc_end },
    { "disk", disk_begin, disk_once, NULL },
    { "wire", wire_begin, wire_once, wire_end },
};

const struct operation *operation_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (same_text(operations[i].name, name))
            return &operations[i];
    return NULL;
}
