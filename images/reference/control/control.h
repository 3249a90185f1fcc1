/* The control channel: lines in, one answer each, then the READY marker; and what the markers are printed with. */
#pragma once
#include <stdbool.h>

void control_init(void);
void control_print(const char *text);   /* "RAYOS_" and the text, with its seal if the option asks for it */
void control_ready(void);           /* prints READY for the last command */
void control_handle(void);          /* takes what has arrived, up to the end of one line, and answers it */
bool control_waiting(void);         /* control_handle() would find something now */
