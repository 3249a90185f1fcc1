/* The clients' lives: start, end, death and restart, each with its markers. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "task.h"

/* Runs the client until its window is there and all wait. False: no memory; nothing is left. */
bool clients_start(const struct task_arguments *arguments);
/* Asks it to close, kills it if it does not; no RAYOS_FAILURE. */
void clients_end(int id);
/* tasks_settle(), what the deaths in it mean, and the restarts that are due. Every command and tick ends its work with this. */
void clients_settle(void);
void clients_tick(void);                /* after the tick's settle: pings, recoveries that take too long */
void clients_supervise(bool on);
void clients_left(int id);              /* a client of the host hung up */

/* Elsewhere (control/client_commands.c): a workload draws its content, so that redraw and animate are refused. */
bool client_content_is_taken(int id);
