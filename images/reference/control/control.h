/* Control frames: lines in, one answer each, then the READY marker. */
#pragma once
#include <stdbool.h>

void control_ready(void);           /* prints READY for the last command */
void control_handle(void);          /* takes what has arrived, up to the end of one line, and answers it */
bool control_waiting(void);         /* control_handle() would find something now */
