/* Surfaces and the buffers that they show. */
#pragma once
#include "objects.h"
#include "rect.h"

struct pool {
    int references;         /* its object, and each buffer */
    struct shared *memory;
    int32_t size;
};

struct buffer {
    int references;         /* its object, and each surface where it is attached or shown */
    int shown;              /* by how many surfaces: released when none is left */
    struct object *object;  /* NULL: destroyed, its memory stays while it is shown */
    struct pool *pool;
    int32_t offset, width, height, stride;
};

enum role { ROLE_NONE, ROLE_TOPLEVEL, ROLE_CURSOR, ROLE_DRAG_ICON };
enum { DAMAGE_PIECES = 16 };

struct surface {
    struct object *object;
    struct client *client;
    struct surface *next;
    enum role role;                     /* stays for its life */
    struct xdg *xdg;                    /* its window's side (shell.h); NULL: none now */
    /* Waiting for the commit. */
    bool attached;                      /* buffer_attached counts */
    struct buffer *buffer_attached;     /* NULL: to show nothing */
    struct rect damage[DAMAGE_PIECES];
    int damage_pieces;
    bool unsupported;                   /* a scale or a transform */
    struct object *frames_asked, *feedback_asked;
    /* Since the commit. */
    struct buffer *buffer;
    struct object *frames, *feedback;
};

const uint8_t *buffer_pixels(const struct buffer *b);       /* the first row, in the kernel's view */
void buffer_hold(struct buffer *b);
void buffer_drop(struct buffer *b);
void buffer_show(struct buffer *b, bool show);              /* wl_buffer.release when no surface shows it any more */

struct window *surface_window(const struct surface *s);     /* NULL: not mapped */
/* The surface gets this role; false: it has another, *error was posted at o. */
bool surface_take_role(struct surface *s, enum role role, struct object *o, uint32_t error);
