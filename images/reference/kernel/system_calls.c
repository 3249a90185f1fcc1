/* What ring 3 may ask of the kernel. The caller's address space is in use. */
#include "system_calls.h"
#include <stddef.h>
#include "clock.h"
#include "pages.h"
#include "string.h"
#include "task.h"

enum { QUOTA_PAGES = TASK_QUOTA / PAGE, WHOLE_FDS = 4 };

static void *const BAD = NULL;

static uintptr_t place(int fd)
{
    return SPACE_SHARED + (uintptr_t)fd * SPACE_SHARED_EACH;
}

/* Memory of the task that it may read (write); NULL: it may not. */
static void *memory(const struct task *t, uint64_t at, uint64_t n, bool write)
{
    if (at - SPACE_SHARED < (uint64_t)TASK_HANDLES * SPACE_SHARED_EACH) {
        unsigned fd = (unsigned)((at - SPACE_SHARED) / SPACE_SHARED_EACH);
        uint64_t size = t->handles[fd].mapped ? t->handles[fd].shared->pages * PAGE : 0, offset = at - place((int)fd);
        return offset <= size && n <= size - offset ? (void *)at : BAD;
    }
    return space_allows(&t->space, at, n, write) ? (void *)at : BAD;
}

static int64_t end(struct task *t)
{
    t->state = TASK_DEAD;
    t->end = END_SYSTEM_CALL;
    t->fault_rip = t->registers.rip;
    return 0;
}

static struct shared *handle(const struct task *t, uint64_t fd)
{
    return fd < TASK_HANDLES ? t->handles[fd].shared : NULL;
}

static int free_handle(const struct task *t)
{
    for (int fd = 0; fd < TASK_HANDLES; fd++)
        if (!t->handles[fd].shared)
            return fd;
    return -1;
}

static bool within_quota(const struct task *t, uint64_t pages)
{
    uint64_t now = t->space.heap_pages + shared_pages_of(t->id);
    return now <= QUOTA_PAGES && pages <= QUOTA_PAGES - now;
}

static int wait_bits(const struct task *t)
{
    const struct connection *c = t->connection;
    return (queue_used(&c->events) && c->events.written != t->events_seen ? WAIT_EVENTS : 0)
        | (t->orders_written != t->orders_taken ? WAIT_ORDER : 0) | (c->closed ? WAIT_CLOSED : 0)
        | (t->registers.rdi && t->ticks_seen != tasks_ticks() ? WAIT_TICK : 0);
}

static bool room_to_send(const struct task *t)
{
    const struct queue *q = &t->connection->requests;
    bool fd_fits = (int64_t)t->registers.rdx == -1 || q->fds_written - q->fds_taken < CONNECTION_FDS;
    return t->connection->closed || (fd_fits && queue_room(q) >= t->registers.rsi);
}

bool system_call_ready(const struct task *t)
{
    return t->registers.rax == SYS_WAIT ? wait_bits(t) : room_to_send(t);
}

static int64_t call_send(struct task *t, uint64_t bytes, uint64_t n, uint64_t fd)
{
    struct queue *q = &t->connection->requests;
    struct shared *shared = handle(t, fd);
    void *from = memory(t, bytes, n, false);
    if (!from || (!shared && (int64_t)fd != -1))
        return end(t);
    if (n > REQUEST_BYTES)
        return CALL_FULL;
    if (t->connection->closed)
        return CALL_CLOSED;
    if (!room_to_send(t)) {
        t->state = TASK_WAITING;
        return 0;
    }
    queue_put(q, from, n);
    if (shared)
        queue_put_fd(q, shared_hold(shared));
    return (int64_t)n;
}

static int64_t call_receive(struct task *t, uint64_t to, uint64_t most, uint64_t fds_at)
{
    struct queue *q = &t->connection->events;
    size_t n = queue_used(q) < most ? queue_used(q) : most;
    int fds[WHOLE_FDS];
    void *bytes = memory(t, to, most, true), *fds_to = memory(t, fds_at, sizeof fds, true);
    if (!bytes || !fds_to)
        return end(t);
    queue_take(q, bytes, n);
    for (int i = 0; i < WHOLE_FDS; i++) {
        fds[i] = q->fds_taken == q->fds_written ? -1 : free_handle(t);
        if (fds[i] >= 0)
            t->handles[fds[i]].shared = queue_take_fd(q);
    }
    memcpy(fds_to, fds, sizeof fds);
    return (int64_t)n;
}

