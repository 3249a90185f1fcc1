/* The objects of one connection, what can be asked of each kind, and how events and errors leave. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "connection.h"
#include "server.h"

/* What one connection may have; one more is wl_display.error no_memory. Ids of ours begin at SERVER_IDS. */
enum {
    OBJECTS_MOST = 256, OFFERS_MOST = 32, SURFACES_MOST = 16, POOLS_MOST = 16, BUFFERS_MOST = 128, REGIONS_MOST = 16, SOURCES_MOST = 16,
    ARGUMENTS_MOST = 8, MESSAGE_MOST = 4096,
};
#define SERVER_IDS 0xFF000000u

struct object {
    const struct interface *interface;      /* NULL: the id is free */
    struct client *client;
    uint32_t id, version;
    void *data;                             /* its interface's; NULL: inert */
    struct object *next;                    /* in the list that its interface keeps */
};

union wire_argument {
    int32_t i;
    uint32_t u;
    const char *s;          /* NULL: null */
    struct object *o;       /* NULL: null */
    struct shared *fd;      /* dropped after the call: who keeps it holds it */
};

/* Signature, a letter for each argument: i int, u uint (also n, a new id that is free), s string, o object, h fd;
 * S and O may be null. types: of the objects, in their order. */
struct request {
    const char *name, *signature;
    void (*run)(struct object *self, const union wire_argument *a);
    const struct interface *types[3];
    uint32_t since;
};

struct interface {
    const char *name;
    uint32_t version;       /* the highest that is offered */
    int count;
    const struct request *requests;
    void (*destroyed)(struct object *self);         /* its data goes; also when the client is gone */
    void (*bound)(struct object *self);             /* of a global: first events */
};

#define REQUESTS(table) (int)(sizeof table / sizeof *table), table

struct client {
    struct connection *connection;
    struct object objects[OBJECTS_MOST];    /* by id; 0 is no object */
    struct object offers[OFFERS_MOST];      /* by id - SERVER_IDS */
    uint32_t ids;                           /* ids below have been used: the next new one may be this */
    int surfaces_count, pools, buffers, regions, sources;
    struct surface *surfaces;               /* in the order they were made */
    bool failed;                            /* gets nothing more; server_reap() makes an end */
    enum server_lost why;
    bool lost;                              /* the end is made */
};

struct object *object_new(struct object *parent, uint32_t id, const struct interface *interface, void *data);
struct object *object_new_ours(struct client *c, const struct interface *interface, uint32_t version, void *data);  /* NULL: too many */
struct object *object_find(struct client *c, uint32_t id);          /* NULL: none */
struct object *object_first(struct client *c, const struct interface *interface);
struct object *object_after(struct object *o);                      /* the next of the same interface; NULL: none */
void object_destroy(struct object *o);
void object_append(struct object **list, struct object *o);
void request_destroy(struct object *o, const union wire_argument *a);       /* the requests that do just this */

/* `memory`, or after NULL an error no_memory at the client; *count, when given, is held to `most` and counted. */
void *client_memory(struct client *c, size_t size, int *count, int most);

/* Signature as above, with `a` for an array (bytes, size_t). An event that has no room is the client's end. */
void event(struct object *o, uint32_t opcode, const char *signature, ...);
/* wl_display.error; the connection ends with it. */
__attribute__((format(printf, 3, 4))) void post_error(struct object *o, uint32_t code, const char *format, ...);
void client_fail(struct client *c, enum server_lost why);
uint32_t next_serial(void);

enum display_error { ERROR_INVALID_OBJECT, ERROR_INVALID_METHOD, ERROR_NO_MEMORY, ERROR_IMPLEMENTATION };

/* Reads one message's arguments; false: an error was posted. */
bool wire_parse(struct object *o, const struct request *r, const uint32_t *words, size_t n, union wire_argument *a, struct shared **fd);
/* Puts an event together; 0: it is longer than `most` bytes. */
size_t wire_event(uint32_t *words, size_t most, uint32_t id, uint32_t opcode, const char *signature, va_list args, struct shared **fd);

extern const struct interface display_interface, registry_interface, callback_interface, compositor_interface, region_interface,
    surface_interface, shm_interface, pool_interface, buffer_interface, seat_interface, pointer_interface, keyboard_interface,
    output_interface, data_manager_interface, data_source_interface, data_offer_interface, data_device_interface,
    base_interface, positioner_interface, xdg_surface_interface, toplevel_interface, presentation_interface,
    feedback_interface, rayos_shell_interface, rayos_window_interface;
