/* The few string functions that the kernel and the compiler need. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

void  *memset(void *to, int byte, size_t n);
void  *memcpy(void *to, const void *from, size_t n);
void  *memmove(void *to, const void *from, size_t n);
int    memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
bool   same_text(const char *a, const char *b);
