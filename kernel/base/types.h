/*
 * Integer types, addresses and pages: the vocabulary of every other file.
 *
 * Owns: struct paddr and struct vaddr (two types, so that a physical address is never used as a virtual one by
 * accident), the page size, and nothing that has state.
 * Rules: never `long` (4 bytes in the PE, 8 on the host), never wchar_t (2 and 4), no bit-fields in a stored struct.
 */
#ifndef KEEL_BASE_TYPES_H
#define KEEL_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12u
#define PAGE_SIZE  ((uint64_t)1 << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define TIB ((uint64_t)1 << 40)

/* The first MiB: read-only memories, the firmware's and SMM's scratch, our AP trampoline. Never allocated. */
#define LOW_MEMORY_END MIB

/* An address on the bus. */
struct paddr {
    uint64_t value;
};

/* An address that a CPU translates with some set of page tables, not necessarily those in force. */
struct vaddr {
    uint64_t value;
};

#define PADDR(address) ((struct paddr){(address)})
#define VADDR(address) ((struct vaddr){(address)})

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN   __attribute__((noreturn))
#define NOINLINE   __attribute__((noinline))
/* For bodies of loops that run thousands of times, in a kernel that is compiled for size. */
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define PACKED     __attribute__((packed))
#define ALIGNED(n) __attribute__((aligned(n)))

static inline struct paddr paddr_add(struct paddr address, uint64_t size_bytes)
{
    return PADDR(address.value + size_bytes);
}

static inline struct vaddr vaddr_add(struct vaddr address, uint64_t size_bytes)
{
    return VADDR(address.value + size_bytes);
}

static inline struct vaddr vaddr_of(const volatile void *pointer)
{
    return VADDR((uint64_t)(uintptr_t)pointer);
}

static inline void *vaddr_pointer(struct vaddr address)
{
    return (void *)(uintptr_t)address.value;
}

/* `alignment` is a power of two. align_up may wrap to 0: callers that take input check first. */
static inline uint64_t align_down(uint64_t value, uint64_t alignment)
{
    return value & ~(alignment - 1);
}

static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static inline uint64_t pages_for_bytes(uint64_t size_bytes)
{
    return (size_bytes >> PAGE_SHIFT) + ((size_bytes & PAGE_MASK) != 0);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif
