/* Texts between clients: the selection, drag and drop. A file descriptor is shared memory here, not a pipe: who asks for a
 * text sends memory full of zeros, and who has it writes it there from byte 4 on, and its length before it (docs/protocol.md). */
#include "client.h"
#include "calls.h"

enum {
    MANAGER_CREATE_SOURCE = 0, MANAGER_GET_DEVICE = 1, DEVICE_START_DRAG = 0, DEVICE_SET_SELECTION = 1,
    SOURCE_OFFER = 0, SOURCE_DESTROY = 1, SOURCE_SET_ACTIONS = 2,
    OFFER_ACCEPT = 0, OFFER_RECEIVE = 1, OFFER_DESTROY = 2, OFFER_FINISH = 3, OFFER_SET_ACTIONS = 4, ACTION_COPY = 1,
};
enum { DEVICE_OFFER, DEVICE_ENTER, DEVICE_LEAVE, DEVICE_MOTION, DEVICE_DROP, DEVICE_SELECTION };
enum { SOURCE_TARGET, SOURCE_SEND, SOURCE_CANCELLED, SOURCE_DROP_PERFORMED, SOURCE_FINISHED, SOURCE_ACTION };
enum { OFFERED_MOST = 48, TRANSFER_BYTES = 4096, LENGTH_BYTES = 4 };
#define MIME "text/plain;charset=utf-8"

static struct offered {
    uint32_t source;            /* 0: none */
    char text[OFFERED_MOST];
} selection, drag;
static bool armed;
static uint32_t selection_offer, drag_offer;    /* what others offer us; 0: none */

static struct {
    bool asked, drop;
    uint32_t offer;
    int memory;
    const volatile char *text;
} transfer;

void transfer_begin(void)
{
    if (!objects.data_manager || !objects.seat)
        return;
    objects.data_device = wire_new_id(OBJECT_DATA_DEVICE);
    WIRE(objects.data_manager, MANAGER_GET_DEVICE, objects.data_device, objects.seat);
}

static void make_source(struct offered *o, const char *text)
{
    int n = 0;
    for (; n < OFFERED_MOST - 1 && text[n]; n++)
        o->text[n] = text[n];
    o->text[n] = 0;
    o->source = wire_new_id(OBJECT_DATA_SOURCE);
    WIRE(objects.data_manager, MANAGER_CREATE_SOURCE, o->source);
    wire_begin(o->source, SOURCE_OFFER);
    wire_string(MIME);
    wire_end();
}

void transfer_offer(const char *text)
{
    if (!objects.data_device)
        return;
    make_source(&selection, text);
    WIRE(objects.data_device, DEVICE_SET_SELECTION, selection.source, user_serial());
}

void transfer_arm(bool on)
{
    armed = on;
}

void transfer_pressed(uint32_t serial)
{
    if (!armed || !objects.data_device)
        return;
    armed = false;
    char text[16] = "drop ";
    int id = client_id(), n = 5;
    if (id >= 10)
        text[n++] = (char)('0' + id / 10);
    text[n] = (char)('0' + id % 10);
    make_source(&drag, text);
    WIRE(drag.source, SOURCE_SET_ACTIONS, ACTION_COPY);
    WIRE(objects.data_device, DEVICE_START_DRAG, drag.source, objects.surface, 0, serial);
}

void transfer_source_event(uint32_t source, unsigned opcode)
{
    struct offered *o = source == drag.source ? &drag : source == selection.source ? &selection : NULL;
    if (opcode == SOURCE_SEND) {
        int fd = wire_take_fd();
        void *to;
        if (fd < 0)
            return;
        int64_t size = call_map(fd, &to);
        volatile char *text = (volatile char *)to + LENGTH_BYTES;
        uint32_t n = 0;
        for (; o && n + LENGTH_BYTES < size && o->text[n]; n++)
            text[n] = o->text[n];
        if (size > LENGTH_BYTES)
            *(volatile uint32_t *)to = n;
        call_close(fd);
    } else if (opcode == SOURCE_CANCELLED || opcode == SOURCE_FINISHED) {
        WIRE0(source, SOURCE_DESTROY);
        wire_gone(source);
        if (o)
            o->source = 0;
    }
}

static void destroy_offer(uint32_t *offer)
{
    if (*offer)
        WIRE0(*offer, OFFER_DESTROY);
    *offer = 0;
}

static void give_up(void)
{
    if (!transfer.asked)
        return;
    call_close(transfer.memory);
    if (transfer.drop)
        destroy_offer(&transfer.offer);
    transfer.asked = false;
}

static void ask(uint32_t offer, bool drop)
{
    give_up();
    void *address;
    int memory = (int)call_share(TRANSFER_BYTES, &address);
    if (memory < 0)
        call_exit(EXIT_MEMORY);
    wire_fd(memory);
    wire_begin(offer, OFFER_RECEIVE);
    wire_string(MIME);
    wire_end();
    transfer.asked = true;
    transfer.drop = drop;
    transfer.offer = offer;
    transfer.memory = memory;
    transfer.text = address;
}

void transfer_ask(void)
{
    client_status(STATUS_RECEIVED, 0);
    if (selection_offer)
        ask(selection_offer, false);
}

void transfer_collect(void)
{
    uint32_t length = transfer.asked ? *(const volatile uint32_t *)transfer.text : 0;
    if (!length)
        return;
    char text[TEXT_MOST];
    int n = 0;
    for (; n < TEXT_MOST && (uint32_t)n < length; n++)
        text[n] = transfer.text[LENGTH_BYTES + n];
    user_type(text, n);
    client_status(STATUS_RECEIVED, n);
    enum status_slot slot = transfer.drop ? STATUS_DROPS : STATUS_PASTES;
    client_status(slot, client_count(slot));
    if (transfer.drop)
        WIRE0(transfer.offer, OFFER_FINISH);
    give_up();
}

void transfer_device_event(unsigned opcode, const uint32_t *words)
{
    switch (opcode) {
    case DEVICE_ENTER:
        drag_offer = words[4];
        if (!drag_offer)
            break;
        wire_begin(drag_offer, OFFER_ACCEPT);
        wire_word(words[0]);
        wire_string(MIME);
        wire_end();
        WIRE(drag_offer, OFFER_SET_ACTIONS, ACTION_COPY, ACTION_COPY);
        break;
    case DEVICE_LEAVE:
        destroy_offer(&drag_offer);
        break;
    case DEVICE_DROP:
        if (drag_offer)
            ask(drag_offer, true);
        drag_offer = 0;         /* the transfer's now */
        break;
    case DEVICE_SELECTION:
        if (selection_offer != words[0])
            destroy_offer(&selection_offer);
        selection_offer = words[0];
        break;
    }
}
