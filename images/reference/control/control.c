/* The control channel: the kit's frames and markers on our serial ports. */
#include "control.h"
#include "bootinfo.h"
#include "clock.h"
#include "commands.h"
#include "console.h"
#include "serial.h"

static struct rayos_kit kit;

static enum serial_port port(void)
{
    return options.control_inline ? COM1 : COM2;
}

static void put_console(void *context, char c)
{
    (void)context;
    console_write(&c, 1);
}

static void put_control(void *context, char c)
{
    (void)context;
    serial_write(COM2, &c, 1);
}

static int get_control(void *context)
{
    (void)context;
    return control_waiting() ? serial_read(port()) : -1;
}

static uint64_t now_us(void *context)
{
    (void)context;
    return clock_us();
}

static void execute(void *context, char *payload, struct rayos_reply *reply)
{
    (void)context;
    commands_execute(payload, reply);
}

void control_init(void)
{
    rayos_kit_init(&kit, &(struct rayos_host){
        .put_console = put_console, .put_control = options.control_inline ? put_console : put_control, .get_control = get_control,
        .now_us = now_us, .execute = execute, .seal = options.seal,
    });
}

void control_print(const char *text)
{
    rayos_marker(&kit, "%s", text);
}

void control_ready(void)
{
    rayos_ready(&kit);
}

void control_handle(void)
{
    rayos_control(&kit);
}

bool control_waiting(void)
{
    return serial_readable(port());
}
