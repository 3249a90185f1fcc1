/* The compositor's socket, carried over a port to the host (docs/weston.md, "Clients on the host"). File descriptors cannot cross: what
 * is behind them does. A process of its own, so that neither this nor the agent ever waits for the other. */
#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECTIONS = 8, FILES = 256, FDS_MOST = 28, BODY_MOST = 1 << 16, PATIENCE_MS = 5000 };     /* 28: MAX_FDS_OUT of libwayland */
enum { WINDOW = 1 << 16 };                  /* bytes of a connection that its client has not taken, from which on the compositor waits */

#define OURS UINT32_C(0x80000000)           /* handles from here on are of files that the compositor sent */
#define MEMORY_MOST (UINT64_C(64) << 20)    /* bytes of all shared memory that is held here: a quarter of the guest's */

struct head {
    uint32_t kind, conn, size;              /* conn: 1 to CONNECTIONS; size: of the body, bytes */
};

struct file {                               /* fd is -1 where there is none */
    uint32_t handle, conn, wanted;          /* wanted: bytes that the host waits for, from a pipe */
    int fd, reader;                         /* reader: of a pipe whose other end, fd, was not sent yet */
    uint64_t size;                          /* of shared memory, bytes */
};

static int port, conns[CONNECTIONS + 1];
static uint32_t untaken[CONNECTIONS + 1];   /* bytes */
static uint64_t held;                       /* bytes of shared memory */
static struct file files[FILES];
static struct {
    uint8_t bytes[sizeof(struct head) + BODY_MOST];
    size_t n;
} in;
static struct {
    uint8_t bytes[2 * BODY_MOST + 8192];
    size_t first, end;
} out;

static bool has_room(void)                  /* for whatever one message, or one read, makes */
{
    return sizeof out.bytes - (out.end - out.first) > BODY_MOST + 1024;
}

static void say(uint32_t kind, uint32_t conn, const void *body, size_t n, const void *more, size_t more_n)
{
    struct head head = { kind, conn, (uint32_t)(n + more_n) };
    memmove(out.bytes, out.bytes + out.first, out.end -= out.first);
    out.first = 0;
    memcpy(out.bytes + out.end, &head, sizeof head);
    memcpy(out.bytes + out.end + sizeof head, body, n);
    memcpy(out.bytes + out.end + sizeof head + n, more, more_n);
    out.end += sizeof head + n + more_n;
}

static void refuse(uint32_t conn, uint32_t handle, int why)
{
    uint32_t words[2] = { handle, (uint32_t)why };
    say('E', conn, words, sizeof words, "", 0);
}

static struct file *find(uint32_t conn, uint32_t handle)
{
    for (struct file *f = files; f < files + FILES; f++)
        if (f->fd >= 0 && f->conn == conn && f->handle == handle)
            return f;
    return NULL;
}

static struct file *keep(uint32_t conn, uint32_t handle, uint64_t size, int fd, int reader)
{
    for (struct file *f = files; f < files + FILES; f++)
        if (f->fd < 0) {
            *f = (struct file){ handle, conn, 0, fd, reader, size };
            held += size;
            return f;
        }
    return NULL;
}

static void drop(struct file *f)
{
    close(f->fd);
    if (f->reader >= 0)
        close(f->reader);
    f->fd = f->reader = -1;
    held -= f->size;
}

static void hang_up(uint32_t conn)
{
    if (conns[conn] >= 0)
        close(conns[conn]);
    conns[conn] = -1;
}

/* The answer has the host's token: what it hears of this number before is about the one that had it until now. */
static void open_connection(uint32_t conn, uint32_t token)
{
    struct sockaddr_un place = { .sun_family = AF_UNIX };
    uint32_t words[2] = { token, 0 };
    snprintf(place.sun_path, sizeof place.sun_path, "%s/%s", getenv("XDG_RUNTIME_DIR"), getenv("WAYLAND_DISPLAY"));
    hang_up(conn);
    untaken[conn] = 0;
    conns[conn] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(conns[conn], (struct sockaddr *)&place, sizeof place) < 0) {
        words[1] = (uint32_t)errno;
        hang_up(conn);
    }
    say('O', conn, words, sizeof words, "", 0);
}

static void closed(uint32_t conn)
{
    hang_up(conn);
    say('X', conn, "", 0, "", 0);
}

