/* The verbs of the control protocol. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct reply {
    bool refused;
    char text[256];         /* payload of the answer: "ok ...", or the reason and its detail */
    size_t length;
    char reason[16];        /* when refused */
    void (*afterwards)(void);   /* to do once the answer is sent; may not return */
};

/* Executes a command's payload (changed by parsing) and fills the reply. */
void commands_execute(char *payload, struct reply *reply);
void commands_refuse(struct reply *reply, const char *reason, const char *detail);
