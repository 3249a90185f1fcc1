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
    [DISK_BUFFER] = { "limit", "buffer" }, [DISK_PENDING] = { "state", "pending" },
};

static bool good(enum disk_result result, struct rayos_reply *r)
{
    if (result)
        rayos_refuse(r, refusals[result].reason, refusals[result].detail);
    return !result;
}

static void add(enum disk_result (*how)(const char *, uint32_t, uint64_t *), const char *data, struct rayos_reply *r)
{
    uint64_t sequence;
    if (strlen(data) > RECORD_DATA_MOST)
        return rayos_refuse(r, "argument", "data");
    if (good(how(data, (uint32_t)strlen(data), &sequence), r))
        rayos_say(r, " seq=%lu", sequence);
}

static void read(uint64_t sequence, struct rayos_reply *r)
{
    const char *data;
    uint32_t length;
    if (!good(disk_log_read(sequence, &data, &length), r))
        return;
    rayos_say(r, " data=");
    for (uint32_t i = 0; i < length; i++)       /* a record that somebody else wrote may hold anything */
        rayos_say(r, "%c", data[i] > ' ' && data[i] <= '~' ? data[i] : '?');
}

static void disk_state(struct rayos_reply *r)
{
    struct disk_state s;
    if (good(disk_log_state(&s), r))
        rayos_say(r, " records=%lu flushed=%lu pending=%lu trimmed=%lu lost=%lu capacity=%lu", s.records, s.flushed, s.pending, s.trimmed,
                  s.lost, s.capacity);
}

enum { DO, DATA, SEQUENCE, SECTORS };           /* the parameters of disk */
enum { NODE = 1, PEERS, BEATS, ALWAYS };        /* of net */

/* Whether just these (bits) of the arguments after `do` are there; else refused with the first that is not as it should be. */
static bool just(const struct argument *a, unsigned wanted, const char *const *keys, struct rayos_reply *r)
{
    for (unsigned i = 1; keys[i]; i++)
        if (a[i].given != (wanted >> i & 1)) {
            rayos_refuse(r, "argument", keys[i]);
            return false;
        }
    return true;
}

/* The verbs of disk, each with the one argument beside `do` that it takes (0: none). */
enum disk_verb { APPEND, STORE, FLUSH, READ, TRIM, LIMIT, STATE };
static const struct { const char *name; unsigned argument; } disk_verbs[] = {
    [APPEND] = { "append", DATA }, [STORE] = { "store", DATA }, [FLUSH] = { "flush", 0 }, [READ] = { "read", SEQUENCE },
    [TRIM] = { "trim", 0 }, [LIMIT] = { "limit", SECTORS }, [STATE] = { "state", 0 },
};

static void disk(const struct argument *a, struct rayos_reply *r)
{
    static const char *const keys[] = { "do", "data", "seq", "n", NULL };
    unsigned verb = 0;
    while (verb <= STATE && !same_text(a[DO].word, disk_verbs[verb].name))
        verb++;
    if (verb > STATE)
        return rayos_refuse(r, "argument", "do");
    unsigned argument = disk_verbs[verb].argument;
    if (!just(a, argument ? 1u << argument : 0, keys, r))
        return;
    switch ((enum disk_verb)verb) {
    case APPEND: return add(disk_log_append, a[DATA].word, r);
    case STORE:  return add(disk_log_store, a[DATA].word, r);
    case READ:   return read((uint64_t)a[SEQUENCE].number, r);
    case STATE:  return disk_state(r);
    case FLUSH:  good(disk_log_flush(), r); return;
    case TRIM:   good(disk_log_trim(), r); return;
    case LIMIT:  good(disk_log_limit((uint64_t)a[SECTORS].number), r); return;
    }
}

static void net_state(struct rayos_reply *r)
{
    struct heartbeat_state s = heartbeat_state();
    rayos_say(r, " sent=%lu heard=%lu peers=%d lost=%lu damaged=%lu", s.sent, s.heard, s.peers, s.lost, s.damaged);
}

static void net(const struct argument *a, struct rayos_reply *r)
{
    static const char *const keys[] = { "do", "node", "peers", "n", "always", NULL };
    const char *what = a[DO].word;
    bool start = same_text(what, "start"), beat = same_text(what, "beat");
    if (!start && !beat && !same_text(what, "state"))
        return rayos_refuse(r, "argument", "do");
    bool always = start && a[ALWAYS].given;
    if (!just(a, (start ? 1 << NODE | 1 << PEERS : beat ? 1 << BEATS : 0) | (unsigned)always << ALWAYS, keys, r))
        return;
    if (always && a[ALWAYS].number && !options.free_running)
        return rayos_refuse(r, "state", "free");
    if (start) {
        if (!heartbeat_start((int)a[NODE].number, (int)a[PEERS].number, always && a[ALWAYS].number))
            rayos_refuse(r, "state", "net");
        return;
    }
    if (!heartbeat_started())
        return rayos_refuse(r, "state", "stopped");
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
    { "disk", disk, { { .key = "do", .kind = NAME }, { .key = "data", .kind = ANY_WORD, .optional = true }, OPTIONAL("seq", 1, INT64_MAX),
                      OPTIONAL("n", 1, INT64_MAX) } },
    { "net", net, { { .key = "do", .kind = NAME }, OPTIONAL("node", 1, 250), OPTIONAL("peers", 1, HEARTBEAT_PEERS_MOST),
                    OPTIONAL("n", 1, 1000000), OPTIONAL("always", 0, 1) } },
    { }
};
