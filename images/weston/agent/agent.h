/* The agent: process 1 of the guest, and its end of the control protocol (docs/protocol.md, docs/weston.md). */
#ifndef AGENT_H
#define AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "page.h"
#include "rayos_kit.h"

enum { CLIENT_LAST = 232, COMPOSITOR = 240 };       /* ids in markers */

extern struct rayos_kit kit;

uint64_t now_us(void);                              /* since boot */

/* start.c: what has to be there before anything runs */
void start_system(void);
void screen_size(unsigned *width, unsigned *height);

/* ports.c: the console and the control port. Neither is ever waited for without a limit. */
void open_ports(void);
void put_console(void *context, char c);
void put_control(void *context, char c);
int get_control(void *context);
int control_fd(void);
void say_console(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* events.c: waits for processes, clients, the compositor's socket, and the control port */
typedef bool condition(const void *context);
void watch_signals(void);
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
    char program[40];                               /* of a demo; empty: our own */
    bool mapped, asked, stopped, recovering;        /* asked: it was told to go, its end is no failure */
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

/* commands.c */
void execute(void *context, char *payload, struct rayos_reply *reply);

/* measure.c */
unsigned memory_used_kb(void);
unsigned cpu_percent(void);                         /* since the call before */
unsigned resident_kb(pid_t pid);
void start_first_clients(void);                     /* as many as clients= on the kernel command line says */
void soak(struct rayos_reply *reply, uint32_t count, uint32_t seconds);

#endif
