// What the bindings use of a libc; `sdk.c` has the functions.
#pragma once
#include <stddef.h>
void *malloc(size_t bytes);
void *calloc(size_t items, size_t bytes);
void *realloc(void *block, size_t bytes);
void free(void *block);
_Noreturn void abort(void);
