/* Heartbeats between desktops on one link: broadcasts of UDP, ten a second. A peer that is not heard for a second is lost. */
#define _GNU_SOURCE
#include "agent.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SUBNET UINT32_C(0x0A520000)         /* 10.82.0.<node>/24 */

enum { PORT = 8265, NODE_LAST = 250, PEERS_MOST = 8, BEAT_MS = 100, SILENCE_US = 1000000 };

struct beat {
    char magic[4];
    uint32_t node;
    uint64_t counter;
};

struct peer {
    uint32_t node;
    uint64_t counter, heard_us;
    bool up;
};

static int air = -1, cards = -1, timer = -1;
static char card[IFNAMSIZ];
static uint32_t own_node, peers_wanted, peers_known;
static struct peer peers[PEERS_MOST];
static uint64_t sent, heard, lost, damaged_before;
static bool carrier;

static struct sockaddr_in address(uint32_t host, uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host) };
}

/* The first card that is not the loopback; false: there is none. */
static bool find_card(void)
{
    DIR *all = opendir("/sys/class/net");
    *card = 0;
    for (struct dirent *e; all && !*card && (e = readdir(all));)
        if (*e->d_name != '.' && strcmp(e->d_name, "lo") && strlen(e->d_name) < sizeof card)
            strcpy(card, e->d_name);
    if (all)
        closedir(all);
    return *card;
}

static bool set(unsigned long what, uint32_t host)
{
    struct ifreq request = { 0 };
    struct sockaddr_in value = address(host, 0);
    memcpy(request.ifr_name, card, sizeof card);
    memcpy(&request.ifr_addr, &value, sizeof value);
    return ioctl(air, what, &request) == 0;
}

static bool link_is_up(void)
{
    struct ifreq request = { 0 };
    memcpy(request.ifr_name, card, sizeof card);
    return ioctl(air, SIOCGIFFLAGS, &request) == 0 && request.ifr_flags & IFF_RUNNING;
}

static bool bring_up(uint32_t node)
{
    struct ifreq request = { 0 };
    memcpy(request.ifr_name, card, sizeof card);
    if (!set(SIOCSIFADDR, SUBNET | node) || !set(SIOCSIFNETMASK, 0xFFFFFF00) || !set(SIOCSIFBRDADDR, SUBNET | 255)
        || ioctl(air, SIOCGIFFLAGS, &request) < 0)
        return false;
    request.ifr_flags |= IFF_UP;
    return ioctl(air, SIOCSIFFLAGS, &request) == 0;
}

/* Datagrams that the kernel threw away for their checksums, since it started. */
static uint64_t count_damaged(void)
{
    static const struct { const char *path, *line, *name; } counters[] = {
        { "/proc/net/snmp", "Udp:", "InCsumErrors" }, { "/proc/net/netstat", "IpExt:", "InCsumErrors" },
    };
    uint64_t sum = 0;
    for (unsigned i = 0; i < sizeof counters / sizeof *counters; i++) {
        char names[2048], values[2048];
        FILE *file = fopen(counters[i].path, "re");
        while (file && fgets(names, sizeof names, file) && fgets(values, sizeof values, file)) {
            if (strncmp(names, counters[i].line, strlen(counters[i].line)))
                continue;
            char *n, *v, *name = strtok_r(names, " \n", &n), *value = strtok_r(values, " \n", &v);
            for (; name && value; name = strtok_r(NULL, " \n", &n), value = strtok_r(NULL, " \n", &v)) {
                unsigned long long count;
                if (!strcmp(name, counters[i].name) && sscanf(value, "%llu", &count) == 1)
                    sum += count;
            }
        }
        if (file)
            fclose(file);
    }
    return sum;
}

/* Its place in the table, made if there is room; NULL: one too many, or none that a desktop can be. */
static struct peer *peer_of(uint32_t node)
{
    for (uint32_t i = 0; i < peers_known; i++)
        if (peers[i].node == node)
            return &peers[i];
    if (peers_known >= peers_wanted || node < 1 || node > NODE_LAST)
        return NULL;
    peers[peers_known] = (struct peer){ .node = node };
    return &peers[peers_known++];
}

