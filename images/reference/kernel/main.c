/* Boot, and the loop that waits for the host. */
#include <stdbool.h>
#include <stdint.h>
#include "alloc.h"
#include "bootinfo.h"
#include "checksums.h"
#include "clock.h"
#include "console.h"
#include "control.h"
#include "damage.h"
#include "disk_log.h"
#include "draw.h"
#include "failures.h"
#include "heartbeat.h"
#include "input.h"
#include "integrity.h"
#include "io.h"
#include "markers.h"
#include "present.h"
#include "ps2.h"
#include "serial.h"
#include "task.h"
#include "ticks.h"
#include "tiles.h"
#include "trap.h"
#include "version.h"
#include "vga.h"
#include "vmmouse.h"
#include "zoo.h"

void kernel_main(uintptr_t start_info);
extern char __image_end[];

__attribute__((noreturn)) static void panic(const char *why)
{
    console_line("PANIC: %s", why);
    halt_for_ever();
}

static bool anything_waiting(void)
{
    return input_waiting() || control_waiting() || failures_waiting();
}

static void drop_console_input(void)
{
    enum serial_port other = options.control_inline ? COM2 : COM1;
    while (serial_readable(other))
        serial_read(other);
}

/* Virtual time stands still in here until the host sends something: no timer is armed, and each halt
 * serves exactly one interrupt. */
__attribute__((noreturn)) static void rendezvous_loop(void)
{
    for (;;) {
        input_handle();
        drop_console_input();
        control_handle();
        failures_tell();
        if (!anything_waiting())
            clock_halt();
    }
}

__attribute__((noreturn)) static void free_running_loop(void)
{
    ticks_begin();
    for (;;) {
        input_handle();
        drop_console_input();
        control_handle();
        if (ticks_due()) {
            ticks_run();
            heartbeat_always();
        } else {
            ticks_sleep(anything_waiting);
        }
    }
}

void kernel_main(uintptr_t start_info)
{
    serial_init();
    clock_init();
    checksums_init();
    bootinfo_read(start_info);
    control_init();
    alloc_init((uintptr_t)__image_end, bootinfo_heap_end());
    ps2_init();
    vmmouse_init();
    trap_init();
    trap_return_masked = true;
    clock_start();
    tasks_init();
    ps2_start();
    serial_receive();

    console_line("reference guest %s (%s)", GUEST_VERSION, BUILD_NAME);
    marker("KIT:BOOT:%s:%s", GUEST_VERSION, BUILD_NAME);
    zoo_init();
    if (!vga_init())
        panic("no standard VGA");
    draw_init();
    integrity_init();
    if (!back)
        panic("not enough memory");
    tiles_init();
    damage_add(rect_at(0, 0, DESKTOP_WIDTH, DESKTOP_HEIGHT));
    present();
    marker("KIT:DESKTOP:%d:%d", DESKTOP_WIDTH, DESKTOP_HEIGHT);
    disk_log_replay();
    control_ready();
    if (options.free_running)
        free_running_loop();
    rendezvous_loop();
}
