/*
 * The page-table walker.
 *
 *     level 4   PML5, 5-level paging only         an entry spans 256 TiB    bits 56:48 of the address
 *     level 3   PML4                                             512 GiB         47:39
 *     level 2   page-directory-pointer table                       1 GiB         38:30   may be a leaf (Page1GB)
 *     level 1   page directory                                     2 MiB         29:21   may be a leaf
 *     level 0   page table                                         4 KiB         20:12   always a leaf
 *
 * There is one walk(), for every level; what it does at an entry is a visit function. A change goes over the range two
 * or three times: it finds out whether it can be done, allocates what it needs, and only then writes leaves.
 *
 * Rules: no table is empty but the root and pinned ones, so a table in the way means that something is mapped. Every
 * change of a present entry is followed by port_tlb_invalidate before a table or a frame behind it can be used again.
 * Accessed and dirty are always set: the CPU never writes to a table.
 */
#include "mm/paging.h"

#include "kernel/base/check.h"
#include "kernel/base/string.h"
#include "mm/port.h"

#define ENTRIES         512u
#define INDEX_BITS      9u
#define SPLIT_TABLES    4u /* a range has two ends, and each splits a 1 GiB and then a 2 MiB page at most */

/* SDM volume 3, 4.5.5, tables 4-15 to 4-20: an entry. */
#define ENTRY_PRESENT   ((uint64_t)1 << 0)
#define ENTRY_WRITE     ((uint64_t)1 << 1)
#define ENTRY_PWT       ((uint64_t)1 << 3)
#define ENTRY_PCD       ((uint64_t)1 << 4)
#define ENTRY_ACCESSED  ((uint64_t)1 << 5)
#define ENTRY_DIRTY     ((uint64_t)1 << 6)
#define ENTRY_LARGE     ((uint64_t)1 << 7)  /* PS, in levels 1 and 2 */
#define ENTRY_PAT_SMALL ((uint64_t)1 << 7)  /* the PAT bit of a 4 KiB page */
#define ENTRY_GLOBAL    ((uint64_t)1 << 8)
#define ENTRY_PINNED    ((uint64_t)1 << 9)  /* ignored by the CPU; ours: this table is never freed by an unmap */
#define ENTRY_BORROWED  ((uint64_t)1 << 10) /* ignored by the CPU; ours: this table is another map's */
#define ENTRY_PAT_LARGE ((uint64_t)1 << 12) /* the PAT bit of a 2 MiB or 1 GiB page */
#define ENTRY_NX        ((uint64_t)1 << 63) /* XD; needs EFER.NXE */
#define ENTRY_ADDRESS   ((uint64_t)0x000FFFFFFFFFF000) /* bits 51:12, the most that MAXPHYADDR may be */

/*
 * SDM volume 3, 12.12.3 (11.12.3 before 2023), table 12-11: PAT, PCD and PWT choose an entry of the PAT. As
 * kernel/x86 loads it: entry 0 is write-back, 3 uncached, 4 write-combining.
 */
#define ENTRY_UNCACHED  (ENTRY_PCD | ENTRY_PWT)

struct walk {
    struct page_map *map;
    /* At every entry, and after an entry's table was walked; both may be NULL. */
    enum status (*visit)(struct walk *walk, uint64_t *entry, unsigned level, uint64_t address, uint64_t size_bytes);
    void (*leave)(struct walk *walk, uint64_t *entry);
    uint64_t delta;     /* mapping: physical minus virtual */
    uint32_t flags;
    bool changed;       /* a present entry was */
    struct paddr spare[SPLIT_TABLES];
    unsigned spare_count;
    struct paddr freed; /* unlinked tables, chained by their first words */
};

/* ---- Entries ---- */

static uint64_t span(unsigned level)
{
    return PAGE_SIZE << (level * INDEX_BITS);
}

static unsigned largest_leaf(const struct page_map *map)
{
    return map->gigabyte_pages ? 2 : 1;
}

static uint64_t *table_at(const struct page_map *map, uint64_t address)
{
    return (uint64_t *)(uintptr_t)(address + map->window);
}

static bool is_leaf(uint64_t entry, unsigned level)
{
    return (entry & ENTRY_PRESENT) != 0 && (level == 0 || (entry & ENTRY_LARGE) != 0);
}

