/*
 * memcpy and its kin for the kernel. The compiler calls these by name for struct copies, so they stand alone here and
 * are compiled with -fno-builtin, lest memset be turned into a call of memset.
 *
 * Eight bytes at a time where both sides allow it: the kernel copies pages of text and tables, not megabytes; what is
 * filled by the megabyte goes past the caches through port_fill_uncached (mm/port.h).
 */
#include "kernel/base/string.h"

/* An unaligned 64-bit access that the compiler may not assume anything about: x86 has no alignment rule here. */
typedef uint64_t __attribute__((may_alias, aligned(1))) word;

void *memcpy(void *restrict to, const void *restrict from, size_t size_bytes)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    for (; size_bytes >= sizeof(word); size_bytes -= sizeof(word), out += sizeof(word), in += sizeof(word))
        *(word *)(void *)out = *(const word *)(const void *)in;
    for (; size_bytes > 0; size_bytes--)
        *out++ = *in++;
    return to;
}

void *memmove(void *to, const void *from, size_t size_bytes)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    /* When `to` lies inside the source, the last byte must go first. */
    bool backward = (uint64_t)(uintptr_t)to - (uint64_t)(uintptr_t)from < size_bytes;
    for (size_t i = 0; i < size_bytes; i++) {
        size_t at = backward ? size_bytes - 1 - i : i;
        out[at] = in[at];
    }
    return to;
}

void *memset(void *to, int value, size_t size_bytes)
{
    uint8_t *out = to;
    uint64_t pattern = 0x0101010101010101ull * (uint8_t)value;
    /* Eight to a round: page tables and lines of pixels are cleared with this. */
    for (; size_bytes >= 8 * sizeof(word); size_bytes -= 8 * sizeof(word), out += 8 * sizeof(word)) {
        word *words = (word *)(void *)out;
        words[0] = words[1] = words[2] = words[3] = pattern;
        words[4] = words[5] = words[6] = words[7] = pattern;
    }
    for (; size_bytes >= sizeof(word); size_bytes -= sizeof(word), out += sizeof(word))
        *(word *)(void *)out = pattern;
    for (; size_bytes > 0; size_bytes--)
        *out++ = (uint8_t)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t size_bytes)
{
    const uint8_t *left = a;
    const uint8_t *right = b;
    for (size_t i = 0; i < size_bytes; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t limit)
{
    for (size_t i = 0; i < limit; i++) {
        uint8_t left = (uint8_t)a[i];
        uint8_t right = (uint8_t)b[i];
        if (left != right)
            return left < right ? -1 : 1;
        if (left == '\0')
            return 0;
    }
    return 0;
}