static int64_t call_order(struct task *t, uint64_t to_at)
{
    void *to = memory(t, to_at, sizeof(struct order), true);
    if (!to)
        return end(t);
    if (t->orders_written == t->orders_taken)
        return 0;
    memcpy(to, &t->orders[t->orders_taken++ % TASK_ORDERS], sizeof(struct order));
    return 1;
}

static bool map_handle(struct task *t, int fd)
{
    struct shared *s = t->handles[fd].shared;
    if (!t->handles[fd].mapped)
        t->handles[fd].mapped = s->pages <= SPACE_SHARED_EACH / PAGE && space_map(&t->space, place(fd), s->bytes, s->pages);
    return t->handles[fd].mapped;
}

static void close_handle(struct task *t, int fd)
{
    struct shared *s = t->handles[fd].shared;
    if (t->handles[fd].mapped)
        space_unmap(&t->space, place(fd), s->pages);
    t->handles[fd].shared = NULL;
    t->handles[fd].mapped = false;
    shared_drop(s);
}

static int64_t call_share(struct task *t, uint64_t size, uint64_t address_at)
{
    uint64_t *address = memory(t, address_at, sizeof *address, true);
    if (!address)
        return end(t);
    int fd = free_handle(t);
    if (fd < 0)
        return CALL_FULL;
    struct shared *s = size <= TASK_QUOTA && within_quota(t, pages_for(size)) ? shared_new(size) : NULL;
    if (!s)
        return CALL_MEMORY;
    shared_charge(s, t->id);
    t->handles[fd].shared = s;
    if (!map_handle(t, fd)) {
        close_handle(t, fd);
        return CALL_MEMORY;
    }
    *address = place(fd);
    return fd;
}

static int64_t call_map(struct task *t, uint64_t fd, uint64_t address_at)
{
    uint64_t *address = memory(t, address_at, sizeof *address, true);
    if (!address || !handle(t, fd))
        return end(t);
    if (!map_handle(t, (int)fd))
        return CALL_MEMORY;
    *address = place((int)fd);
    return (int64_t)handle(t, fd)->size;
}

static int64_t call_close(struct task *t, uint64_t fd)
{
    if (!handle(t, fd))
        return end(t);
    close_handle(t, (int)fd);
    return 0;
}

static int64_t call_grow(struct task *t, uint64_t bytes)
{
    uint64_t address = SPACE_HEAP + t->space.heap_pages * PAGE;
    if (bytes > TASK_QUOTA || !within_quota(t, pages_for(bytes)) || !space_grow(&t->space, pages_for(bytes)))
        return CALL_MEMORY;
    return (int64_t)address;
}

static int64_t call_status(struct task *t, uint64_t slot, uint64_t value)
{
    if (slot >= STATUS_SLOTS)
        return end(t);
    t->status[slot] = (int64_t)value;
    return 0;
}

static int64_t call_wait(struct task *t)
{
    int bits = wait_bits(t);
    if (bits) {
        t->events_seen = t->connection->events.written;
        t->ticks_seen = tasks_ticks();
        bits |= tasks_in_tick() ? WAIT_IN_TICK : 0;
    } else {
        t->state = TASK_WAITING;
    }
    return bits;
}

static int64_t call_exit(struct task *t, uint64_t code)
{
    t->state = TASK_DEAD;
    t->end = END_EXIT;
    t->exit_code = (int)code;
    return 0;
}

static int64_t dispatch(struct task *t)
{
    const struct registers *r = &t->registers;
    switch (r->rax) {
    case SYS_EXIT:    return call_exit(t, r->rdi);
    case SYS_SEND:    return call_send(t, r->rdi, r->rsi, r->rdx);
    case SYS_RECEIVE: return call_receive(t, r->rdi, r->rsi, r->rdx);
    case SYS_WAIT:    return call_wait(t);
    case SYS_ORDER:   return call_order(t, r->rdi);
    case SYS_SHARE:   return call_share(t, r->rdi, r->rsi);
    case SYS_MAP:     return call_map(t, r->rdi, r->rsi);
    case SYS_CLOSE:   return call_close(t, r->rdi);
    case SYS_GROW:    return call_grow(t, r->rdi);
    case SYS_NOW:     return (int64_t)clock_us();
    case SYS_STATUS:  return call_status(t, r->rdi, r->rsi);
    }
    return end(t);
}

void system_call(struct task *t)
{
    t->state = TASK_READY;
    int64_t result = dispatch(t);
    if (t->state == TASK_READY)
        t->registers.rax = (uint64_t)result;
}
