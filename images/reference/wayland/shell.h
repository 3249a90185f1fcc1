/* A toplevel's side of its window: what the client was told of it, and what it asked for. */
#pragma once
#include "surface.h"
#include "windows.h"

enum { CONFIGURES_MOST = 16 };

struct configure { uint32_t serial; bool fullscreen; };

struct xdg {
    struct surface *surface;                /* NULL: destroyed */
    struct object *base, *object, *toplevel;        /* xdg_wm_base, xdg_surface, xdg_toplevel; NULL: none (any more) */
    struct window *window;                  /* NULL: not mapped */
    bool asked;                             /* the initial commit came, the first configure was sent */
    bool configured;                        /* one was acknowledged */
    struct configure sent[CONFIGURES_MOST]; /* not acknowledged yet, oldest first */
    int sent_count;
    uint32_t forgotten;                     /* serial of the newest that found no place in sent[] any more */
    int width, height;                      /* of the content, as said last; 0: as the client likes */
    int width_before, height_before;        /* before fullscreen */
    bool fullscreen_said, fullscreen;       /* last sent; last acknowledged */
    uint32_t resized_edges;                 /* while the user resizes: the edges that move */
    struct rect geometry_asked, geometry;   /* empty: the whole buffer */
    int min_width, min_height, max_width, max_height;       /* 0: none */
    char title[TITLE_MOST];
    int x, y;                               /* where its window will be */
    uint32_t accent;
};

struct positioner { bool sized, anchored; };

static inline struct client *window_client(const struct window *w)
{
    return w->xdg->surface->client;
}

void shell_configure(struct xdg *x);        /* tells the toplevel size and state as they are */
void shell_set_fullscreen(struct xdg *x, bool on);      /* says so; the client's acknowledgement makes it */
void shell_unmap(struct xdg *x);
bool shell_may_commit(struct surface *s, const struct buffer *shown);   /* false: an error was posted */
void shell_commit(struct surface *s);
void shell_forget(struct surface *s);       /* it is about to be destroyed */
void shell_activated(struct xdg *x);        /* the focus came or went */
void shell_place(struct xdg *x, int px, int py);
void shell_set_accent(struct xdg *x, uint32_t rgb);
void shell_resizing(struct window *w, uint32_t edges, int width, int height);   /* by the user; edges 0: ended */
