/* Clipboard, drag and drop: a text that is offered, and one that is received. */
#define _GNU_SOURCE
#include "client.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT "text/plain"

enum { TEXT_MOST = 80 };                                /* bytes; what is longer is cut */

static struct wl_data_device *device;
static struct wl_data_offer *selection, *dragged;       /* what others offer; NULL: nothing */
static char selected[TEXT_MOST + 1], armed[TEXT_MOST + 1], dragging[TEXT_MOST + 1];       /* what is offered here */

static struct {
    int fd;
    struct wl_data_offer *dropped;                      /* to be thanked for; NULL: a selection */
    char text[TEXT_MOST + 1];
    size_t n;
} transfer = { .fd = -1 };

static void sent(void *data, struct wl_data_source *source, const char *type, int32_t fd)
{
    (void)source; (void)type;
    fcntl(fd, F_SETFL, O_NONBLOCK);                     /* one that is full is not waited for */
    ssize_t n = write(fd, data, strlen(data));         /* less than a pipe holds; who does not read gets none of it */
    (void)n;
    close(fd);
}

static void target(void *data, struct wl_data_source *source, const char *type)
{
    (void)data; (void)source; (void)type;
}

static struct wl_data_source *own;                      /* what is dragged, if it is ours: it is for others, and only they agree to it */

static void cancelled(void *data, struct wl_data_source *source)
{
    (void)data;
    if (source == own) {
        own = NULL;
        say("UNDROPPED:%u", me.id);
    }
    wl_data_source_destroy(source);
}

static void performed(void *data, struct wl_data_source *source)
{
    (void)data; (void)source;
}

static void finished(void *data, struct wl_data_source *source)
{
    (void)data;
    own = NULL;
    say("DRAGGED:%u", me.id);
    wl_data_source_destroy(source);
}

static void action(void *data, struct wl_data_source *source, uint32_t which)
{
    (void)data; (void)source;
    me.page->agreed = which != 0;
}

static const struct wl_data_source_listener source_events = {
    .target = target, .send = sent, .cancelled = cancelled, .dnd_drop_performed = performed, .dnd_finished = finished, .action = action,
};

static struct wl_data_source *make_source(char *text)
{
    struct wl_data_source *source = wl_data_device_manager_create_data_source(me.data_manager);
    wl_data_source_add_listener(source, &source_events, text);
    wl_data_source_offer(source, TEXT);
    return source;
}

void offer_selection(const char *text)
{
    snprintf(selected, sizeof selected, "%s", text);
    if (!device)
        return;
    wl_data_device_set_selection(device, make_source(selected), me.serial);
    wl_display_roundtrip(me.display);
    say("COPIED:%u", me.id);
}

void arm_drag(const char *text)
{
    snprintf(armed, sizeof armed, "%s", text);
}

bool begin_drag(uint32_t serial)
{
    if (!*armed || !device)
        return false;
    memcpy(dragging, armed, sizeof dragging);
    *armed = 0;
    me.page->agreed = false;
    own = make_source(dragging);
    wl_data_source_set_actions(own, WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY);
    wl_data_device_start_drag(device, own, me.surface, NULL, serial);
    return true;
}

void miss_drag(void)
{
    if (own)
        cancelled(dragging, own);
}

static void receive(struct wl_data_offer *offer, struct wl_data_offer *dropped)
{
    int ends[2];
    if (transfer.fd >= 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    wl_data_offer_receive(offer, TEXT, ends[1]);
    wl_display_flush(me.display);
    close(ends[1]);
    transfer.fd = ends[0];
    transfer.dropped = dropped;
    transfer.n = 0;
}

int transfer_fd(void)
{
    return transfer.fd;
}

/* Others may offer what would break a marker, or make another one. */
static void make_harmless(char *text, size_t n)
{
    for (char *c = text; c < text + n; c++)
        if (*c < '!' || *c > '~' || *c == ':' || *c == '*')
            *c = '.';
    while ((text = strstr(text, "RAYOS_")))             /* at which a host begins to read a marker anew, wherever it stands */
        text[5] = '.';
}

void receive_more(void)
{
    char rest[64];
    size_t room = TEXT_MOST - transfer.n;
    ssize_t n = read(transfer.fd, room ? transfer.text + transfer.n : rest, room ? room : sizeof rest);
    if (n > 0) {
        transfer.n += room ? (size_t)n : 0;
        return;
    }
    transfer.text[transfer.n] = 0;
    make_harmless(transfer.text, transfer.n);
    close(transfer.fd);
    transfer.fd = -1;
    take_input(transfer.dropped ? "DROPPED" : "PASTED", transfer.n ? transfer.text : "-");
    if (transfer.dropped) {
        wl_data_offer_finish(transfer.dropped);
        wl_data_offer_destroy(transfer.dropped);
    }
}

void fetch_selection(void)
{
    wl_display_roundtrip(me.display);                   /* what was copied before this is known after it */
    if (selection)
        receive(selection, NULL);
    else
        take_input("PASTED", "-");
}

static void offers(void *data, struct wl_data_offer *offer, const char *type)
{
    (void)data; (void)offer; (void)type;
}

static void source_actions(void *data, struct wl_data_offer *offer, uint32_t which)
{
    (void)data; (void)offer; (void)which;
}

static const struct wl_data_offer_listener offer_events = { .offer = offers, .source_actions = source_actions, .action = source_actions };

static void new_offer(void *data, struct wl_data_device *from, struct wl_data_offer *offer)
{
    (void)data; (void)from;
    wl_data_offer_add_listener(offer, &offer_events, NULL);
}

static void enter(void *data, struct wl_data_device *from, uint32_t serial, struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y,
                  struct wl_data_offer *offer)
{
    (void)data; (void)from; (void)surface;
    dragged = offer;
    if (offer && !own) {
        wl_data_offer_accept(offer, serial, TEXT);
        wl_data_offer_set_actions(offer, WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY, WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY);
        wl_display_flush(me.display);                   /* after the echo it may be dropped here */
    }
    move_pointer(x, y);
}

static void leave(void *data, struct wl_data_device *from)
{
    (void)data; (void)from;
    if (dragged)
        wl_data_offer_destroy(dragged);
    dragged = NULL;
    lose_pointer();
}

static void motion(void *data, struct wl_data_device *from, uint32_t time, wl_fixed_t x, wl_fixed_t y)
{
    (void)data; (void)from; (void)time;
    move_pointer(x, y);
}

static void drop(void *data, struct wl_data_device *from)
{
    (void)data; (void)from;
    if (dragged && !own)
        receive(dragged, dragged);
    dragged = NULL;                                     /* the leave that follows does not take it away */
}

static void choose(void *data, struct wl_data_device *from, struct wl_data_offer *offer)
{
    (void)data; (void)from;
    if (selection)
        wl_data_offer_destroy(selection);
    selection = offer;
}

static const struct wl_data_device_listener device_events = {
    .data_offer = new_offer, .enter = enter, .leave = leave, .motion = motion, .drop = drop, .selection = choose,
};

void listen_to_data(void)
{
    if (!me.data_manager || !me.seat)
        return;
    device = wl_data_device_manager_get_data_device(me.data_manager, me.seat);
    wl_data_device_add_listener(device, &device_events, NULL);
}
