/* Verbs that direct the windows. */
#include "clients.h"
#include "commands.h"
#include "input.h"
#include "programs/orders.h"
#include "server.h"
#include "string.h"
#include "vga.h"
#include "windows.h"

static void create(const struct argument *a, struct rayos_reply *r)
{
    enum content_kind kind = CONTENT_SOLID;
    if (a[6].given && same_text(a[6].word, "checker"))
        kind = CONTENT_CHECKER;
    else if (a[6].given && !same_text(a[6].word, "solid"))
        return rayos_refuse(r, "argument", "kind");
    int id = (int)a[0].number;
    if (task_by_id(id))
        return rayos_refuse(r, "id", a[0].word);
    struct task_arguments arguments = {
        .id = id, .x = (int32_t)a[1].number, .y = (int32_t)a[2].number, .width = (int32_t)a[3].number, .height = (int32_t)a[4].number,
        .color = (uint32_t)a[5].number, .kind = kind,
    };
    if (!clients_start(&arguments))
        rayos_refuse(r, "limit", "memory");
}

/* Of a client of the host, which does as it likes: the window may stay. */
static void destroy(const struct argument *a, struct rayos_reply *r)
{
    struct window *w = command_window(a, r);
    if (!w)
        return;
    if (task_by_id(w->id))
        return clients_end(w->id);
    server_close(w);
    clients_settle();
}

static void move(const struct argument *a, struct rayos_reply *r)
{
    struct window *w = command_window(a, r);
    if (!w)
        return;
    if (w->fullscreen)
        return rayos_refuse(r, "state", "fullscreen");
    window_move(w, (int)a[1].number, (int)a[2].number);
}

static void resize(const struct argument *a, struct rayos_reply *r)
{
    struct window *w = command_window(a, r);
    if (!w)
        return;
    if (w->fullscreen)
        return rayos_refuse(r, "state", "fullscreen");
    window_place(w, w->outer);                  /* damaged, whatever the client makes of it */
    server_configure(w, (int)a[1].number - FRAME_WIDTH, (int)a[2].number - FRAME_HEIGHT);
    clients_settle();
}

static void raise(const struct argument *a, struct rayos_reply *r)
{
    struct window *w = command_window(a, r);
    if (!w)
        return;
    if (w->hidden)
        return rayos_refuse(r, "state", "hidden");
    window_raise(w);
    clients_settle();
}

static void lower(const struct argument *a, struct rayos_reply *r)
{
    struct window *w = command_window(a, r);
    if (!w)
        return;
    window_lower(w);
    clients_settle();
}

static void hide(const struct argument *a, struct rayos_reply *r)
{
    struct window *w = command_window(a, r);
    if (!w)
        return;
    input_forget(w);
    window_hide(w);
    clients_settle();
}

static void show(const struct argument *a, struct rayos_reply *r)
{
    struct window *w = command_window(a, r);
    if (!w)
        return;
    window_show(w);
    clients_settle();
}

/* Has the window's program do something about its content. */
static void direct(const struct argument *a, struct rayos_reply *r, enum order_verb verb, int32_t number)
{
    struct window *w = command_window(a, r);
    if (!w)
        return;
    struct task *t = task_by_id(w->id);
    if (!t)
        return rayos_refuse(r, "id", a[0].word);
    if (client_content_is_taken(w->id))
        return rayos_refuse(r, "state", "work");
    struct order order = { .verb = verb, .number = { number } };
    if (!task_order(t, &order))
        return rayos_refuse(r, "state", "busy");
    clients_settle();
}

static void redraw(const struct argument *a, struct rayos_reply *r)
{
    direct(a, r, ORDER_REDRAW, 0);
}

static void animate(const struct argument *a, struct rayos_reply *r)
{
    direct(a, r, ORDER_ANIMATE, (int32_t)a[1].number);
}

#define X PARAMETER_NUMBER("x", WINDOW_MIN_POSITION, WINDOW_MAX_POSITION)
#define Y PARAMETER_NUMBER("y", WINDOW_MIN_POSITION, WINDOW_MAX_POSITION)
#define W PARAMETER_NUMBER("w", WINDOW_MIN_WIDTH, DESKTOP_WIDTH)
#define H PARAMETER_NUMBER("h", WINDOW_MIN_HEIGHT, DESKTOP_HEIGHT)

const struct command desktop_commands[] = {
    { "create", create, { PARAMETER_ID, X, Y, W, H, { .key = "color", .kind = COLOR }, { .key = "kind", .kind = ANY_WORD, .optional = true } } },
    { "destroy", destroy, { PARAMETER_WINDOW } },
    { "move", move, { PARAMETER_WINDOW, X, Y } },
    { "resize", resize, { PARAMETER_WINDOW, W, H } },
    { "raise", raise, { PARAMETER_WINDOW } },
    { "lower", lower, { PARAMETER_WINDOW } },
    { "focus", raise, { PARAMETER_WINDOW } },
    { "hide", hide, { PARAMETER_WINDOW } },
    { "show", show, { PARAMETER_WINDOW } },
    { "redraw", redraw, { PARAMETER_WINDOW } },
    { "animate", animate, { PARAMETER_WINDOW, PARAMETER_NUMBER("on", 0, 1) } },
    { }
};
