/*
 * What mm/ needs from outside, for host programs that only measure: a failed CHECK ends them; waiting is PAUSE, and
 * zeroing goes past the caches, as in the kernel (kernel/x86/port.c); translations are the host's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/base/check.h"
#include "kernel/base/spinlock.h"
#include "mm/port.h"

void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
    abort();
}

void cpu_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

void port_tlb_invalidate(struct vaddr start, uint64_t page_count)
{
    (void)start;
    (void)page_count;
}

void port_set_root(struct paddr root)
{
    (void)root;
}

void port_zero_uncached(void *start, uint64_t size_bytes)
{
    uint64_t *end = (uint64_t *)start + size_bytes / 8;
    for (uint64_t *word = start; word < end; word++)
        __asm__ volatile("movnti %1, %0" : "=m"(*word) : "r"((uint64_t)0));
    __asm__ volatile("sfence" : : : "memory");
}
