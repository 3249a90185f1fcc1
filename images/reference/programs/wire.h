/* The Wayland wire format from the client's side: requests are gathered and sent together, events come whole. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_DISPLAY = 1 };

/* What an id stands for; each user of the wire counts on from OBJECT_OURS. */
enum { OBJECT_NONE, OBJECT_GONE /* destroyed, delete_id is due */, OBJECT_DISPLAY, OBJECT_OURS };

uint32_t wire_new_id(uint8_t kind);         /* the lowest free one; ends the program when there is none */
uint8_t  wire_kind(uint32_t id);            /* OBJECT_NONE of the compositor's ids */
void     wire_gone(uint32_t id);            /* its destructor was sent */
void     wire_deleted(uint32_t id);         /* delete_id */

/* A request: begin, its arguments, end. A file descriptor goes before the begin of the request that has it. */
void wire_fd(int fd);                       /* flushes; the handle stays ours */
void wire_begin(uint32_t object, unsigned opcode);
void wire_word(uint32_t word);
void wire_string(const char *text);
void wire_end(void);
void wire_request(uint32_t object, unsigned opcode, const uint32_t *words, size_t n);
/* A request whose arguments are all 32-bit words. */
#define WIRE(object, opcode, ...) \
    wire_request(object, opcode, (const uint32_t[]){ __VA_ARGS__ }, sizeof (uint32_t[]){ __VA_ARGS__ } / sizeof(uint32_t))
#define WIRE0(object, opcode) wire_request(object, opcode, NULL, 0)
void wire_flush(void);                      /* sends what was gathered; ends the program when the compositor hung up */

/* Takes what has come and calls wire_event for each whole event. */
void wire_read(void);
int  wire_take_fd(void);                    /* the next handle that came; -1: none */
/* By the user. words: the arguments. */
void wire_event(uint32_t object, unsigned opcode, const uint32_t *words, size_t n);
