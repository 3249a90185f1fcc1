/* The verb `disk`: a writing client (writer.c), what it is given to write, and what it says of its disk. */
#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct log *shared;
static int writer = -1;

static void hear(void)
{
    char word[64];
    unsigned long long records;
    unsigned torn;
    ssize_t n;
    while ((n = recv(writer, word, sizeof word - 1, MSG_DONTWAIT)) > 0) {
        word[n] = 0;
        if (sscanf(word, "replay %llu %u", &records, &torn) == 2) {
            rayos_marker(&kit, "DISK:REPLAY:%llu:%u", records, torn);
        } else if (!strcmp(word, "well")) {
            rayos_marker(&kit, "FAILURE:RECOVERY_COMPLETE:0:success");
        } else {
            rayos_marker(&kit, "FAILURE:DETECTED:disk_%s:0", word);
            rayos_marker(&kit, "FAILURE:RECOVERY_START:0");
        }
    }
    if (n == 0) {                                   /* it is gone; the agent hears of that as of any client's end */
        close(writer);
        writer = -1;
        watch(-1, hear);
    }
}

static bool is_read(const void *unused)
{
    (void)unused;
    return writer < 0 || __atomic_load_n(&shared->next, __ATOMIC_ACQUIRE);
}

static void start(const char *p, struct rayos_reply *r)
{
    uint32_t id, rate = 0;
    int ends[2];
    if (!rayos_number(p, "id", &id) || id < 1 || id > CLIENT_LAST) {
        rayos_refuse(r, "argument", "id");
    } else if (strstr(p, " rate=") && (!rayos_number(p, "rate", &rate) || rate > 1000)) {
        rayos_refuse(r, "argument", "rate");
    } else if (clients[id].pid || writer >= 0) {
        rayos_refuse(r, "id", "id");
    } else if (access("/dev/vda", F_OK) < 0) {
        rayos_refuse(r, "state", "disk");
    } else {
        struct client *c = &clients[id];
        if (!shared)
            shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        c->page = mmap(NULL, sizeof *c->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED || c->page == MAP_FAILED
            || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
            rayos_refuse(r, "limit", "memory");
            return;
        }
        memset(shared, 0, sizeof *shared);
        c->mapped = c->asked = c->stopped = c->recovering = false;
        c->cause = NULL;
        c->socket = -1;
        strcpy(c->program, "writer");               /* no client with a window: nobody starts it again */
        c->pid = fork();
        if (c->pid == 0) {
            int orders = dup2(ends[1], 3);
            reset_signals();
            setsid();
            close_range(4, ~0U, 0);
            write_log(shared, c->page, orders, rate);
        }
        close(ends[1]);
        if (c->pid < 0) {
            c->pid = 0;
            close(ends[0]);
            rayos_refuse(r, "limit", "process");
            return;
        }
        writer = ends[0];
        watch(writer, hear);
        if (!run_until(is_read, NULL, 20000000) || !shared->next)
            rayos_refuse(r, "state", "disk");
        else
            rayos_say(r, " pid=%d", c->pid);
    }
}

static void store(const char *p, struct rayos_reply *r)
{
    char data[RECORD_MOST + 1];
    uint64_t number;
    if (!rayos_word(p, "data", data, sizeof data))
        rayos_refuse(r, "argument", "data");
    else if (!(number = log_take(shared, data, (uint32_t)strlen(data))))
        rayos_refuse(r, "limit", "buffer");
    else if (send(writer, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)     /* full: it is awake as it is */
        rayos_refuse(r, "state", "disk");
    else
        rayos_say(r, " seq=%llu", (unsigned long long)number);
}

static void state(struct rayos_reply *r)
{
    uint64_t flushed = __atomic_load_n(&shared->flushed, __ATOMIC_ACQUIRE);
    rayos_say(r, " records=%llu flushed=%llu pending=%llu capacity=%llu", (unsigned long long)shared->records,
              (unsigned long long)flushed, (unsigned long long)(shared->next - 1 - flushed),
              (unsigned long long)shared->capacity);
}

void disk(const char *p, struct rayos_reply *r)
{
    char what[8] = "";
    rayos_word(p, "do", what, sizeof what);
    if (!strcmp(what, "start"))
        start(p, r);
    else if (strcmp(what, "store") && strcmp(what, "state"))
        rayos_refuse(r, "argument", "do");
    else if (writer < 0)
        rayos_refuse(r, "state", "disk");
    else if (!strcmp(what, "store"))
        store(p, r);
    else
        state(r);
}
