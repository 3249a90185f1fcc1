/* What is offered, to be handed over as the selection or by a drag. It goes through shared memory that the receiver made and the
 * source fills (docs/protocol.md). */
#pragma once
#include "surface.h"

enum { TYPES_MOST = 8, TYPE_LENGTH = 64, SINCE_ACTIONS = 3, SOURCE_INVALID_SOURCE = 1 };
enum { SOURCE_TARGET, SOURCE_SEND, SOURCE_CANCELLED, SOURCE_DROP_PERFORMED, SOURCE_FINISHED, SOURCE_ACTION };
enum use { UNUSED, SELECTED, DRAGGED };

struct source {
    struct object *object;
    enum use use;
    bool actions_set;
    uint32_t actions;
    int types;
    char type[TYPES_MOST][TYPE_LENGTH];
};

struct offer {
    struct offer *next;
    struct object *object;
    struct source *source;          /* NULL: gone, or no longer offered */
    bool dragged, accepted, dropped;
    uint32_t actions, preferred, action;
};

/* data.c */
struct offer *offer_new(struct object *device, struct source *source, bool dragged);    /* NULL: an error was posted */
bool offer_can_drop(const struct offer *f);                 /* f may be NULL */
void source_tell(struct source *s, uint32_t opcode);        /* an event that came with the actions; s may be NULL */

/* drag.c */
void drag_start(struct object *device, const union wire_argument *a);       /* wl_data_device.start_drag */
void drag_forget_offer(const struct offer *f);
void drag_forget_source(const struct source *s);
void drag_forget_device(struct object *device);
