/*
 * The few functions of <string.h> that a freestanding C compiler calls or that we need, with the standard's
 * contracts. On the host the C library provides them; string.c is then not linked.
 */
#ifndef KEEL_BASE_STRING_H
#define KEEL_BASE_STRING_H

#include "kernel/base/types.h"

void *memcpy(void *restrict to, const void *restrict from, size_t size_bytes);
void *memmove(void *to, const void *from, size_t size_bytes);
void *memset(void *to, int value, size_t size_bytes);
int memcmp(const void *a, const void *b, size_t size_bytes);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t limit);

#endif
