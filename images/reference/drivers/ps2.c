/* The i8042 controller: keyboard bytes in, and the mouse interrupt that announces pointer events. */
#include "ps2.h"
#include "io.h"
#include "ring.h"
#include "trap.h"
#include "vmmouse.h"

enum {
    DATA = 0x60, STATUS = 0x64, COMMAND = 0x64,
    STATUS_OUTPUT_FULL = 0x01, STATUS_INPUT_FULL = 0x02, STATUS_FROM_MOUSE = 0x20,
    READ_CONFIG = 0x20, WRITE_CONFIG = 0x60, MOUSE_OFF = 0xA7, MOUSE_ON = 0xA8, KEYBOARD_OFF = 0xAD, KEYBOARD_ON = 0xAE,
    TO_MOUSE = 0xD4, ENABLE_REPORTING = 0xF4,
    CONFIG_KEYBOARD_IRQ = 0x01, CONFIG_MOUSE_IRQ = 0x02, CONFIG_TRANSLATE = 0x40,
    CONFIG_KEYBOARD_OFF = 0x10, CONFIG_MOUSE_OFF = 0x20,
    TRIES = 10000,
};

static struct ring keys;

static void wait_writable(void)
{
    for (int i = 0; i < TRIES && inb(STATUS) & STATUS_INPUT_FULL; i++)
        ;
}

static void command(uint8_t c)
{
    wait_writable();
    outb(COMMAND, c);
}

static void data(uint8_t d)
{
    wait_writable();
    outb(DATA, d);
}

static uint8_t answer(void)
{
    for (int i = 0; i < TRIES; i++)
        if (inb(STATUS) & STATUS_OUTPUT_FULL)
            return inb(DATA);
    return 0;
}

static void flush(void)
{
    for (int i = 0; i < TRIES && inb(STATUS) & STATUS_OUTPUT_FULL; i++)
        inb(DATA);
}

void ps2_init(void)
{
    command(KEYBOARD_OFF);
    command(MOUSE_OFF);
    flush();
    command(READ_CONFIG);
    uint8_t config = answer();
    config |= CONFIG_TRANSLATE | CONFIG_KEYBOARD_IRQ | CONFIG_MOUSE_IRQ;
    config &= (uint8_t)~(CONFIG_KEYBOARD_OFF | CONFIG_MOUSE_OFF);
    command(WRITE_CONFIG);
    data(config);
    command(KEYBOARD_ON);
    command(MOUSE_ON);
    data(ENABLE_REPORTING);
    answer();
    command(TO_MOUSE);
    data(ENABLE_REPORTING);
    answer();
    flush();
}

/* One byte per interrupt. The mouse's own packets say only that vmmouse has events. */
static void on_interrupt(void)
{
    uint8_t status = inb(STATUS);
    if (!(status & STATUS_OUTPUT_FULL))
        return;
    uint8_t byte = inb(DATA);
    if (status & STATUS_FROM_MOUSE)
        vmmouse_collect();
    else
        ring_put(&keys, byte);
}

void ps2_start(void)
{
    trap_on_irq(IRQ_KEYBOARD, on_interrupt);
    trap_on_irq(IRQ_MOUSE, on_interrupt);
}

bool ps2_busy(void)
{
    return inb(STATUS) & STATUS_OUTPUT_FULL;
}

bool ps2_has_key_byte(void)
{
    return !ring_empty(&keys);
}

bool ps2_key_byte(uint8_t *byte)
{
    if (ring_empty(&keys))
        return false;
    *byte = ring_take(&keys);
    return true;
}
