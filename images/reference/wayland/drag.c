/* Drag and drop: the drag that there is, and who is told of it. */
#include "data.h"
#include "input.h"
#include "offer.h"
#include "seat.h"

enum { DEVICE_ENTER = 1, DEVICE_LEAVE, DEVICE_MOTION, DEVICE_DROP, DEVICE_ROLE = 0 };

static struct {
    bool active;
    struct surface *origin;         /* NULL: gone */
    struct source *source;          /* NULL: within the client */
    struct surface *target;
    struct object *device;          /* the target's; NULL: it has none */
    struct offer *offer;            /* what the target got */
} drag;

static void leave_target(bool dropped)
{
    if (!drag.target)
        return;
    if (!dropped) {
        if (drag.device)
            event(drag.device, DEVICE_LEAVE, "");
        if (drag.offer) {
            if (drag.offer->accepted)
                event(drag.source->object, SOURCE_TARGET, "S", NULL);
            drag.offer->source = NULL;
        }
    }
    drag.target = NULL;
    drag.device = NULL;
    drag.offer = NULL;
}

static void enter_target(struct surface *s, int fx, int fy)
{
    drag.target = s;
    if (!drag.source && (!drag.origin || s->client != drag.origin->client))
        return;
    drag.device = object_first(s->client, &data_device_interface);
    if (!drag.device)
        return;
    drag.offer = drag.source ? offer_new(drag.device, drag.source, true) : NULL;
    event(drag.device, DEVICE_ENTER, "uoiiO", next_serial(), s->object, fx, fy, drag.offer ? drag.offer->object : NULL);
}

void data_drag_to(int x, int y, uint32_t ms)
{
    int fx = 0, fy = 0;
    struct surface *s = seat_surface_at(x, y, &fx, &fy);
    if (s != drag.target) {
        leave_target(false);
        if (s)
            enter_target(s, fx, fy);
    } else if (drag.device) {
        event(drag.device, DEVICE_MOTION, "uii", ms, fx, fy);
    }
}

bool data_drags(void)
{
    return drag.active;
}

void data_drag_end(void)
{
    struct source *source = drag.source;
    bool dropped = drag.device && (source ? offer_can_drop(drag.offer) : true);
    drag.active = false;
    if (dropped) {
        event(drag.device, DEVICE_DROP, "");
        if (drag.offer)
            drag.offer->dropped = true;
        source_tell(source, SOURCE_DROP_PERFORMED);
    }
    leave_target(dropped);
    if (source && !dropped)
        event(source->object, SOURCE_CANCELLED, "");
    drag.source = NULL;
}

void drag_start(struct object *o, const union wire_argument *a)
{
    struct source *s = a[0].o ? a[0].o->data : NULL;
    struct surface *origin = a[1].o->data, *icon = a[2].o ? a[2].o->data : NULL;
    if (icon && !surface_take_role(icon, ROLE_DRAG_ICON, o, DEVICE_ROLE))
        return;
    if (s && s->use != UNUSED)
        return post_error(s->object, SOURCE_INVALID_SOURCE, "source is in use");
    if (drag.active || !seat_is_press(origin, a[3].u))
        return;
    drag.active = true;
    drag.source = s;
    drag.origin = origin;
    if (s)
        s->use = DRAGGED;
    seat_end_grab();
    int x, y;
    input_pointer_at(&x, &y);
    data_drag_to(x, y, 0);
}

void data_forget_surface(const struct surface *s)
{
    if (drag.target == s)
        leave_target(false);
    if (drag.origin == s) {
        drag.origin = NULL;
        drag.active &= drag.source != NULL;
    }
}

void drag_forget_offer(const struct offer *f)
{
    if (drag.offer == f)
        drag.offer = NULL;
}

void drag_forget_source(const struct source *s)
{
    if (drag.source != s)
        return;
    leave_target(false);
    drag.source = NULL;
    drag.active = false;
}

void drag_forget_device(struct object *device)
{
    if (drag.device == device)
        drag.device = NULL;
}
