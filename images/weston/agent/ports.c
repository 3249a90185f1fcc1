#define _GNU_SOURCE
#include "agent.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { PATIENCE_MS = 2000 };            /* for a host that does not read; then bytes are dropped, and seals count the loss */

struct port {
    int fd, patience_ms;
    bool deaf, torn;                    /* who let us wait once is not waited for until he reads; part of a line went */
    char out[2048], in[512];
    size_t queued, first, end;
};

static struct port console = { .fd = -1, .patience_ms = PATIENCE_MS }, control = { .fd = -1, .patience_ms = PATIENCE_MS };
static struct port markers = { .fd = -1 };      /* theirs alone: no word of the kernel's comes between two bytes of one */
static bool inlined;                    /* control frames ride between the markers */

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

/* The virtserialport of that name; -1: the machine has none. */
int open_virtual(const char *wanted)
{
    int fd = -1;
    DIR *all = opendir("/sys/class/virtio-ports");
    for (struct dirent *e; all && fd < 0 && (e = readdir(all));) {
        char path[320], name[64] = "";
        snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", e->d_name);
        FILE *file = fopen(path, "re");
        if (file && fgets(name, sizeof name, file))
            name[strcspn(name, "\n")] = 0;
        if (file)
            fclose(file);
        snprintf(path, sizeof path, "/dev/%s", e->d_name);
        if (!strcmp(name, wanted))
            fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    if (all)
        closedir(all);
    return fd;
}

void open_ports(void)
{
    char words[2048];
    console.fd = open_serial("/dev/ttyS0");
    markers.fd = open_virtual("org.rayos.markers");
    command_line(words, sizeof words);
    inlined = strstr(words, " control=inline") != NULL;
    if (inlined) {
        control.fd = console.fd;
        return;
    }
    control.fd = open_virtual("org.rayos.control");
    if (control.fd < 0)
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
            if (poll(&port, 1, p->deaf ? 0 : p->patience_ms) == 0 || port.revents & (POLLHUP | POLLERR))
                break;                  /* POLLHUP: nobody is at the host's end of a virtserialport */
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    p->deaf = sent < p->queued;
    p->torn = p->deaf && (sent || p->torn);
    p->queued = 0;
}

static void put(struct port *p, char c)
{
    if (p->torn && !p->queued)
        p->out[p->queued++] = '\n';     /* what comes begins a line of its own */
    p->out[p->queued++] = c;            /* by lines: a write for each byte would cost a system call for each */
    if (c == '\n' || p->queued == sizeof p->out)
        flush(p);
}

void put_console(void *context, char c)
{
    (void)context;
    put(&console, c);
    if (markers.fd >= 0)
        put(&markers, c);
}

void put_control(void *context, char c)
{
    (void)context;
    put(inlined ? &console : &control, c);      /* one queue, so that nothing comes between the bytes of a line */
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