static bool is_table(uint64_t entry, unsigned level)
{
    return (entry & ENTRY_PRESENT) != 0 && !is_leaf(entry, level);
}

static uint64_t leaf_address(uint64_t entry, unsigned level)
{
    return entry & ENTRY_ADDRESS & ~(span(level) - 1);
}

static uint64_t leaf_make(uint64_t address, uint32_t flags, unsigned level)
{
    uint64_t entry = address | ENTRY_PRESENT | ENTRY_ACCESSED | ENTRY_DIRTY;
    if ((flags & (PAGING_WRITE | PAGING_FIRMWARE_RWX)) != 0)
        entry |= ENTRY_WRITE;
    if ((flags & (PAGING_EXECUTE | PAGING_FIRMWARE_RWX)) == 0)
        entry |= ENTRY_NX;
    if ((flags & PAGING_GLOBAL) != 0)
        entry |= ENTRY_GLOBAL;
    if ((flags & PAGING_UNCACHED) != 0)
        entry |= ENTRY_UNCACHED;
    if ((flags & PAGING_WRITE_COMBINING) != 0)
        entry |= level == 0 ? ENTRY_PAT_SMALL : ENTRY_PAT_LARGE;
    return level == 0 ? entry : entry | ENTRY_LARGE;
}

static uint32_t leaf_flags(uint64_t entry, unsigned level)
{
    uint32_t flags = 0;
    bool write = (entry & ENTRY_WRITE) != 0;
    bool execute = (entry & ENTRY_NX) == 0;
    if (write && execute)
        flags |= PAGING_FIRMWARE_RWX;
    else
        flags |= (write ? PAGING_WRITE : 0) | (execute ? PAGING_EXECUTE : 0);
    if ((entry & ENTRY_GLOBAL) != 0)
        flags |= PAGING_GLOBAL;
    if ((entry & ENTRY_UNCACHED) == ENTRY_UNCACHED)
        flags |= PAGING_UNCACHED;
    if ((entry & (level == 0 ? ENTRY_PAT_SMALL : ENTRY_PAT_LARGE)) != 0)
        flags |= PAGING_WRITE_COMBINING;
    return flags;
}

static void check_flags(uint32_t flags)
{
    uint32_t access = flags & (PAGING_WRITE | PAGING_EXECUTE | PAGING_FIRMWARE_RWX);
    uint32_t cache = flags & (PAGING_UNCACHED | PAGING_WRITE_COMBINING);
    CHECK((access & (access - 1)) == 0); /* W^X */
    CHECK((cache & (cache - 1)) == 0);
}

/* Page-aligned, not empty, canonical, and in one half (SDM volume 1, 3.3.7.1). */
static void check_range(const struct page_map *map, struct vaddr start, uint64_t size_bytes)
{
    uint64_t last = start.value + size_bytes - 1;
    unsigned sign_bit = PAGE_SHIFT + map->levels * INDEX_BITS - 1;
    CHECK(size_bytes != 0);
    CHECK(((start.value | size_bytes) & PAGE_MASK) == 0);
    CHECK(last >= start.value);
    CHECK(start.value >> sign_bit == last >> sign_bit);
    CHECK(start.value >> sign_bit == 0 || start.value >> sign_bit == ~(uint64_t)0 >> sign_bit);
}

/* ---- Tables ---- */

static struct paddr table_alloc(struct page_map *map)
{
    struct paddr table = map->tables.alloc(map->tables.context);
    if (table.value == 0)
        return table;
    CHECK((table.value & ~ENTRY_ADDRESS) == 0);
    memset(table_at(map, table.value), 0, PAGE_SIZE);
    map->table_count++;
    return table;
}

static void table_free(struct page_map *map, struct paddr table)
{
    CHECK(map->table_count > 0);
    map->table_count--;
    map->tables.free(map->tables.context, table);
}

static bool table_empty(const struct page_map *map, uint64_t table)
{
    const uint64_t *entries = table_at(map, table);
    for (unsigned i = 0; i < ENTRIES; i++)
        if (entries[i] != 0)
            return false;
    return true;
}

/* Access is decided by leaves alone: a table allows everything (SDM volume 3, 4.6.1). */
static uint64_t table_entry(struct paddr table)
{
    return table.value | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_ACCESSED;
}

