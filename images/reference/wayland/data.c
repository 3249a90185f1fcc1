/* wl_data_device_manager and its objects: sources, offers of them, the selection. */
#include "data.h"
#include "offer.h"
#include "alloc.h"
#include "format.h"
#include "shell.h"
#include "string.h"

enum { OFFER_OFFER, OFFER_SOURCE_ACTIONS, OFFER_ACTION };
enum { DEVICE_DATA_OFFER = 0, DEVICE_SELECTION = 5 };
enum { OFFER_INVALID_FINISH, OFFER_INVALID_ACTION_MASK, OFFER_INVALID_ACTION, OFFER_INVALID_OFFER };
enum { SOURCE_INVALID_ACTION_MASK = 0 };
enum { ACTION_COPY = 1, ACTION_MOVE = 2, ACTION_ASK = 4, ACTIONS = 7 };

static struct offer *offers;
static struct source *selection;
static uint32_t selection_serial;

/* ---- offers ---- */

struct offer *offer_new(struct object *device, struct source *source, bool dragged)
{
    struct client *c = device->client;
    struct offer *f = client_memory(c, sizeof *f, NULL, 0);
    if (!f)
        return NULL;
    *f = (struct offer){ .next = offers, .source = source, .dragged = dragged };
    f->object = object_new_ours(c, &data_offer_interface, device->version, f);
    if (!f->object) {
        release(f);
        post_error(&c->objects[1], ERROR_NO_MEMORY, "more than %d data offers", OFFERS_MOST);
        return NULL;
    }
    offers = f;
    event(device, DEVICE_DATA_OFFER, "n", f->object);
    for (int i = 0; i < source->types; i++)
        event(f->object, OFFER_OFFER, "s", source->type[i]);
    if (dragged && f->object->version >= SINCE_ACTIONS)
        event(f->object, OFFER_SOURCE_ACTIONS, "u", source->actions);
    return f;
}

void source_tell(struct source *s, uint32_t opcode)
{
    if (s && s->object->version >= SINCE_ACTIONS)
        event(s->object, opcode, "");
}

static void offer_destroyed(struct object *o)
{
    struct offer *f = o->data, **link = &offers;
    drag_forget_offer(f);
    if (f->dropped)
        source_tell(f->source, o->version < SINCE_ACTIONS ? SOURCE_FINISHED : SOURCE_CANCELLED);
    while (*link != f)
        link = &(*link)->next;
    *link = f->next;
    release(f);
}

static void accept(struct object *o, const union wire_argument *a)
{
    struct offer *f = o->data;
    if (!f->dragged || !f->source)
        return;
    f->accepted = a[1].s;
    event(f->source->object, SOURCE_TARGET, "S", a[1].s);
}

static void receive(struct object *o, const union wire_argument *a)
{
    struct offer *f = o->data;
    if (f->source)
        event(f->source->object, SOURCE_SEND, "sh", a[0].s, a[1].fd);
}

bool offer_can_drop(const struct offer *f)
{
    return f && f->accepted && (f->object->version < SINCE_ACTIONS || f->action);
}

static void finish(struct object *o, const union wire_argument *a)
{
    (void)a;
    struct offer *f = o->data;
    if (!f->dragged)
        return post_error(o, OFFER_INVALID_OFFER, "not of a drag");
    if (!f->dropped || !offer_can_drop(f))
        return post_error(o, OFFER_INVALID_FINISH, "not dropped and accepted");
    source_tell(f->source, SOURCE_FINISHED);
    f->dropped = false;
    f->source = NULL;
}

static uint32_t chosen(const struct offer *f)
{
    uint32_t both = f->source->object->version < SINCE_ACTIONS ? ACTION_COPY & f->actions : f->source->actions & f->actions;
    return f->preferred & both ? f->preferred : both & ACTION_COPY ? ACTION_COPY : both & ACTION_MOVE ? ACTION_MOVE : both;
}

static void offer_set_actions(struct object *o, const union wire_argument *a)
{
    struct offer *f = o->data;
    uint32_t actions = a[0].u, preferred = a[1].u;
    if (actions & ~(uint32_t)ACTIONS)
        return post_error(o, OFFER_INVALID_ACTION_MASK, "invalid actions 0x%x", actions);
    if (preferred && ((preferred & (preferred - 1)) || !(preferred & actions)))
        return post_error(o, OFFER_INVALID_ACTION, "invalid action 0x%x", preferred);
    if (!f->dragged)
        return post_error(o, OFFER_INVALID_OFFER, "not of a drag");
    if (!f->source)
        return;
    f->actions = actions;
    f->preferred = preferred;
    uint32_t action = chosen(f);
    if (action == f->action)
        return;
    f->action = action;
    event(o, OFFER_ACTION, "u", action);
    if (f->source->object->version >= SINCE_ACTIONS)
        event(f->source->object, SOURCE_ACTION, "u", action);
}

