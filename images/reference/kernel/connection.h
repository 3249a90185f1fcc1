/* A Wayland connection in memory: a bounded byte queue each way, and beside each the file descriptors
 * (shared memory objects) that its messages carry, in order. The client's side is a task (through its
 * system calls) or the host (through the tunnel); the compositor's side is wayland/server.h. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shared.h"

enum {
    REQUEST_BYTES = 8192,       /* to the compositor; a client that finds it full waits */
    EVENT_BYTES = 4096,         /* to the client: its bounded event queue; libwayland's buffer has this size too */
    CONNECTION_FDS = 16,
    CONNECTIONS = 104,          /* 96 clients and 8 of the host */
};

struct queue {
    uint32_t written, taken;    /* bytes ever */
    uint32_t size;              /* power of two */
    uint8_t *bytes;
    struct shared *fds[CONNECTION_FDS];
    uint32_t fds_written, fds_taken;
};

struct connection {
    int client;                 /* id of the client: 1-96 a task, from 97 the host's */
    struct queue requests, events;
    bool closed;                /* the compositor hung up: the client may still read what waits in events */
    bool client_gone;           /* the client hung up */
    void *server;               /* the compositor's side of it */
};

struct connection *connection_open(int client);         /* NULL: no memory, or too many */
void               connection_free(struct connection *c);
struct connection *connection_at(int index);            /* all open ones, in the order they were opened; NULL past the last */

size_t queue_used(const struct queue *q);
size_t queue_room(const struct queue *q);
void   queue_put(struct queue *q, const void *bytes, size_t n);     /* n fits (queue_room) */
void   queue_peek(const struct queue *q, void *to, size_t n);       /* n is there (queue_used) */
void   queue_take(struct queue *q, void *to, size_t n);             /* to may be NULL: dropped */
bool   queue_put_fd(struct queue *q, struct shared *s);             /* takes the reference over; false: full */
struct shared *queue_take_fd(struct queue *q);                      /* with its reference; NULL: none waits */
