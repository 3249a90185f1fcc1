/* The clients: started, heard, and mourned with the cause of their end. */
#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEARD_MOST = 16 };               /* packets of one client in a turn: the others wait meanwhile */

struct client clients[CLIENT_LAST + 1];
bool supervised;

unsigned count_clients(void)
{
    unsigned n = 0;
    for (unsigned id = 1; id <= CLIENT_LAST; id++)
        n += clients[id].pid != 0;
    return n;
}

static void become(const struct client *c, unsigned id, int page, int orders)
{
    char word[6][12], place[24];
    reset_signals();
    setsid();
    int null = open("/dev/null", O_RDWR);
    int kept[2] = { fcntl(page, F_DUPFD, 10), fcntl(orders, F_DUPFD, 10) };     /* 3 and 4 may be theirs already */
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    if (*c->program) {
        if (c->place[0] != ANYWHERE) {
            snprintf(place, sizeof place, "%u,%u", c->place[0], c->place[1]);
            setenv("RAYOS_PLACE", place, 1);        /* the Weston module reads it */
        }
        close_range(3, ~0U, 0);
        execl(c->program, c->program, NULL);
        _exit(127);
    }
    dup2(kept[0], PAGE_FD);
    dup2(kept[1], ORDERS_FD);
    close_range(ORDERS_FD + 1, ~0U, 0);
    snprintf(word[0], sizeof word[0], "%u", id);
    for (int i = 0; i < 5; i++)
        snprintf(word[i + 1], sizeof word[0], "%u", c->place[i]);
    execl("/usr/bin/rayos-client", "rayos-client", word[0], word[1], word[2], word[3], word[4], word[5],
          *c->how ? c->how : NULL, NULL);
    _exit(127);
}

static void drop_page(struct client *c)
{
    if (c->page != MAP_FAILED)
        munmap(c->page, sizeof *c->page);
    c->page = NULL;
}

bool start_client(unsigned id)
{
    struct client *c = &clients[id];
    int ends[2], page = memfd_create("page", MFD_CLOEXEC);
    c->page = MAP_FAILED;
    if (page >= 0 && ftruncate(page, sizeof *c->page) == 0)
        c->page = mmap(NULL, sizeof *c->page, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    if (c->page == MAP_FAILED || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        close(page);
        drop_page(c);
        return false;
    }
    c->pid = fork();
    if (c->pid == 0)
        become(c, id, page, ends[1]);
    close(page);
    close(ends[1]);
    c->socket = ends[0];
    *c->how = 0;                                    /* if it is started again, it behaves */
    c->mapped = c->asked = c->stopped = c->held = false;
    c->cause = NULL;
    c->text = c->copied = c->pasted = c->pointed = c->pressed = c->dragged = c->dropped = 0;
    if (c->pid > 0)
        return true;
    c->pid = 0;
    close(c->socket);
    c->socket = -1;
    drop_page(c);
    return false;
}

bool order_client(unsigned id, const char *order)
{
    return send(clients[id].socket, order, strlen(order), MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

/* In a marker only printable bytes are its own: a newline would end it, and what follows could be a marker that nobody meant. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~' || *text == '*')
            *text = '.';
}

/* One packet. False: there was none, or there will be none any more. */
static bool hear_packet(unsigned id)
{
    char word[WORDS_MOST + 1];
    struct client *c = &clients[id];
    ssize_t n = recv(c->socket, word, sizeof word - 1, MSG_DONTWAIT);
    if (n < 0)
        return errno == ECONNRESET;                 /* it left orders unread: what it said comes after that */
    if (n == 0) {                                   /* closed: of its end we hear by a signal */
        close(c->socket);
        c->socket = -1;
    } else if (n == 6 && !memcmp(word, "mapped", 6)) {
        c->mapped = true;
        rayos_marker(&kit, "SOAK:CLIENT_CREATED:%u", id);
        if (c->recovering)
            rayos_marker(&kit, "FAILURE:RECOVERY_COMPLETE:%u:success", id);
        c->recovering = false;
    } else if (n > 4 && !memcmp(word, "say ", 4)) {
        word[n] = 0;
        make_printable(word + 4);
        rayos_marker(&kit, "CLIENT:%s", word + 4);
        take_echo(id, word + 4);
    }
    return n > 0;
}

void hear_client(unsigned id)
{
    for (int i = 0; i < HEARD_MOST && hear_packet(id); i++)
        ;
}

static const char *cause_of(const struct client *c, int status)
{
    if (c->cause)
        return c->cause;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGKILL ? "killed" : "crash";
    switch (WEXITSTATUS(status)) {
    case LEFT_DISCONNECTED: return "disconnected";
    case LEFT_REFUSED:      return "refused";
    default:                return "exit";
    }
}

static void client_ended(unsigned id, int status)
{
    struct client *c = &clients[id];
    while (c->socket >= 0 && hear_packet(id))
        ;                                           /* all that it said before, and only then that it is gone */
    if (c->socket >= 0)
        close(c->socket);
    c->socket = -1;
    c->pid = 0;
    drop_page(c);
    rayos_marker(&kit, "CLIENT:EXIT:%u:%s:%d", id, WIFSIGNALED(status) ? "signal" : "code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (!c->asked)
        rayos_marker(&kit, "FAILURE:DETECTED:%s:%u", cause_of(c, status), id);
    if (c->mapped)
        rayos_marker(&kit, "SOAK:CLIENT_DESTROYED:%u", id);
    if (supervised && !c->asked && !*c->program) {
        if (!c->recovering)
            rayos_marker(&kit, "FAILURE:RECOVERY_START:%u", id);
        c->recovering = true;
        if (compositor_is_up(NULL))
            start_client(id);                       /* else when that is back */
    }
}

void client_changed(pid_t pid, int status)
{
    for (unsigned id = 1; id <= CLIENT_LAST; id++)
        if (clients[id].pid == pid) {
            if (WIFSTOPPED(status)) {
                clients[id].stopped = true;
                if (!clients[id].held)
                    rayos_marker(&kit, "FAILURE:DETECTED:stopped:%u", id);
                clients[id].held = false;
            } else if (WIFCONTINUED(status)) {
                clients[id].stopped = false;
                rayos_marker(&kit, "CLIENT:CONTINUED:%u", id);
            } else {
                client_ended(id, status);
            }
            return;
        }
}

void restart_lost_clients(void)
{
    for (unsigned id = 1; id <= CLIENT_LAST; id++)
        if (!clients[id].pid && clients[id].recovering)
            start_client(id);
}

void hold_clients(void)
{
    for (unsigned id = 1; id <= CLIENT_LAST; id++)
        if (clients[id].pid && !clients[id].stopped) {
            clients[id].held = true;
            kill(clients[id].pid, SIGSTOP);
        }
}

bool client_is_settled(const void *id)
{
    const struct client *c = &clients[*(const uint32_t *)id];
    return !c->pid || c->mapped;
}

bool client_is_gone(const void *id)
{
    return !clients[*(const uint32_t *)id].pid;
}
