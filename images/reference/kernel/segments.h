/* Segments for both rings, and the task state segment that says where a trap from ring 3 puts its frame. */
#pragma once

enum { KERNEL_CODE = 8, KERNEL_DATA = 16, USER_DATA = 24 | 3, USER_CODE = 32 | 3, TASK_STATE = 40, STACK_NMI = 1 /* in the interrupt stack table */ };

void segments_init(void);
void segments_trap_stack(void *top);        /* 16-byte aligned */
