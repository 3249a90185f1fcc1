/* A Weston module that puts a window where its client asks, which xdg-shell has no request for: an application id that ends in
 * "@X,Y" names the place of its content. Everything else is left to the desktop shell. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libweston/libweston.h>
#include <libweston-desktop/libweston-desktop.h>

struct watch {
    struct wl_listener commit, destroy;
    bool placed;
};

static void on_commit(struct wl_listener *listener, void *data)
{
    struct watch *w = wl_container_of(listener, w, commit);
    struct weston_surface *surface = data;
    int x, y;
    if (w->placed || !weston_surface_is_desktop_surface(surface) || !weston_surface_is_mapped(surface))
        return;
    /* Not before its first buffer, when the shell has put it somewhere; this comes right after that, before it is drawn. */
    w->placed = true;
    const char *id = weston_desktop_surface_get_app_id(weston_surface_get_desktop_surface(surface));
    const char *at = id ? strrchr(id, '@') : NULL;
    if (!at || sscanf(at, "@%d,%d", &x, &y) != 2)
        return;
    struct weston_view *view;
    wl_list_for_each(view, &surface->views, surface_link)
        weston_view_set_position(view, x, y);
    weston_compositor_schedule_repaint(surface->compositor);
}

static void on_destroy(struct wl_listener *listener, void *data)
{
    struct watch *w = wl_container_of(listener, w, destroy);
    (void)data;
    wl_list_remove(&w->commit.link);
    wl_list_remove(&w->destroy.link);
    free(w);
}

static void on_surface(struct wl_listener *listener, void *data)
{
    struct weston_surface *surface = data;
    struct watch *w = calloc(1, sizeof *w);
    (void)listener;
    if (!w)
        return;
    w->commit.notify = on_commit;
    w->destroy.notify = on_destroy;
    wl_signal_add(&surface->commit_signal, &w->commit);
    wl_signal_add(&surface->destroy_signal, &w->destroy);
}

static struct wl_listener surfaces = { .notify = on_surface };

WL_EXPORT int wet_module_init(struct weston_compositor *compositor, int *argc, char *argv[]);
WL_EXPORT int wet_module_init(struct weston_compositor *compositor, int *argc, char *argv[])
{
    (void)argc;
    (void)argv;
    wl_signal_add(&compositor->create_surface_signal, &surfaces);
    return 0;
}
