/* Connections: requests in, and an end for those that fail. */
#include "server.h"
#include "alloc.h"
#include "objects.h"
#include "string.h"

static void dispatch(struct client *c, const uint32_t *words, size_t n)
{
    struct object *display = &c->objects[1], *o = object_find(c, words[0]);
    uint32_t opcode = words[1] & 0xFFFF;
    if (!o)
        return post_error(display, ERROR_INVALID_OBJECT, "invalid object %u", words[0]);
    const struct request *r = &o->interface->requests[opcode];
    if (opcode >= (uint32_t)o->interface->count || r->since > o->version)
        return post_error(display, ERROR_INVALID_METHOD, "invalid method %u, object %s#%u version %u", opcode, o->interface->name, o->id, o->version);
    union wire_argument a[ARGUMENTS_MOST];
    struct shared *fd;
    if (wire_parse(o, r, words, n, a, &fd))
        r->run(o, a);
    if (fd)
        shared_drop(fd);
}

/* Requests that are still waiting when the connection fails go with it. */
static void drop_requests(struct queue *q)
{
    queue_take(q, NULL, queue_used(q));
    for (struct shared *fd; (fd = queue_take_fd(q));)
        shared_drop(fd);
}

bool server_handle(struct connection *connection)
{
    static uint32_t words[MESSAGE_MOST / 4];
    struct client *c = connection->server;
    struct queue *q = &connection->requests;
    bool any = false;
    while (c && !c->failed && queue_used(q) >= 8) {
        queue_peek(q, words, 8);
        size_t size = words[1] >> 16;
        if (size < 8 || size % 4 || size > MESSAGE_MOST) {
            post_error(&c->objects[1], ERROR_INVALID_METHOD, "message of %lu bytes for object %u", size, words[0]);
            break;
        }
        if (queue_used(q) < size)
            break;
        queue_take(q, words, size);
        dispatch(c, words, size / 4);
        any = true;
    }
    if (connection->closed && queue_used(q))
        drop_requests(q);
    return server_reap() || any;
}

bool server_connect(struct connection *connection)
{
    struct client *c = alloc(sizeof *c);
    if (!c)
        return false;
    memset(c, 0, sizeof *c);
    c->connection = connection;
    c->objects[1] = (struct object){ .interface = &display_interface, .client = c, .id = 1, .version = 1 };
    c->ids = 2;
    connection->server = c;
    return true;
}

/* Everything of the client goes, from the last object to the first: what was made of others goes before them. */
static void clear(struct client *c)
{
    c->failed = true;
    for (uint32_t id = c->ids; id-- > 1;)
        if (c->objects[id].interface)
            object_destroy(&c->objects[id]);
    for (uint32_t i = 0; i < OFFERS_MOST; i++)
        if (c->offers[i].interface)
            object_destroy(&c->offers[i]);
    drop_requests(&c->connection->requests);
}

bool server_reap(void)
{
    bool any = false;
    struct connection *connection;
    for (int i = 0; (connection = connection_at(i)); i++) {
        struct client *c = connection->server;
        if (!c || !c->failed || c->lost)
            continue;
        any = c->lost = true;
        connection->closed = true;
        client_lost(connection->client, c->why);
        clear(c);
        i = -1;                         /* what it left may have been too much for another */
    }
    return any;
}

void server_restart(void)
{
    struct connection *connection;
    for (int i = 0; (connection = connection_at(i)); i++)
        if (connection->server)
            ((struct client *)connection->server)->failed = true;       /* nobody hears anything more */
    for (int i = 0; (connection = connection_at(i)); i++) {
        server_disconnect(connection);
        connection->closed = true;
    }
}

void server_disconnect(struct connection *connection)
{
    struct client *c = connection->server;
    if (!c)
        return;
    c->lost = true;
    clear(c);
    connection->server = NULL;
    release(c);
}
