/*
 * Down through the tables, collecting what each level allows.
 *
 *     root, level 4 or 5   W NX U     a right holds only if every level grants it (SDM 3, 4.6.1): write and user are
 *       table              W NX U     ANDed, and one NX on the way is enough
 *         leaf             W NX U  -> what the CPU makes of them, whatever mm/paging.c believes
 *
 * Written apart from mm/paging.c on purpose, down to the names of the bits: a mistake that both shared would not show.
 */
#include "kernel/tests/walk.h"

#include "kernel/base/bits.h"
#include "kernel/console.h"
#include "kernel/memory.h"

#define ENTRY_PRESENT BIT(0)
#define ENTRY_WRITE   BIT(1)
#define ENTRY_USER    BIT(2)
#define ENTRY_PWT     BIT(3)
#define ENTRY_PCD     BIT(4)
#define ENTRY_LARGE   BIT(7) /* in levels 2 and 3; the PAT bit in level 1 */
#define ENTRY_PAT     BIT(12) /* in a large leaf */
#define ENTRY_NX      BIT(63)
#define ENTRY_ADDRESS 0x000FFFFFFFFFF000ull
#define ENTRIES       512u
#define WRONG_PRINTED 4u

struct walk {
    walk_visit *visit;
    uint64_t leaf_count;
    uint64_t wrong_count;
};

/* Bytes that one entry of a table at `level` (1: the lowest) translates. */
static uint64_t entry_bytes(unsigned level)
{
    return PAGE_SIZE << (9 * (level - 1));
}

/* The upper half begins where the root's highest index bit is set: its addresses have all bits above set too. */
static uint64_t canonical(uint64_t address, unsigned levels)
{
    uint64_t sign = BIT(12 + 9 * levels - 1);
    return (address & sign) != 0 ? address | ~(sign - 1) : address;
}

static void visit_leaf(struct walk *walk, const struct walk_leaf *leaf)
{
    walk->leaf_count++;
    if (!walk->visit(leaf) && walk->wrong_count++ < WRONG_PRINTED)
        print("# 0x%llx -> [0x%llx, 0x%llx) write %d execute %d user %d\n", leaf->address.value,
              leaf->target.start.value, leaf->target.end.value, leaf->writable, leaf->executable, leaf->user);
}

static unsigned pat_index(uint64_t entry, unsigned level)
{
    bool pat = (entry & (level == 1 ? ENTRY_LARGE : ENTRY_PAT)) != 0;
    return (pat ? 4u : 0u) + ((entry & ENTRY_PCD) != 0 ? 2u : 0u) + ((entry & ENTRY_PWT) != 0 ? 1u : 0u);
}

static void walk_table(struct walk *walk, struct paddr table, unsigned level, const struct walk_leaf *allowed)
{
    /* Tables are RAM, so the direct map has them; nobody changes them meanwhile, since tests run alone. */
    const uint64_t *entries = mm_pointer(&kernel_mm, table);
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t entry = entries[i];
        if ((entry & ENTRY_PRESENT) == 0)
            continue;
        /* In a large leaf bit 12 is the PAT bit, not part of the address. */
        uint64_t target = align_down(entry & ENTRY_ADDRESS, entry_bytes(level));
        uint64_t address = allowed->address.value + i * entry_bytes(level);
        struct walk_leaf below = {
            .address = VADDR(canonical(address, kernel_mm.kernel_map.levels)),
            .target = PRANGE(target, target + entry_bytes(level)),
            .writable = allowed->writable && (entry & ENTRY_WRITE) != 0,
            .executable = allowed->executable && (entry & ENTRY_NX) == 0,
            .user = allowed->user && (entry & ENTRY_USER) != 0,
            .pat_index = pat_index(entry, level),
        };
        if (level == 1 || (level <= 3 && (entry & ENTRY_LARGE) != 0))
            visit_leaf(walk, &below);
        else
            walk_table(walk, PADDR(entry & ENTRY_ADDRESS), level - 1, &below);
    }
}

bool walk_kernel_map(walk_visit *visit)
{
    struct walk walk = {.visit = visit};
    struct walk_leaf all = {.writable = true, .executable = true, .user = true};
    walk_table(&walk, kernel_mm.kernel_map.root, kernel_mm.kernel_map.levels, &all);
    return walk.leaf_count > 0 && walk.wrong_count == 0;
}