/* Bytes for the compositor, with the files whose handles stand before them. */
static void send_on(uint32_t conn, const uint8_t *body, size_t n)
{
    struct file *sent[FDS_MOST];
    int fds[FDS_MOST];
    uint32_t count = 0, handle;
    if (n >= 4)
        memcpy(&count, body, 4);
    if (n < 4 || count > FDS_MOST || n - 4 < 4 * (size_t)count) {
        refuse(conn, 0, EINVAL);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        memcpy(&handle, body + 4 + 4 * i, 4);
        sent[i] = find(conn, handle);
        if (!sent[i]) {
            refuse(conn, handle, EBADF);
            return;
        }
        fds[i] = sent[i]->fd;
    }
    body += 4 + 4 * count;
    n -= 4 + 4 * count;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof fds)];
    } control = { .head = { CMSG_LEN(4 * count), SOL_SOCKET, SCM_RIGHTS } };
    memcpy(CMSG_DATA(&control.head), fds, 4 * count);
    while (n && conns[conn] >= 0) {
        struct iovec part = { (void *)body, n };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = count ? &control : NULL,
                                  .msg_controllen = count ? CMSG_SPACE(4 * count) : 0 };
        ssize_t done = sendmsg(conns[conn], &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        struct pollfd full = { conns[conn], POLLOUT, 0 };
        if (done >= 0) {
            body += done;
            n -= (size_t)done;
            for (; count; count--)
                if (sent[count - 1]->reader >= 0) {         /* a pipe ends when nobody has its other end any more */
                    close(sent[count - 1]->fd);
                    sent[count - 1]->fd = sent[count - 1]->reader;
                    sent[count - 1]->reader = -1;
                }
        } else if (errno == EAGAIN && poll(&full, 1, PATIENCE_MS) == 0) {
            refuse(conn, 0, ETIMEDOUT);     /* half a message may be there: nothing can follow it */
            closed(conn);
        } else if (errno != EAGAIN && errno != EINTR) {
            return;                     /* why it went it may still have said: that ends the connection */
        }
    }
}

static void make(uint32_t kind, uint32_t conn, uint32_t handle, uint64_t size)
{
    int ends[2] = { -1, -1 }, why = 0;
    if (handle >= OURS || find(conn, handle))
        why = EEXIST;
    else if (kind == 'M' && size > MEMORY_MOST - held)
        why = ENOMEM;
    else if (kind == 'P' ? pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0
                         : (ends[1] = memfd_create("wl_shm", MFD_CLOEXEC)) < 0 || ftruncate(ends[1], (off_t)size) < 0)
        why = errno;
    else if (keep(conn, handle, kind == 'M' ? size : 0, ends[1], ends[0]))
        return;
    refuse(conn, handle, why ? why : ENFILE);
    close(ends[0]);
    close(ends[1]);
}

static void write_file(const struct file *f, const uint8_t *bytes, size_t n, uint64_t at)
{
    struct stat s;
    ssize_t done;
    if (fstat(f->fd, &s) == 0 && S_ISFIFO(s.st_mode))
        done = write(f->fd, bytes, n);
    else
        done = pwrite(f->fd, bytes, n, (off_t)at);
    if (done != (ssize_t)n)             /* all of it or an error, also of a pipe: nobody here waits for its reader */
        refuse(f->conn, f->handle, done < 0 ? errno : ENOSPC);
}

static void give(struct file *f, uint64_t at, uint32_t wanted)
{
    static uint8_t bytes[BODY_MOST - 4];
    struct stat s;
    if (wanted > sizeof bytes)
        wanted = sizeof bytes;
    bool is_pipe = fstat(f->fd, &s) == 0 && S_ISFIFO(s.st_mode);
    ssize_t n = is_pipe ? read(f->fd, bytes, wanted) : pread(f->fd, bytes, wanted, (off_t)at);
    f->wanted = 0;
    if (n >= 0)
        say('C', f->conn, &f->handle, 4, bytes, (size_t)n);
    else if (errno == EAGAIN)
        f->wanted = wanted;             /* when something comes */
    else
        refuse(f->conn, f->handle, errno);
}

static void obey(const struct head *h, const uint8_t *body)
{
    uint32_t handle = 0, wanted = 0;
    uint64_t at = 0;
    if (h->size >= 4)
        memcpy(&handle, body, 4);
    if (h->size >= 12)
        memcpy(&at, body + 4, 8);
    if (h->size >= 16)
        memcpy(&wanted, body + 12, 4);
    struct file *f = find(h->conn, handle);
    switch (h->kind) {
    case 'O':
        open_connection(h->conn, handle);
        return;
    case 'A':                           /* so many bytes, where others have the handle, its client has taken */
        untaken[h->conn] -= handle < untaken[h->conn] ? handle : untaken[h->conn];
        return;
    case 'S':
        send_on(h->conn, body, h->size);
        return;
    case 'M': case 'P':
        make(h->kind, h->conn, handle, at);
        return;
    case 'X':
        hang_up(h->conn);
        for (f = files; f < files + FILES; f++)
            if (f->fd >= 0 && f->conn == h->conn)
                drop(f);
        return;
    }
    if (!f)
        refuse(h->conn, handle, EBADF);
    else if (h->kind == 'W' && h->size >= 12)
        write_file(f, body + 12, h->size - 12, at);
    else if (h->kind == 'R')
        give(f, at, wanted);
    else if (h->kind == 'F')
        drop(f);
    else
        refuse(h->conn, handle, EINVAL);
}