/* ---- The walk ---- */

/* Calls visit for every entry of the table that [address, address + size_bytes) touches, then goes into its table. */
static enum status walk_table(struct walk *walk, uint64_t table, unsigned level, uint64_t address, uint64_t size_bytes)
{
    while (size_bytes != 0) {
        uint64_t part = min_u64(size_bytes, span(level) - (address & (span(level) - 1)));
        uint64_t *entry = table_at(walk->map, table) + (address / span(level)) % ENTRIES;
        enum status status = walk->visit == NULL ? STATUS_OK : walk->visit(walk, entry, level, address, part);
        if (status == STATUS_OK && is_table(*entry, level)) {
            status = walk_table(walk, *entry & ENTRY_ADDRESS, level - 1, address, part);
            if (status == STATUS_OK && walk->leave != NULL)
                walk->leave(walk, entry);
        }
        if (status != STATUS_OK)
            return status;
        address += part;
        size_bytes -= part;
    }
    return STATUS_OK;
}

static enum status walk_range(struct walk *walk, struct vaddr start, uint64_t size_bytes)
{
    return walk_table(walk, walk->map->root.value, walk->map->levels - 1u, start.value, size_bytes);
}

/* Unlinks a table that has become empty, to be freed when no CPU can be in it. A link's bit 0 is clear: not present. */
static void leave_prune(struct walk *walk, uint64_t *entry)
{
    uint64_t table = *entry & ENTRY_ADDRESS;
    if ((*entry & (ENTRY_PINNED | ENTRY_BORROWED)) != 0 || !table_empty(walk->map, table))
        return;
    *entry = 0;
    walk->changed = true;
    *table_at(walk->map, table) = walk->freed.value;
    walk->freed = PADDR(table);
}

/* Every CPU forgets the range; then the tables that the walk unlinked go back. */
static void finish(struct walk *walk, struct vaddr start, uint64_t size_bytes)
{
    if (walk->changed)
        port_tlb_invalidate(start, size_bytes >> PAGE_SHIFT);
    while (walk->freed.value != 0) {
        struct paddr table = walk->freed;
        walk->freed = PADDR(*table_at(walk->map, table.value));
        table_free(walk->map, table);
    }
}

/* ---- Map ---- */

static bool fits_leaf(const struct walk *walk, unsigned level, uint64_t address, uint64_t size_bytes)
{
    return level <= largest_leaf(walk->map) && size_bytes == span(level) &&
           ((address + walk->delta) & (span(level) - 1)) == 0;
}

static enum status visit_prepare(struct walk *walk, uint64_t *entry, unsigned level, uint64_t address,
                                 uint64_t size_bytes)
{
    if (is_leaf(*entry, level) || (*entry != 0 && fits_leaf(walk, level, address, size_bytes)))
        return STATUS_INVALID;
    if (*entry != 0 || fits_leaf(walk, level, address, size_bytes))
        return STATUS_OK;
    struct paddr table = table_alloc(walk->map);
    if (table.value == 0)
        return STATUS_NO_MEMORY;
    *entry = table_entry(table);
    return STATUS_OK;
}

static enum status visit_commit(struct walk *walk, uint64_t *entry, unsigned level, uint64_t address,
                                uint64_t size_bytes)
{
    if (fits_leaf(walk, level, address, size_bytes))
        *entry = leaf_make(address + walk->delta, walk->flags, level);
    return STATUS_OK;
}

enum status paging_map(struct page_map *map, struct vaddr start, struct prange range, uint32_t flags)
{
    uint64_t size_bytes = prange_bytes(range);
    check_range(map, start, size_bytes);
    check_flags(flags);
    CHECK((range.start.value & ~ENTRY_ADDRESS) == 0);
    CHECK(((range.end.value - 1) & ~(ENTRY_ADDRESS | PAGE_MASK)) == 0);

    struct walk walk = {.map = map, .flags = flags, .delta = range.start.value - start.value};
    walk.visit = visit_prepare;
    enum status status = walk_range(&walk, start, size_bytes);
    if (status == STATUS_OK) {
        walk.visit = visit_commit;
        return walk_range(&walk, start, size_bytes); /* not present to present: nothing to invalidate */
    }
    walk.visit = NULL;
    walk.leave = leave_prune;
    CHECK(walk_range(&walk, start, size_bytes) == STATUS_OK);
    finish(&walk, start, size_bytes);
    return status;
}

