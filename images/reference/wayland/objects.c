/* Tables of objects by id, and what every object can do: be made, be destroyed, send, fail. */
#include "objects.h"
#include "alloc.h"
#include "format.h"
#include "string.h"

enum { DISPLAY_ERROR, DISPLAY_DELETE_ID };

static struct object *put(struct object *o, struct client *c, uint32_t id, const struct interface *interface, uint32_t version, void *data)
{
    *o = (struct object){ .interface = interface, .client = c, .id = id, .version = version, .data = data };
    return o;
}

struct object *object_new(struct object *parent, uint32_t id, const struct interface *interface, void *data)
{
    struct client *c = parent->client;
    if (id == c->ids)
        c->ids++;
    return put(&c->objects[id], c, id, interface, parent->version, data);
}

struct object *object_new_ours(struct client *c, const struct interface *interface, uint32_t version, void *data)
{
    for (uint32_t i = 0; i < OFFERS_MOST; i++)
        if (!c->offers[i].interface)
            return put(&c->offers[i], c, SERVER_IDS + i, interface, version, data);
    return NULL;
}

struct object *object_find(struct client *c, uint32_t id)
{
    struct object *o = id < OBJECTS_MOST ? &c->objects[id] : id - SERVER_IDS < OFFERS_MOST ? &c->offers[id - SERVER_IDS] : NULL;
    return o && o->interface ? o : NULL;
}

static struct object *from(struct client *c, uint32_t id, const struct interface *interface)
{
    for (; id < c->ids; id++)
        if (c->objects[id].interface == interface)
            return &c->objects[id];
    return NULL;
}

struct object *object_first(struct client *c, const struct interface *interface)
{
    return from(c, 1, interface);
}

struct object *object_after(struct object *o)
{
    return from(o->client, o->id + 1, o->interface);
}

void object_destroy(struct object *o)
{
    const struct interface *interface = o->interface;
    if (interface->destroyed)
        interface->destroyed(o);
    o->interface = NULL;
    o->data = NULL;
    if (o->id < SERVER_IDS)
        event(&o->client->objects[1], DISPLAY_DELETE_ID, "u", o->id);
}

void object_append(struct object **list, struct object *o)
{
    while (*list)
        list = &(*list)->next;
    o->next = NULL;
    *list = o;
}

void request_destroy(struct object *o, const union wire_argument *a)
{
    (void)a;
    object_destroy(o);
}

void *client_memory(struct client *c, size_t size, int *count, int most)
{
    void *p = count && *count >= most ? NULL : alloc(size);
    if (!p) {
        post_error(&c->objects[1], ERROR_NO_MEMORY, "no memory, or too many");
        return NULL;
    }
    memset(p, 0, size);
    if (count)
        ++*count;
    return p;
}

void event(struct object *o, uint32_t opcode, const char *signature, ...)
{
    static uint32_t words[MESSAGE_MOST / 4];
    struct client *c = o->client;
    if (c->failed)
        return;
    struct queue *events = &c->connection->events;
    struct shared *fd;
    va_list args;
    va_start(args, signature);
    size_t n = wire_event(words, sizeof words, o->id, opcode, signature, args, &fd);
    va_end(args);
    if (!n || n > queue_room(events) || (fd && !queue_put_fd(events, shared_hold(fd)))) {
        if (n && n <= queue_room(events))
            shared_drop(fd);
        return client_fail(c, LOST_QUEUE);
    }
    queue_put(events, words, n);
}

void post_error(struct object *o, uint32_t code, const char *f, ...)
{
    char text[160];
    va_list args;
    va_start(args, f);
    format_va(text, sizeof text, f, args);
    va_end(args);
    event(&o->client->objects[1], DISPLAY_ERROR, "ous", o, code, text);
    client_fail(o->client, LOST_PROTOCOL);
}

void client_fail(struct client *c, enum server_lost why)
{
    if (c->failed)
        return;
    c->failed = true;
    c->why = why;
}

uint32_t next_serial(void)
{
    static uint32_t serial;
    return ++serial;
}