/* What the host sent, as far as there is room for what it makes. False: it is no stream of messages. */
static bool take_messages(void)
{
    struct head h;
    size_t at = 0;
    while (in.n - at >= sizeof h && has_room()) {
        memcpy(&h, in.bytes + at, sizeof h);
        if (h.size > BODY_MOST || h.conn < 1 || h.conn > CONNECTIONS)
            return false;
        if (in.n - at < sizeof h + h.size)
            break;
        obey(&h, in.bytes + at + sizeof h);
        at += sizeof h + h.size;
    }
    memmove(in.bytes, in.bytes + at, in.n -= at);
    return true;
}

static void hear_compositor(uint32_t conn)
{
    static uint32_t next = OURS;
    uint8_t bytes[4096];
    uint32_t words[1 + FDS_MOST] = { 0 };
    char control[CMSG_SPACE(4 * FDS_MOST)] __attribute__((aligned(8)));
    struct iovec part = { bytes, sizeof bytes };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    ssize_t n = recvmsg(conns[conn], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        closed(conn);
        return;
    }
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
        for (size_t i = 0; c->cmsg_type == SCM_RIGHTS && CMSG_LEN(4 * (i + 1)) <= c->cmsg_len; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + 4 * i, 4);
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
            next = next + 1 ? next + 1 : OURS + 1;
            if (!keep(conn, next, 0, fd, -1)) {
                close(fd);
                refuse(conn, next, ENFILE);
            }
            words[++words[0]] = next;
        }
    say('D', conn, words, 4 + 4 * (size_t)words[0], bytes, (size_t)n);
    untaken[conn] += (uint32_t)n;
}

static void run_tunnel(void) __attribute__((noreturn));
static void run_tunnel(void)
{
    for (;;) {
        struct pollfd fds[1 + CONNECTIONS + FILES] = { { port, 0, 0 } };
        bool room = has_room();
        if (room && in.n < sizeof in.bytes)
            fds[0].events |= POLLIN;
        if (out.end > out.first)
            fds[0].events |= POLLOUT;
        for (uint32_t c = 1; c <= CONNECTIONS; c++)
            fds[c] = (struct pollfd){ room && untaken[c] < WINDOW ? conns[c] : -1, POLLIN, 0 };
        for (uint32_t i = 0; i < FILES; i++)
            fds[1 + CONNECTIONS + i] = (struct pollfd){ room && files[i].wanted ? files[i].fd : -1, POLLIN, 0 };
        poll(fds, 1 + CONNECTIONS + FILES, -1);
        if (fds[0].revents & POLLOUT) {
            ssize_t n = write(port, out.bytes + out.first, out.end - out.first);
            out.first += n > 0 ? (size_t)n : 0;
        }
        if (fds[0].revents & POLLIN) {
            ssize_t n = read(port, in.bytes + in.n, sizeof in.bytes - in.n);
            if (n == 0)
                _exit(0);               /* the host has let go of the port, for good */
            in.n += n > 0 ? (size_t)n : 0;
        } else if (fds[0].revents & (POLLHUP | POLLERR)) {
            _exit(0);
        }
        for (uint32_t c = 1; c <= CONNECTIONS; c++)
            if (fds[c].revents && has_room())
                hear_compositor(c);
        for (uint32_t i = 0; i < FILES; i++)
            if (fds[1 + CONNECTIONS + i].revents && files[i].fd >= 0 && has_room())
                give(&files[i], 0, files[i].wanted);
        if (!take_messages())
            _exit(1);
    }
}

void start_tunnel(void)
{
    port = open_virtual("org.rayos.wayland");
    if (port < 0)
        return;
    if (fork() == 0) {
        prctl(PR_SET_NAME, "rayos-tunnel");
        prctl(PR_SET_PDEATHSIG, 9);
        reset_signals();
        signal(SIGPIPE, SIG_IGN);
        int mine = dup2(port, 3);
        close_range(4, ~0U, 0);
        port = mine;
        for (int i = 0; i <= CONNECTIONS; i++)
            conns[i] = -1;
        for (int i = 0; i < FILES; i++)
            files[i].fd = files[i].reader = -1;
        run_tunnel();
    }
    close(port);
}