/* ---- Splitting ---- */

/* A large page becomes 512 of the next size that say the same. */
static enum status visit_split(struct walk *walk, uint64_t *entry, unsigned level, uint64_t address,
                               uint64_t size_bytes)
{
    (void)address;
    if (!is_leaf(*entry, level) || size_bytes == span(level))
        return STATUS_OK;
    CHECK(walk->spare_count > 0);
    struct paddr table = walk->spare[--walk->spare_count];
    uint64_t *entries = table_at(walk->map, table.value);
    uint64_t page = leaf_address(*entry, level);
    for (unsigned i = 0; i < ENTRIES; i++)
        entries[i] = leaf_make(page + i * span(level - 1), leaf_flags(*entry, level), level - 1);
    *entry = table_entry(table);
    walk->changed = true;
    return STATUS_OK;
}

/* Whether a range's end at `edge` cuts a page that spans `level` or more; `inside` is the range's byte next to it. */
static bool edge_cuts(const struct page_map *map, uint64_t edge, uint64_t inside, unsigned level)
{
    struct paging_entry entry;
    if ((edge & (span(level) - 1)) == 0 || !paging_lookup(map, VADDR(inside), &entry))
        return false;
    return entry.size_bytes >= span(level);
}

static unsigned split_tables_needed(const struct page_map *map, uint64_t start, uint64_t size_bytes)
{
    uint64_t last = start + size_bytes - 1;
    unsigned count = 0;
    for (unsigned level = 1; level <= 2; level++) {
        bool at_start = edge_cuts(map, start, start, level);
        bool at_end = edge_cuts(map, last + 1, last, level);
        bool same = start / span(level) == last / span(level);
        count += (unsigned)at_start + (unsigned)at_end - (unsigned)(at_start && at_end && same);
    }
    return count;
}

/* After it no page sticks out of the range. A failure has changed nothing. */
static enum status split_edges(struct walk *walk, struct vaddr start, uint64_t size_bytes)
{
    unsigned needed = split_tables_needed(walk->map, start.value, size_bytes);
    CHECK(needed <= SPLIT_TABLES);
    while (walk->spare_count < needed) {
        struct paddr table = table_alloc(walk->map);
        if (table.value == 0)
            break;
        walk->spare[walk->spare_count++] = table;
    }
    if (walk->spare_count < needed) {
        while (walk->spare_count > 0)
            table_free(walk->map, walk->spare[--walk->spare_count]);
        return STATUS_NO_MEMORY;
    }
    walk->visit = visit_split;
    enum status status = walk_range(walk, start, size_bytes);
    CHECK(walk->spare_count == 0);
    return status;
}

/* ---- Unmap, protect ---- */

static enum status visit_unmap(struct walk *walk, uint64_t *entry, unsigned level, uint64_t address,
                               uint64_t size_bytes)
{
    (void)address;
    if (!is_leaf(*entry, level))
        return STATUS_OK;
    CHECK(size_bytes == span(level));
    *entry = 0;
    walk->changed = true;
    return STATUS_OK;
}

enum status paging_unmap(struct page_map *map, struct vaddr start, uint64_t size_bytes)
{
    check_range(map, start, size_bytes);
    struct walk walk = {.map = map};
    enum status status = split_edges(&walk, start, size_bytes);
    if (status != STATUS_OK)
        return status;
    walk.visit = visit_unmap;
    walk.leave = leave_prune;
    status = walk_range(&walk, start, size_bytes);
    finish(&walk, start, size_bytes);
    return status;
}

