/* The agent: process 1 of the guest, and its end of the control protocol (docs/protocol.md, docs/weston.md). */
#ifndef AGENT_H
#define AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "page.h"
#include "rayos_kit.h"

#define SETTLE_US UINT64_C(20000000)        /* for one client to show its first frame, or to go: 64 of them share one CPU */

enum { CLIENT_LAST = 232, COMPOSITOR = 240 };       /* ids in markers */

#define ANYWHERE UINT32_MAX                         /* as the x of a demo: where the shell wants it */

enum load { LOAD_CLIENTS, LOAD_CPU, LOAD_MEMORY, LOAD_DISK };       /* of `stress` */

extern struct rayos_kit kit;

uint64_t now_us(void);                              /* since boot */

/* start.c: what has to be there before anything runs */
void start_system(void);
void screen_size(unsigned *width, unsigned *height);

/* modules.c */
void load_modules(bool all);                        /* all: those without a device too */

/* ports.c: the console and the control port. Neither is ever waited for without a limit. */
void open_ports(void);
void put_console(void *context, char c);
void put_control(void *context, char c);
int get_control(void *context);
int control_fd(void);
void say_console(const char *format, ...) __attribute__((format(printf, 1, 2)));

int open_virtual(const char *name);                 /* a virtserialport; -1: there is none */
void command_line(char *words, size_t size);        /* the kernel's, with a space in front */

/* events.c: waits for processes, clients, the compositor's socket, and the control port */
typedef bool condition(const void *context);
void watch_signals(void);
void watch(int fd, void (*heard)(void));            /* calls it when there is something to read; -1: no more */
/* Lets everything happen but commands, until the condition holds. False: the time went first. */
bool run_until(condition *holds, const void *context, uint64_t limit_us);
void run_commands(void) __attribute__((noreturn));
void reset_signals(void);                           /* in a child, before exec */

/* compositor.c */
void start_compositor(void);
void compositor_ended(int status);
void compositor_ready(void);
bool compositor_is_up(const void *unused);
pid_t compositor_pid(void);

/* clients.c */
struct client {
    pid_t pid;                                      /* 0: there is none */
    int socket;
    struct page *page;
    uint32_t place[5];                              /* x, y, w, h, rate */
    char how[16];                                   /* as what it misbehaves from its beginning; empty: it does not */
    char program[40];                               /* of a demo; empty: our own */
    bool mapped, asked, stopped, recovering;        /* asked: it was told to go, its end is no failure */
    bool held;                                      /* it is being stopped with all others, which is no failure */
    uint32_t text;                                  /* characters that were typed in it, pasted to it, dropped on it */
    uint32_t copied, pasted, pointed, pressed, dragged, dropped;    /* what it said, how often; dragged: also in vain */
    const char *cause;                              /* what was done to it, for the marker of its end */
};
extern struct client clients[CLIENT_LAST + 1];
extern bool supervised;
bool start_client(unsigned id);                     /* with its place and program; false: no process or memory for it */
bool order_client(unsigned id, const char *order);
void client_changed(pid_t pid, int status);
void hear_client(unsigned id);
bool client_is_settled(const void *id);             /* its first frame was shown, or it is gone */
bool client_is_gone(const void *id);
unsigned count_clients(void);
void restart_lost_clients(void);

void hold_clients(void);                            /* all of them stand still, until `stop id= on=0` */

/* commands.c */
enum { SIDE_MOST = 4096 };                          /* pixels */
/* A word of a command; false: refused. */
bool number(struct rayos_reply *r, const char *payload, const char *key, uint32_t least, uint32_t most, uint32_t *value);
/* As `number`, for a word that may be missing: *value stays as it is then. */
bool option(struct rayos_reply *r, const char *payload, const char *key, uint32_t least, uint32_t most, uint32_t *value);
bool living(struct rayos_reply *r, const char *payload, uint32_t *id);
void execute(void *context, char *payload, struct rayos_reply *reply);
void leave(void *context);                          /* power off */

/* endings.c */
void destroy(const char *p, struct rayos_reply *r);
void kill_clients(const char *p, struct rayos_reply *r);
void stop(const char *p, struct rayos_reply *r);
void hold(const char *p, struct rayos_reply *r);

