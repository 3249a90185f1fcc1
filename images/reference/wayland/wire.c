/* The Wayland wire format: 32-bit words; object id, size and opcode, then the arguments. */
#include "objects.h"
#include "string.h"

enum { HEADER_WORDS = 2 };

static bool bad(struct object *o, const struct request *r, const char *what)
{
    post_error(&o->client->objects[1], ERROR_INVALID_METHOD, "invalid arguments for %s#%u.%s: %s", o->interface->name, o->id, r->name, what);
    return false;
}

/* A string of `length` bytes with its NUL, which has to be its only one. */
static bool good_string(const char *s, uint32_t length)
{
    return s[length - 1] == 0 && strlen(s) == length - 1;
}

/* Free, and the lowest that was never used or one that was given back: ids have no gaps. */
static bool good_new_id(const struct client *c, uint32_t id)
{
    return id && id <= c->ids && !c->objects[id].interface;
}

bool wire_parse(struct object *o, const struct request *r, const uint32_t *words, size_t n, union wire_argument *a, struct shared **fd)
{
    const struct interface *const *type = r->types;
    struct client *c = o->client;
    size_t at = HEADER_WORDS;
    *fd = NULL;
    for (const char *s = r->signature; *s; s++, a++) {
        if (*s == 'h') {
            *fd = queue_take_fd(&c->connection->requests);
            if (!*fd)
                return bad(o, r, "no file descriptor came with it");
            a->fd = *fd;
            continue;
        }
        if (at == n)
            return bad(o, r, "too short");
        uint32_t v = words[at++];
        switch (*s) {
        case 's':
        case 'S':
            a->s = v ? (const char *)(words + at) : NULL;
            if (!v && *s == 's')
                return bad(o, r, "null string");
            if (v > (n - at) * 4)
                return bad(o, r, "string past the end");
            if (v && !good_string(a->s, v))
                return bad(o, r, "string without its NUL, or with one inside");
            at += (v + 3) / 4;
            break;
        case 'o':
        case 'O':
            a->o = v ? object_find(c, v) : NULL;
            if (!v && *s == 'o')
                return bad(o, r, "null object");
            if (v && !a->o)
                return bad(o, r, "unknown object");
            if (v && a->o->interface != *type)
                return bad(o, r, "object of another interface");
            type++;
            break;
        case 'n':
            if (v < SERVER_IDS && v >= OBJECTS_MOST && c->ids == OBJECTS_MOST) {
                post_error(&c->objects[1], ERROR_NO_MEMORY, "more than %d objects", OBJECTS_MOST - 1);
                return false;
            }
            if (v >= OBJECTS_MOST || !good_new_id(c, v))
                return bad(o, r, "id is not free");
            a->u = v;
            break;
        default:
            a->u = v;
        }
    }
    return at == n || bad(o, r, "too long");
}

size_t wire_event(uint32_t *words, size_t most, uint32_t id, uint32_t opcode, const char *signature, va_list args, struct shared **fd)
{
    size_t n = HEADER_WORDS;
    *fd = NULL;
    for (; *signature; signature++) {
        const void *bytes = NULL;
        size_t length = 0;
        struct object *o;
        if (n == most / 4)
            return 0;
        switch (*signature) {
        case 'h':
            *fd = va_arg(args, struct shared *);
            continue;
        case 'o':
        case 'O':
        case 'n':
            o = va_arg(args, struct object *);
            words[n++] = o ? o->id : 0;
            continue;
        case 's':
        case 'S':
            bytes = va_arg(args, const char *);
            length = bytes ? strlen(bytes) + 1 : 0;
            break;
        case 'a':
            bytes = va_arg(args, const void *);
            length = va_arg(args, size_t);
            break;
        default:
            words[n++] = va_arg(args, uint32_t);
            continue;
        }
        words[n++] = (uint32_t)length;
        size_t padded = (length + 3) / 4;
        if (padded > most / 4 - n)
            return 0;
        if (padded) {
            words[n + padded - 1] = 0;
            memcpy(words + n, bytes, length);
        }
        n += padded;
    }
    words[0] = id;
    words[1] = (uint32_t)(n * 4) << 16 | opcode;
    return n * 4;
}
