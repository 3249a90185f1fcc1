/* The absolute pointer of QEMU's pc and q35 machines, behind the VMware backdoor port. */
#include "vmmouse.h"
#include "vga.h"

enum {
    MAGIC = 0x564D5868, PORT = 0x5658,
    GET_VERSION = 10, READ_DATA = 39, READ_STATUS = 40, COMMAND = 41,
    COMMAND_READ_ID = 0x45414552, COMMAND_ABSOLUTE = 0x53424152,
    VERSION_ID = 0x3442554A, STATUS_WORDS = 0xFFFF, STATUS_ERROR = 0xFFFF,
    BUTTON_LEFT = 0x20, BUTTON_RIGHT = 0x10, BUTTON_MIDDLE = 0x08,
    WORDS_PER_EVENT = 4, QUEUE = 256, AXIS_MAX = 32767,
};

static struct pointer_event queue[QUEUE];
static volatile uint32_t written, taken;

struct words { uint32_t a, b, c, d; };

static struct words backdoor(uint32_t cmd, uint32_t argument)
{
    struct words w;
    uint64_t si = 0, di = 0;        /* the port may write these too */
    __asm__ volatile("inl %%dx, %%eax"
                     : "=a"(w.a), "=b"(w.b), "=c"(w.c), "=d"(w.d), "+S"(si), "+D"(di)
                     : "0"(MAGIC), "1"(argument), "2"(cmd), "3"(PORT) : "memory");
    return w;
}

bool vmmouse_init(void)
{
    if (backdoor(GET_VERSION, ~0u).b != MAGIC)
        return false;
    backdoor(COMMAND, COMMAND_READ_ID);
    uint32_t status = backdoor(READ_STATUS, 0).a;
    if (!(status & STATUS_WORDS) || status >> 16 == STATUS_ERROR || backdoor(READ_DATA, 1).a != VERSION_ID)
        return false;
    backdoor(COMMAND, COMMAND_ABSOLUTE);
    return true;
}

/* The device gives the 15-bit axis value doubled. */
static int to_pixel(uint32_t raw, int size)
{
    return (int)(((raw >> 1 & AXIS_MAX) * (uint32_t)(size - 1) + AXIS_MAX / 2) / AXIS_MAX);
}

void vmmouse_collect(void)
{
    for (;;) {
        uint32_t status = backdoor(READ_STATUS, 0).a;
        if (status >> 16 == STATUS_ERROR || (status & STATUS_WORDS) < WORDS_PER_EVENT)
            return;
        struct words w = backdoor(READ_DATA, WORDS_PER_EVENT);
        if (written - taken >= QUEUE)
            continue;
        queue[written % QUEUE] = (struct pointer_event){
            .x = to_pixel(w.b, SCREEN_WIDTH), .y = to_pixel(w.c, SCREEN_HEIGHT),
            .buttons = (w.a & BUTTON_LEFT ? 1 : 0) | (w.a & BUTTON_RIGHT ? 2 : 0) | (w.a & BUTTON_MIDDLE ? 4 : 0),
        };
        __asm__ volatile("" ::: "memory");
        written++;
    }
}

bool vmmouse_has_event(void)
{
    return written != taken;
}

bool vmmouse_event(struct pointer_event *event)
{
    if (written == taken)
        return false;
    *event = queue[taken % QUEUE];
    __asm__ volatile("" ::: "memory");
    taken++;
    return true;
}