static void hear(void)
{
    struct beat b;
    ssize_t n;
    while ((n = recv(air, &b, sizeof b, MSG_DONTWAIT)) >= 0) {
        struct peer *p;
        if (n != sizeof b || memcmp(b.magic, "RHB2", 4) || b.node == own_node || !(p = peer_of(b.node)))
            continue;
        heard++;
        if (p->counter && b.counter > p->counter + 1)       /* a lower one: it began anew */
            lost += b.counter - p->counter - 1;
        p->counter = b.counter;
        p->heard_us = now_us();
        if (!p->up) {
            p->up = true;
            rayos_marker(&kit, "NET:PEER_UP:%u", p->node);
        }
    }
}

static void beat(void)
{
    uint64_t turns;
    struct beat b = { .magic = { 'R', 'H', 'B', '2' }, .node = own_node, .counter = sent + 1 };
    struct sockaddr_in all = address(SUBNET | 255, PORT);
    if (read(timer, &turns, sizeof turns) < 0)
        return;
    sent += sendto(air, &b, sizeof b, MSG_DONTWAIT, (struct sockaddr *)&all, sizeof all) == sizeof b;
    hear();                                         /* what waits was said in time: it may be we who were busy */
    for (struct peer *p = peers; p < peers + peers_known; p++)
        if (p->up && now_us() - p->heard_us > SILENCE_US) {
            p->up = false;
            rayos_marker(&kit, "NET:PEER_LOST:%u", p->node);
        }
}

static void hear_cards(void)
{
    char messages[4096];
    while (recv(cards, messages, sizeof messages, MSG_DONTWAIT) > 0)
        ;
    if (link_is_up() != carrier) {
        carrier = !carrier;
        rayos_marker(&kit, "NET:CARRIER:%s", carrier ? "up" : "down");
    }
}

static bool open_sockets(void)
{
    struct sockaddr_in any = address(INADDR_ANY, PORT);
    struct sockaddr_nl links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
    int yes = 1;
    air = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    cards = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (air < 0 || cards < 0 || timer < 0 || setsockopt(air, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes) < 0
        || bind(air, (struct sockaddr *)&any, sizeof any) < 0 || bind(cards, (struct sockaddr *)&links, sizeof links) < 0) {
        close(air);
        close(cards);
        close(timer);
        air = cards = timer = -1;
        return false;
    }
    watch(air, hear);
    watch(timer, beat);
    watch(cards, hear_cards);
    return true;
}

static void start(const char *p, struct rayos_reply *r)
{
    uint32_t node, wanted, always = 1;
    if (!number(r, p, "node", 1, NODE_LAST, &node) || !number(r, p, "peers", 1, PEERS_MOST, &wanted)
        || !option(r, p, "always", 1, UINT32_MAX, &always))     /* it never waits for the host */
        return;
    if (!find_card() || (air < 0 && !open_sockets()) || !bring_up(node)) {
        rayos_refuse(r, "state", "net");
        return;
    }
    own_node = node;                                /* not before: who is refused changes nothing of what runs */
    peers_wanted = wanted;
    peers_known = 0;
    sent = heard = lost = 0;
    damaged_before = count_damaged();
    carrier = link_is_up();
    timerfd_settime(timer, 0, &(struct itimerspec){ { 0, BEAT_MS * 1000000 }, { 0, 1 } }, NULL);
}

static void state(struct rayos_reply *r)
{
    unsigned up = 0;
    for (uint32_t i = 0; i < peers_known; i++)
        up += peers[i].up;
    rayos_say(r, " sent=%llu heard=%llu peers=%u lost=%llu damaged=%llu", (unsigned long long)sent, (unsigned long long)heard,
              up, (unsigned long long)lost, (unsigned long long)(count_damaged() - damaged_before));
}

void net(const char *p, struct rayos_reply *r)
{
    char what[8] = "";
    rayos_word(p, "do", what, sizeof what);
    if (!strcmp(what, "start"))
        start(p, r);
    else if (strcmp(what, "state"))
        rayos_refuse(r, "argument", "do");
    else if (air < 0)
        rayos_refuse(r, "state", "net");
    else
        state(r);
}
