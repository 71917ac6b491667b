/*
 * Looking names up in the table of symbols.h.
 *
 *     count | rva[0] rva[1] ... rva[count - 1] | 0 "memory_accept" NUL | 7 "handoff" NUL | ...
 *                                                |                        |
 *                                                shares nothing           begins with 7 letters of the name before it
 *
 * Sorted by address, not by letter, but neighbours in a file share their noun, so most names are short here. A lookup
 * goes through all names up to the one that is wanted, which only a panic does.
 */
#include "kernel/symbols.h"

#include "kernel/base/string.h"

static uint32_t word(const uint8_t *table, uint32_t index)
{
    uint32_t value;
    memcpy(&value, table + (size_t)index * sizeof(value), sizeof(value));
    return value;
}

/* Each name says only how it differs from the one before, so all of them up to `index` are gone through. */
static void read_name(const uint8_t *names, uint32_t index, char name[SYMBOL_NAME_BYTES])
{
    name[0] = '\0';
    for (uint32_t i = 0; i <= index; i++) {
        size_t length = *names++;
        while (*names != '\0' && length < SYMBOL_NAME_BYTES - 1)
            name[length++] = (char)*names++;
        name[length] = '\0';
        names += strlen((const char *)names) + 1;
    }
}

bool symbols_find(const uint8_t *table, uint32_t rva, struct symbol *symbol)
{
    uint32_t count = word(table, 0);
    uint32_t before = 0; /* functions that start at or before `rva` */
    while (before < count && word(table, 1 + before) <= rva)
        before++;
    if (before == 0)
        return false;
    symbol->offset = rva - word(table, before);
    read_name(table + 4 * ((size_t)count + 1), before - 1, symbol->name);
    return true;
}
