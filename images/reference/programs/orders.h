/* What the control side (control/client_commands.c) tells the client program: the verbs of `struct order`, and the
 * names of docs/reference-guest.md in the order of their numbers. */
#pragma once

enum order_verb {
    ORDER_REDRAW = 1,
    ORDER_ANIMATE,          /* (on) */
    ORDER_WORK,             /* (enum workload, seed, rate) */
    ORDER_MISBEHAVE,        /* (enum misbehaviour) */
    ORDER_COPY,             /* text: offered as the selection */
    ORDER_PASTE,            /* asks the selection's owner for the text */
    ORDER_COLLECT,          /* a text that was asked for may be there by now */
    ORDER_DRAG,             /* (on): while on, a press in the content drags the text */
    ORDER_PUBLISH,          /* every status slot: the fast changing ones are published only when asked */
};

/* Beside the others, `redraw` and `animate` work as usual. */
#define DRAWING_WORKLOADS(_) _(solid) _(full) _(damage) _(media) _(resize) _(surge)
#define OTHER_WORKLOADS(_)   _(typist) _(pointer) _(clipboard) _(slow) _(hoard)
#define WORKLOADS(_) DRAWING_WORKLOADS(_) OTHER_WORKLOADS(_)

#define MISBEHAVIOURS(_) _(page_fault) _(neighbour) _(invalid_opcode) _(divide_error) _(protection) _(hang) _(exit) _(leak) _(deaf) \
    _(no_ack) _(bad_object) _(bad_opcode) _(bad_size) _(bad_buffer) _(bad_string) _(double_role) _(flood) _(no_pong)

#define WORK_NUMBER(name) WORK_##name,
#define MISBEHAVE_NUMBER(name) MISBEHAVE_##name,
enum workload { WORK_stop, WORKLOADS(WORK_NUMBER) WORKLOAD_COUNT, WORK_FIRST_OTHER = WORK_typist };
enum misbehaviour { MISBEHAVIOURS(MISBEHAVE_NUMBER) MISBEHAVIOUR_COUNT };

/* How the program ends when it ends by itself. */
enum exit_code {
    EXIT_CLOSED,            /* the compositor asked it to close */
    EXIT_UNASKED,           /* `misbehave how=exit` */
    EXIT_MEMORY,            /* over its quota */
    EXIT_DISCONNECTED,      /* the compositor hung up */
    EXIT_UNSUPPORTED,       /* the compositor lacks a global that it needs */
};