/* input.c */
void make_input_devices(void);                      /* before the compositor starts, which looks for them once */
bool press(uint32_t code, bool down);               /* a key or a button, by its number in evdev */
bool point(uint32_t x, uint32_t y);                 /* pixels */

/* plan.c */
void carry_out_plan(void);

/* tunnel.c */
void start_tunnel(void);                           /* where the machine has the port for it */

/* windows.c: verbs */
void raise_client(const char *p, struct rayos_reply *r);
void resize(const char *p, struct rayos_reply *r);
void fullscreen(const char *p, struct rayos_reply *r);
void redraw(const char *p, struct rayos_reply *r);
void copy(const char *p, struct rayos_reply *r);
void drag(const char *p, struct rayos_reply *r);
void focus(const char *p, struct rayos_reply *r);
void animate(const char *p, struct rayos_reply *r);
void work(const char *p, struct rayos_reply *r);
void paste(const char *p, struct rayos_reply *r);
void perf(const char *p, struct rayos_reply *r);

/* echoes.c: what a client says of its input and its texts */
void take_echo(unsigned id, const char *echo);      /* without RAYOS_CLIENT: */

/* measure.c */
unsigned memory_used_kb(void);
unsigned cpu_percent(void);                         /* since the call before */
unsigned resident_kb(pid_t pid);
void start_first_clients(void);                     /* as many as clients= on the kernel command line says */
enum { SOAK_RATE = 10 };                            /* frames a second */
unsigned memory_total_kb(void);                     /* less where a balloon has taken some */
bool start_in_grid(uint32_t id, uint32_t rate);     /* clients beside each other; false: it showed no frame */
void soak(struct rayos_reply *reply, uint32_t count, uint32_t seconds, uint32_t rate);
void churn(struct rayos_reply *reply, uint32_t count, uint32_t seconds);
void crowd(struct rayos_reply *reply, enum load kind, uint32_t level, uint32_t seconds);

/* loads.c */
bool begin_load(struct rayos_reply *reply, enum load kind, uint32_t level);     /* false: refused */
bool is_load_applied(unsigned cpu_percent);         /* since it was asked before */
void end_load(void);

/* base64.c */
void base64(char *to, const uint8_t *from, size_t n);       /* 4 characters for each 3 bytes begun, and a zero */
int unbase64(uint8_t *to, const char *from);                /* bytes; -1: it is none. Room for all of 4 characters is needed */

/* run.c, files.c, resources.c, story.c: verbs */
bool command_ended(pid_t pid, int status);          /* whether it was the one of `run` */
void run(const char *p, struct rayos_reply *r);
int open_file(const char *path, int how, off_t *size);      /* never waits; -1: there is no regular file of that name */
void put_file(const char *p, struct rayos_reply *r);
void get_file(const char *p, struct rayos_reply *r);
void sum_file(const char *p, struct rayos_reply *r);
void resources(const char *p, struct rayos_reply *r);
void limit(const char *p, struct rayos_reply *r);
void scenario(const char *p, struct rayos_reply *r);
void milestone(const char *p, struct rayos_reply *r);
void verify(const char *p, struct rayos_reply *r);
void complete(const char *p, struct rayos_reply *r);

/* net.c, disk.c: the verbs of the same names */
void net(const char *payload, struct rayos_reply *reply);
void disk(const char *payload, struct rayos_reply *reply);

/* writer.c: the process that keeps a log on the disk, and what it shares with the agent */
enum { RECORD_MOST = 480, SLOTS = 1024 };
struct log {
    uint64_t next, records, flushed, capacity;      /* the number to give next; whole on the disk; safe there; sectors */
    struct record {
        uint64_t number;                            /* 0: free; set last */
        uint32_t length;
        char data[RECORD_MOST];
    } slots[SLOTS];
};
uint64_t log_take(struct log *log, const char *data, uint32_t length);     /* its number; 0: there is no room in memory */
void write_log(struct log *log, struct page *page, int orders, uint32_t rate) __attribute__((noreturn));

#endif
