/* A keyboard and a pointer of our own (uinput): input at an instant that the guest chooses, where no host can type. */
#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { KEY_MOST = 0xFF };               /* what a keyboard of evdev has; buttons begin above */

static int keyboard = -1, pointer = -1;
static unsigned wide, high;

static int make(const char *name, void (*describe)(int fd))
{
    struct uinput_setup setup = { .id = { .bustype = BUS_VIRTUAL } };
    int fd = open("/dev/uinput", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    snprintf(setup.name, sizeof setup.name, "%s", name);
    if (fd < 0)
        return -1;
    describe(fd);
    if (ioctl(fd, UI_DEV_SETUP, &setup) == 0 && ioctl(fd, UI_DEV_CREATE) == 0)
        return fd;
    close(fd);
    return -1;
}

static void describe_keyboard(int fd)
{
    ioctl(fd, UI_SET_EVBIT, EV_KEY);
    for (int code = 1; code <= KEY_MOST; code++)
        ioctl(fd, UI_SET_KEYBIT, code);
}

static void describe_pointer(int fd)
{
    struct uinput_abs_setup axis[2] = { { .code = ABS_X, .absinfo.maximum = (int)wide - 1 }, { .code = ABS_Y, .absinfo.maximum = (int)high - 1 } };
    ioctl(fd, UI_SET_EVBIT, EV_KEY);
    for (int code = BTN_LEFT; code <= BTN_MIDDLE; code++)
        ioctl(fd, UI_SET_KEYBIT, code);
    ioctl(fd, UI_SET_EVBIT, EV_ABS);
    for (int i = 0; i < 2; i++)
        ioctl(fd, UI_ABS_SETUP, &axis[i]);
}

void make_input_devices(void)
{
    screen_size(&wide, &high);
    keyboard = make("rayos keyboard", describe_keyboard);
    pointer = make("rayos pointer", describe_pointer);
}

static bool emit(int fd, const struct input_event *events, size_t n)
{
    return fd >= 0 && write(fd, events, n * sizeof *events) == (ssize_t)(n * sizeof *events);
}

bool press(uint32_t code, bool down)
{
    struct input_event e[2] = { { .type = EV_KEY, .code = (uint16_t)code, .value = down }, { .type = EV_SYN, .code = SYN_REPORT } };
    return emit(code <= KEY_MOST ? keyboard : pointer, e, 2);
}

bool point(uint32_t x, uint32_t y)
{
    struct input_event e[3] = {
        { .type = EV_ABS, .code = ABS_X, .value = (int)x }, { .type = EV_ABS, .code = ABS_Y, .value = (int)y },
        { .type = EV_SYN, .code = SYN_REPORT },
    };
    return x < wide && y < high && emit(pointer, e, 3);
}
