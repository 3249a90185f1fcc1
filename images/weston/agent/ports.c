#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

enum { PATIENCE_MS = 2000 };            /* for a host that does not read; then bytes are dropped, and seals count the loss */

struct port {
    int fd;
    char out[2048], in[512];
    size_t queued, first, end;
};

static struct port console = { .fd = -1 }, control = { .fd = -1 };

static int open_serial(const char *path)
{
    struct termios t;
    int fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && tcgetattr(fd, &t) == 0) {
        cfmakeraw(&t);
        cfsetspeed(&t, B115200);
        t.c_cflag |= CLOCAL | CREAD;
        tcsetattr(fd, TCSANOW, &t);
    }
    return fd;
}

void open_ports(void)
{
    console.fd = open_serial("/dev/ttyS0");
    control.fd = open_serial("/dev/ttyS1");
}

int control_fd(void)
{
    return control.fd;
}

static void flush(struct port *p)
{
    size_t sent = 0;
    while (sent < p->queued) {
        ssize_t n = write(p->fd, p->out + sent, p->queued - sent);
        if (n > 0) {
            sent += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd port = { p->fd, POLLOUT, 0 };
            if (poll(&port, 1, PATIENCE_MS) == 0)
                break;
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    p->queued = 0;
}

static void put(struct port *p, char c)
{
    p->out[p->queued++] = c;            /* by lines: a write for each byte would cost a system call for each */
    if (c == '\n' || p->queued == sizeof p->out)
        flush(p);
}

void put_console(void *context, char c)
{
    (void)context;
    put(&console, c);
}

void put_control(void *context, char c)
{
    (void)context;
    put(&control, c);
}

int get_control(void *context)
{
    (void)context;
    if (control.first == control.end) {
        ssize_t n = read(control.fd, control.in, sizeof control.in);
        if (n <= 0)
            return -1;
        control.first = 0;
        control.end = (size_t)n;
    }
    return (unsigned char)control.in[control.first++];
}

void say_console(const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    for (char *c = line; *c; c++)
        put(&console, *c);
    put(&console, '\n');
}
