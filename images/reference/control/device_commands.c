/* Verbs for the virtio devices: the log on the disk, and heartbeats on the network. */
#include "commands.h"
#include "bootinfo.h"
#include "disk_log.h"
#include "heartbeat.h"
#include "string.h"
#include "ticks.h"

static const struct { const char *reason, *detail; } refusals[] = {
    [DISK_NONE] = { "state", "disk" }, [DISK_FOREIGN] = { "state", "foreign" }, [DISK_READ_ONLY] = { "state", "readonly" },
    [DISK_FULL] = { "limit", "full" }, [DISK_ABSENT] = { "id", "seq" }, [DISK_CORRUPT] = { "state", "corrupt" },
    [DISK_IO] = { "state", "io" }, [DISK_FLUSH] = { "state", "flush" },
};

static bool good(enum disk_result result, struct reply *r)
{
    if (result)
        commands_refuse(r, refusals[result].reason, refusals[result].detail);
    return !result;
}

static void append(const char *data, struct reply *r)
{
    uint64_t sequence;
    if (strlen(data) > RECORD_DATA_MOST)
        return commands_refuse(r, "argument", "data");
    if (good(disk_log_append(data, (uint32_t)strlen(data), &sequence), r))
        reply_say(r, " seq=%lu", sequence);
}

static void read(uint64_t sequence, struct reply *r)
{
    const char *data;
    uint32_t length;
    if (!good(disk_log_read(sequence, &data, &length), r))
        return;
    reply_say(r, " data=");
    for (uint32_t i = 0; i < length; i++)       /* a record that somebody else wrote may hold anything */
        reply_say(r, "%c", data[i] > ' ' && data[i] <= '~' ? data[i] : '?');
}

static void disk_state(struct reply *r)
{
    struct disk_state s;
    if (good(disk_log_state(&s), r))
        reply_say(r, " records=%lu flushed=%lu lost=%lu capacity=%lu", s.records, s.flushed, s.lost, s.capacity);
}

enum { DO, DATA, SEQUENCE };                    /* the parameters of disk */
enum { NODE = 1, PEERS, BEATS, ALWAYS };        /* of net */

/* Whether just these (bits) of the arguments after `do` are there; else refused with the first that is not as it should be. */
static bool just(const struct argument *a, unsigned wanted, const char *const *keys, struct reply *r)
{
    for (unsigned i = 1; keys[i]; i++)
        if (a[i].given != (wanted >> i & 1)) {
            commands_refuse(r, "argument", keys[i]);
            return false;
        }
    return true;
}

static void disk(const struct argument *a, struct reply *r)
{
    static const char *const keys[] = { "do", "data", "seq", NULL };
    const char *what = a[DO].word;
    if (same_text(what, "append")) {
        if (just(a, 1 << DATA, keys, r))
            append(a[DATA].word, r);
    } else if (same_text(what, "flush")) {
        if (just(a, 0, keys, r))
            good(disk_log_flush(), r);
    } else if (same_text(what, "read")) {
        if (just(a, 1 << SEQUENCE, keys, r))
            read((uint64_t)a[SEQUENCE].number, r);
    } else if (same_text(what, "state")) {
        if (just(a, 0, keys, r))
            disk_state(r);
    } else {
        commands_refuse(r, "argument", "do");
    }
}

static void net_state(struct reply *r)
{
    struct heartbeat_state s = heartbeat_state();
    reply_say(r, " sent=%lu heard=%lu peers=%d lost=%lu damaged=%lu", s.sent, s.heard, s.peers, s.lost, s.damaged);
}

static void net(const struct argument *a, struct reply *r)
{
    static const char *const keys[] = { "do", "node", "peers", "n", "always", NULL };
    const char *what = a[DO].word;
    bool start = same_text(what, "start"), beat = same_text(what, "beat");
    if (!start && !beat && !same_text(what, "state"))
        return commands_refuse(r, "argument", "do");
    bool always = start && a[ALWAYS].given;
    if (!just(a, (start ? 1 << NODE | 1 << PEERS : beat ? 1 << BEATS : 0) | (unsigned)always << ALWAYS, keys, r))
        return;
    if (always && a[ALWAYS].number && !options.free_running)
        return commands_refuse(r, "state", "free");
    if (start) {
        if (!heartbeat_start((int)a[NODE].number, (int)a[PEERS].number, always && a[ALWAYS].number))
            commands_refuse(r, "state", "net");
        return;
    }
    if (!heartbeat_started())
        return commands_refuse(r, "state", "stopped");
    struct tick_totals t = { 0 };
    if (beat) {
        ticks_begin();
        while (t.ticks < a[BEATS].number) {
            ticks_next(&t);
            heartbeat_tick();
        }
        ticks_end();
    }
    net_state(r);
}

#define OPTIONAL(key, low, high) { key, INTEGER, true, low, high }

const struct command device_commands[] = {
    { "disk", disk, { { .key = "do", .kind = NAME }, { .key = "data", .kind = ANY_WORD, .optional = true }, OPTIONAL("seq", 1, INT64_MAX) } },
    { "net", net, { { .key = "do", .kind = NAME }, OPTIONAL("node", 1, 250), OPTIONAL("peers", 1, HEARTBEAT_PEERS_MOST),
                    OPTIONAL("n", 1, 1000000), OPTIONAL("always", 0, 1) } },
    { }
};