static enum status visit_present(struct walk *walk, uint64_t *entry, unsigned level, uint64_t address,
                                 uint64_t size_bytes)
{
    (void)walk, (void)level, (void)address, (void)size_bytes;
    return (*entry & ENTRY_PRESENT) != 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status visit_protect(struct walk *walk, uint64_t *entry, unsigned level, uint64_t address,
                                 uint64_t size_bytes)
{
    (void)address;
    if (!is_leaf(*entry, level))
        return STATUS_OK;
    CHECK(size_bytes == span(level));
    *entry = leaf_make(leaf_address(*entry, level), walk->flags, level);
    walk->changed = true;
    return STATUS_OK;
}

enum status paging_protect(struct page_map *map, struct vaddr start, uint64_t size_bytes, uint32_t flags)
{
    check_range(map, start, size_bytes);
    check_flags(flags);
    struct walk walk = {.map = map, .flags = flags, .visit = visit_present};
    enum status status = walk_range(&walk, start, size_bytes);
    if (status == STATUS_OK)
        status = split_edges(&walk, start, size_bytes);
    if (status != STATUS_OK)
        return status;
    walk.visit = visit_protect;
    status = walk_range(&walk, start, size_bytes);
    finish(&walk, start, size_bytes);
    return status;
}

/* ---- The map as a whole ---- */

bool paging_lookup(const struct page_map *map, struct vaddr address, struct paging_entry *entry)
{
    uint64_t table = map->root.value;
    for (unsigned level = map->levels; level-- > 0;) {
        uint64_t found = table_at(map, table)[(address.value / span(level)) % ENTRIES];
        if (is_leaf(found, level)) {
            *entry = (struct paging_entry){PADDR(leaf_address(found, level)), span(level), leaf_flags(found, level)};
            return true;
        }
        if (!is_table(found, level))
            return false;
        table = found & ENTRY_ADDRESS;
    }
    return false;
}

enum status paging_init(struct page_map *map, uint64_t window, unsigned levels, bool gigabyte_pages,
                        struct table_source tables)
{
    CHECK(levels == 4 || levels == 5);
    *map = (struct page_map){.window = window, .tables = tables, .levels = (uint8_t)levels,
                             .gigabyte_pages = gigabyte_pages};
    map->root = table_alloc(map);
    return map->root.value != 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

static void destroy_table(struct page_map *map, uint64_t table, unsigned level)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t entry = table_at(map, table)[i];
        if (is_table(entry, level) && (entry & ENTRY_BORROWED) == 0)
            destroy_table(map, entry & ENTRY_ADDRESS, level - 1);
    }
    table_free(map, PADDR(table));
}

void paging_destroy(struct page_map *map)
{
    destroy_table(map, map->root.value, map->levels - 1u);
    CHECK(map->table_count == 0);
    map->root = PADDR(0);
}

void paging_share_upper_half(struct page_map *map, struct page_map *from)
{
    CHECK(map->levels == from->levels);
    uint64_t *to = table_at(map, map->root.value);
    uint64_t *owner = table_at(from, from->root.value);
    for (unsigned i = ENTRIES / 2; i < ENTRIES; i++) {
        CHECK(to[i] == 0);
        if (owner[i] == 0)
            continue;
        owner[i] |= ENTRY_PINNED;
        to[i] = owner[i] | ENTRY_BORROWED;
    }
}

enum status paging_pin_top(struct page_map *map, struct vaddr start, uint64_t size_bytes)
{
    check_range(map, start, size_bytes);
    unsigned level = map->levels - 1u;
    uint64_t *root = table_at(map, map->root.value);
    uint64_t last = (start.value + size_bytes - 1) / span(level) % ENTRIES;
    for (uint64_t i = start.value / span(level) % ENTRIES; i <= last; i++) {
        struct paddr table = root[i] == 0 ? table_alloc(map) : PADDR(root[i] & ENTRY_ADDRESS);
        if (table.value == 0)
            return STATUS_NO_MEMORY;
        root[i] = table_entry(table) | ENTRY_PINNED;
    }
    return STATUS_OK;
}

uint64_t paging_tables_for(struct vaddr start, struct prange range, unsigned levels, bool gigabyte_pages)
{
    uint64_t last = start.value + prange_bytes(range) - 1;
    uint64_t total = 0;
    for (unsigned level = 1; level < levels; level++) {
        uint64_t touched = last / span(level) - start.value / span(level) + 1;
        bool aligned = ((start.value ^ range.start.value) & (span(level) - 1)) == 0;
        bool leaves = aligned && level <= (gigabyte_pages ? 2u : 1u);
        total += leaves ? min_u64(touched, 2) : touched; /* what lies between the two ends is leaves */
    }
    return total;
}
