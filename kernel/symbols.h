/*
 * Names of our own functions, static ones included, for backtraces.
 *
 * The table is the section .ksyms, made by image/symbols.py from the linker's map of a first link. Little-endian:
 *     u32 count | u32 rva[count], rising | count names: u8 length shared with the name before, the rest, NUL
 */
#ifndef KEEL_KERNEL_SYMBOLS_H
#define KEEL_KERNEL_SYMBOLS_H

#include "kernel/base/types.h"

#define SYMBOL_NAME_BYTES 64u /* with the terminator; longer names are cut by image/symbols.py */

/* A place in a function. */
struct symbol {
    char name[SYMBOL_NAME_BYTES];
    uint32_t offset; /* bytes from its start */
};

/* The table that is linked in. */
extern const uint8_t symbol_table[];

/* The function that holds `rva`, or rather the last that starts at or before it. False: none does. */
bool symbols_find(const uint8_t *table, uint32_t rva, struct symbol *symbol);

#endif
