/* A Weston module with three jobs that no protocol does:
 * - It puts a window where its client asks: an application id that ends in "@X,Y" names the place of its content; so does RAYOS_PLACE=X,Y
 *   in the environment of a client that knows nothing of this. All else is left to the desktop shell.
 * - It raises a window whose title becomes "rayos.raise.N" or "rayos.focus.N", and gives it the keyboard by the second.
 * - It tells the agent that the desktop is drawn: the file "desktop" in the runtime directory. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libweston/libweston.h>
#include <libweston-desktop/libweston-desktop.h>

struct watch {
    struct wl_listener destroy, commit;
    bool placed, asked;
    int x, y;                   /* what the environment says, once it was asked; -1: nothing */
    unsigned raised;            /* times */
};

static void on_destroy(struct wl_listener *listener, void *data)
{
    struct watch *w = wl_container_of(listener, w, destroy);
    (void)data;
    wl_list_remove(&w->destroy.link);
    wl_list_remove(&w->commit.link);
    free(w);
}

static void give_keyboard(struct weston_surface *surface, struct weston_view *view)
{
    struct weston_seat *seat;
    wl_list_for_each(seat, &surface->compositor->seat_list, link)
        weston_view_activate_input(view, seat, WESTON_ACTIVATE_FLAG_CONFIGURE);
}

/* Over all others of its layer, as the shell does for a window that is clicked. The client says so with its next frame. */
static void on_commit(struct wl_listener *listener, void *data)
{
    struct watch *w = wl_container_of(listener, w, commit);
    struct weston_surface *surface = data;
    struct weston_view *view;
    unsigned times;
    const char *title = weston_surface_is_desktop_surface(surface)
        ? weston_desktop_surface_get_title(weston_surface_get_desktop_surface(surface)) : NULL;
    bool focus = title && sscanf(title, "rayos.focus.%u", &times) == 1;
    if (!title || (!focus && sscanf(title, "rayos.raise.%u", &times) != 1) || times == w->raised)
        return;
    w->raised = times;
    wl_list_for_each(view, &surface->views, surface_link) {
        struct weston_layer *layer = view->layer_link.layer;
        if (!layer)
            continue;
        weston_view_geometry_dirty(view);
        weston_layer_entry_remove(&view->layer_link);
        weston_layer_entry_insert(&layer->view_list, &view->layer_link);
        weston_view_geometry_dirty(view);
        if (focus)
            give_keyboard(surface, view);
    }
    weston_surface_damage(surface);
}

static bool place_of(struct watch *w, struct weston_surface *surface, const char *id, int *x, int *y)
{
    const char *at = id ? strrchr(id, '@') : NULL;
    char path[32], words[4096] = "";
    pid_t pid;
    if (at)
        return sscanf(at, "@%d,%d", x, y) == 2;
    if (!w->asked) {
        w->asked = true;
        w->x = -1;
        wl_client_get_credentials(wl_resource_get_client(surface->resource), &pid, NULL, NULL);
        snprintf(path, sizeof path, "/proc/%d/environ", pid);
        FILE *file = fopen(path, "re");
        size_t n = file ? fread(words, 1, sizeof words - 1, file) : 0;
        if (file)
            fclose(file);
        for (const char *word = words; word < words + n; word += strlen(word) + 1)
            sscanf(word, "RAYOS_PLACE=%d,%d", &w->x, &w->y);
    }
    *x = w->x;
    *y = w->y;
    return w->x >= 0;
}

/* A surface's place was worked out, for the next frame: whatever the shell chose, it is another before that is drawn. Once the window
 * is mapped the shell has chosen for the last time, and who moves it then is the user. */
static void on_transform(struct wl_listener *unused, void *data)
{
    struct weston_surface *surface = data;
    struct wl_listener *listener = wl_signal_get(&surface->destroy_signal, on_destroy);
    (void)unused;
    if (!listener || !weston_surface_is_desktop_surface(surface))
        return;
    struct watch *w = wl_container_of(listener, w, destroy);
    const char *id = weston_desktop_surface_get_app_id(weston_surface_get_desktop_surface(surface));
    struct weston_view *view;
    int x, y;
    if (w->placed || !place_of(w, surface, id, &x, &y))
        return;
    w->placed = true;               /* also for the signal that comes out of this */
    wl_list_for_each(view, &surface->views, surface_link)
        if (!view->geometry.parent) {       /* a menu has its place from its window */
            weston_view_set_position(view, x, y);
            weston_view_update_transform(view);
        }
    w->placed = weston_surface_is_mapped(surface);
}

static void on_surface(struct wl_listener *listener, void *data)
{
    struct weston_surface *surface = data;
    struct watch *w = calloc(1, sizeof *w);
    (void)listener;
    if (!w)
        return;
    w->destroy.notify = on_destroy;
    w->commit.notify = on_commit;
    wl_signal_add(&surface->commit_signal, &w->commit);
    wl_signal_add(&surface->destroy_signal, &w->destroy);
}

static struct weston_output *output;        /* the first screen */

/* The background is a client's surface, and no window, that covers the screen. */
static void on_frame(struct wl_listener *listener, void *data)
{
    struct weston_view *view;
    char path[128];
    (void)data;
    wl_list_for_each(view, &output->compositor->view_list, link) {
        struct weston_surface *s = view->surface;
        if (!s->resource || weston_surface_is_desktop_surface(s) || s->width < output->width || s->height < output->height)
            continue;
        snprintf(path, sizeof path, "%s/desktop", getenv("XDG_RUNTIME_DIR"));
        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        wl_list_remove(&listener->link);
        wl_list_init(&listener->link);
        return;
    }
}

static struct wl_listener surfaces = { .notify = on_surface }, transforms = { .notify = on_transform }, frames = { .notify = on_frame };

WL_EXPORT int wet_module_init(struct weston_compositor *compositor, int *argc, char *argv[]);
WL_EXPORT int wet_module_init(struct weston_compositor *compositor, int *argc, char *argv[])
{
    (void)argc;
    (void)argv;
    wl_signal_add(&compositor->create_surface_signal, &surfaces);
    wl_signal_add(&compositor->transform_signal, &transforms);
    wl_list_for_each(output, &compositor->output_list, link) {
        wl_signal_add(&output->frame_signal, &frames);
        return 0;
    }
    return -1;              /* without a screen the agent would wait for ever */
}