/* ---- selection ---- */

void data_tell_selection(struct client *c)
{
    for (struct object *o = object_first(c, &data_device_interface); o; o = object_after(o)) {
        struct offer *f = selection ? offer_new(o, selection, false) : NULL;
        event(o, DEVICE_SELECTION, "O", f ? f->object : NULL);
    }
}

bool data_selected(void)
{
    return selection;
}

static void select(struct source *s)
{
    if (selection && selection != s) {
        selection->use = UNUSED;
        event(selection->object, SOURCE_CANCELLED, "");
    }
    for (struct offer *f = offers; f; f = f->next)
        if (!f->dragged)
            f->source = NULL;
    selection = s;
    if (s)
        s->use = SELECTED;
    struct window *w = window_focused();
    if (w)
        data_tell_selection(window_client(w));
}

static void set_selection(struct object *o, const union wire_argument *a)
{
    (void)o;
    struct source *s = a[0].o ? a[0].o->data : NULL;
    if (s && (s->use == DRAGGED || s->actions_set))
        return post_error(s->object, SOURCE_INVALID_SOURCE, "a source for a drag");
    if ((int32_t)(a[1].u - selection_serial) < 0)
        return;                         /* asked for before the one that there is */
    selection_serial = a[1].u;
    select(s);
}

/* ---- sources and devices ---- */

static void create_data_source(struct object *manager, const union wire_argument *a)
{
    struct source *s = client_memory(manager->client, sizeof *s, &manager->client->sources, SOURCES_MOST);
    if (s)
        s->object = object_new(manager, a[0].u, &data_source_interface, s);
}

static void source_destroyed(struct object *o)
{
    struct source *s = o->data;
    o->client->sources--;
    drag_forget_source(s);
    for (struct offer *f = offers; f; f = f->next)
        if (f->source == s)
            f->source = NULL;
    if (selection == s) {
        selection = NULL;
        select(NULL);
    }
    release(s);
}

static void source_offer(struct object *o, const union wire_argument *a)
{
    struct source *s = o->data;
    if (s->types == TYPES_MOST || strlen(a[0].s) >= TYPE_LENGTH)
        return post_error(&o->client->objects[1], ERROR_NO_MEMORY, "more than %d types, or one of %d characters", TYPES_MOST, TYPE_LENGTH);
    format(s->type[s->types++], TYPE_LENGTH, "%s", a[0].s);
}

static void source_set_actions(struct object *o, const union wire_argument *a)
{
    struct source *s = o->data;
    if (s->actions_set || s->use != UNUSED)
        return post_error(o, SOURCE_INVALID_SOURCE, "set before, or in use");
    if (a[0].u & ~(uint32_t)ACTIONS)
        return post_error(o, SOURCE_INVALID_ACTION_MASK, "invalid actions 0x%x", a[0].u);
    s->actions_set = true;
    s->actions = a[0].u;
}

static void get_data_device(struct object *manager, const union wire_argument *a)
{
    struct object *o = object_new(manager, a[0].u, &data_device_interface, NULL);
    struct window *w = window_focused();
    if (selection && w && window_client(w) == o->client) {
        struct offer *f = offer_new(o, selection, false);
        event(o, DEVICE_SELECTION, "O", f ? f->object : NULL);
    }
}

static const struct request manager_requests[] = {
    { "create_data_source", "n", create_data_source, { }, 1 },
    { "get_data_device", "no", get_data_device, { &seat_interface }, 1 },
};
const struct interface data_manager_interface = { "wl_data_device_manager", 3, REQUESTS(manager_requests), NULL, NULL };

static const struct request source_requests[] = {
    { "offer", "s", source_offer, { }, 1 },
    { "destroy", "", request_destroy, { }, 1 },
    { "set_actions", "u", source_set_actions, { }, 3 },
};
const struct interface data_source_interface = { "wl_data_source", 3, REQUESTS(source_requests), source_destroyed, NULL };

static const struct request offer_requests[] = {
    { "accept", "uS", accept, { }, 1 },
    { "receive", "sh", receive, { }, 1 },
    { "destroy", "", request_destroy, { }, 1 },
    { "finish", "", finish, { }, 3 },
    { "set_actions", "uu", offer_set_actions, { }, 3 },
};
const struct interface data_offer_interface = { "wl_data_offer", 3, REQUESTS(offer_requests), offer_destroyed, NULL };

static const struct request device_requests[] = {
    { "start_drag", "OoOu", drag_start, { &data_source_interface, &surface_interface, &surface_interface }, 1 },
    { "set_selection", "Ou", set_selection, { &data_source_interface }, 1 },
    { "release", "", request_destroy, { }, 2 },
};
const struct interface data_device_interface = { "wl_data_device", 3, REQUESTS(device_requests), drag_forget_device, NULL };
