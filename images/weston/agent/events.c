#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WATCHED_MOST = 8, ABSENT_MS = 200 };

static int signals = -1, runtime = -1;
static struct { int fd; void (*heard)(void); } watched[WATCHED_MOST];
static unsigned watchers;

void watch(int fd, void (*heard)(void))
{
    unsigned i = 0;
    while (i < watchers && watched[i].heard != heard)
        i++;
    if (i == WATCHED_MOST)
        return;
    watched[i].fd = fd;
    watched[i].heard = heard;
    watchers += i == watchers;
}

void watch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    runtime = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    inotify_add_watch(runtime, "/run/user", IN_CREATE);
}

void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
}

static void take_signals(void)
{
    struct signalfd_siginfo info[8];
    while (read(signals, info, sizeof info) > 0)
        ;
    pid_t pid;
    int status;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
        if (command_ended(pid, status))
            continue;
        if (pid != compositor_pid())
            client_changed(pid, status);
        else if (!WIFSTOPPED(status) && !WIFCONTINUED(status))
            compositor_ended(status);
    }
}

static void take_names(void)
{
    char buffer[1024] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n;
    while ((n = read(runtime, buffer, sizeof buffer)) > 0)
        for (char *at = buffer; at < buffer + n;) {
            const struct inotify_event *e = (const struct inotify_event *)at;
            if (e->len && !strcmp(e->name, "desktop"))
                compositor_ready();
            at += sizeof *e + e->len;
        }
}

/* Sleeps until something happens or the time is over, and takes what did. */
static void turn(bool commands, int wait_ms)
{
    struct pollfd fds[CLIENT_LAST + 4 + WATCHED_MOST] = { { signals, POLLIN, 0 }, { runtime, POLLIN, 0 }, { commands ? control_fd() : -1, POLLIN, 0 } };
    unsigned ids[CLIENT_LAST + 4], n = 3;
    for (unsigned id = 1; id <= CLIENT_LAST; id++)
        if (clients[id].pid && clients[id].socket >= 0) {
            ids[n] = id;
            fds[n++] = (struct pollfd){ clients[id].socket, POLLIN, 0 };
        }
    unsigned first = n;
    for (unsigned i = 0; i < watchers; i++)
        fds[n++] = (struct pollfd){ watched[i].fd, POLLIN, 0 };
    if (poll(fds, n, wait_ms) <= 0)
        return;
    if (fds[2].revents & POLLHUP && !(fds[2].revents & POLLIN)) {
        fds[2].fd = -1;                             /* no host there: look for one again a little later, and never spin */
        if (poll(fds, n, wait_ms < 0 || wait_ms > ABSENT_MS ? ABSENT_MS : wait_ms) <= 0)
            return;
    }
    for (unsigned i = first; i < n; i++)
        if (fds[i].revents)
            watched[i - first].heard();
    for (unsigned i = 3; i < first; i++)
        if (fds[i].revents)
            hear_client(ids[i]);
    if (fds[0].revents)
        take_signals();
    if (fds[1].revents)
        take_names();
}

bool run_until(condition *holds, const void *context, uint64_t limit_us)
{
    uint64_t end = now_us() + limit_us;
    while (!holds || !holds(context)) {
        uint64_t now = now_us();
        if (now >= end)
            return false;
        turn(false, (int)((end - now + 999) / 1000));
    }
    return true;
}

void run_commands(void)
{
    for (;;)
        if (!rayos_control(&kit))
            turn(true, -1);
}
