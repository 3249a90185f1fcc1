/* The verbs of the control protocol: tables of commands, one in each *_commands.c, and what their functions use. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "arguments.h"
#include "rayos_kit.h"
#include "windows.h"

struct command {
    const char *verb;
    /* The arguments are checked, in the order of the parameters; the reply holds "ok". */
    void (*run)(const struct argument *arguments, struct rayos_reply *reply);
    struct parameter parameters[PARAMETERS_MOST];       /* up to the one without a key */
};

/* Each table ends with an empty entry. */
extern const struct command desktop_commands[], run_commands[], crash_commands[], tunnel_commands[],
    client_commands[], measure_commands[], device_commands[];

#define PARAMETER_NUMBER(key, low, high) { key, INTEGER, false, low, high }
#define PARAMETER_ID PARAMETER_NUMBER("id", 1, WINDOW_IDS)           /* of a task */
#define PARAMETER_WINDOW PARAMETER_NUMBER("id", 1, WINDOW_LAST)      /* of any window */

/* Executes a command's payload (changed by parsing); the reply holds "ok". */
void commands_execute(char *payload, struct rayos_reply *reply);
/* The window that the first argument names; NULL: refused. */
struct window *command_window(const struct argument *arguments, struct rayos_reply *reply);
