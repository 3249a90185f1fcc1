/* Shared memory objects. */
#include "shared.h"
#include "alloc.h"
#include "pages.h"
#include "system_calls.h"

static size_t charged[TASKS + 1];       /* pages, by owner */

struct shared *shared_new(size_t size)
{
    struct shared *s = size && size <= 1u << 30 ? alloc(sizeof *s) : NULL;
    if (!s)
        return NULL;
    *s = (struct shared){ .references = 1, .size = size, .pages = pages_for(size) };
    s->bytes = pages_take(s->pages);
    if (!s->bytes) {
        release(s);
        return NULL;
    }
    return s;
}

void shared_charge(struct shared *s, int owner)
{
    s->owner = owner;
    charged[owner] += s->pages;
}

struct shared *shared_hold(struct shared *s)
{
    s->references++;
    return s;
}

void shared_drop(struct shared *s)
{
    if (--s->references)
        return;
    if (s->owner)
        charged[s->owner] -= s->pages;
    pages_give(s->bytes, s->pages);
    release(s);
}

size_t shared_pages_of(int owner)
{
    return charged[owner];
}
