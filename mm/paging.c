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

#define ENTRIES    512u
#define INDEX_BITS 9u

/*
 * SDM volume 3, 4.5, tables 4-14 to 4-20: an entry.
 *
 *     63  62 - 52  51 ............... 12  11   10        9       8  7       6  5  4    3    2    1  0
 *     NX  ignored  physical page number   ign. borrowed  pinned  G  PS/PAT  D  A  PCD  PWT  U/S  W  P
 */
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
/* Entry 3, UC at power-on too: no MTRR makes it weaker (table 12-7), as one may with UC-, entry 2. */
#define ENTRY_UNCACHED  (ENTRY_PCD | ENTRY_PWT)

/* Where a walk is: the entries of one table that the range covers whole, or one that it covers in part. */
struct place {
    uint64_t *entry;
    unsigned level;
    unsigned count; /* of entries */
    uint64_t address;
    uint64_t size_bytes; /* of the range */
};

struct walk {
    struct page_map *map;
    uint64_t start; /* the range */
    uint64_t size_bytes;
    enum status (*visit)(struct walk *walk, const struct place *at); /* at all entries; may be NULL */
    bool prune;         /* afterwards, unlink the tables that are empty */
    uint64_t delta;     /* mapping: physical minus virtual */
    uint32_t flags;     /* mapping, protecting */
    bool changed;       /* a present entry was */
    struct paddr loose; /* tables that no entry points to, for a split or to be freed: chained by their first words */
};

/* ---- Entries ---- */

static uint64_t span(unsigned level)
{
    return PAGE_SIZE << (level * INDEX_BITS);
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

/* Masked to the page's size: in a large leaf bit 12 is the PAT bit and not part of the address. */
static uint64_t leaf_address(uint64_t entry, unsigned level)
{
    return entry & ENTRY_ADDRESS & ~(span(level) - 1);
}

/* What a flag is in an entry of a small page, and of a large one. */
static const struct {
    uint32_t flag;
    uint64_t bits[2];
} flag_bits[] = {
    {PAGING_GLOBAL, {ENTRY_GLOBAL, ENTRY_GLOBAL}},
    {PAGING_UNCACHED, {ENTRY_UNCACHED, ENTRY_UNCACHED}},
    {PAGING_WRITE_COMBINING, {ENTRY_PAT_SMALL, ENTRY_PAT_LARGE}},
};

static uint64_t leaf_make(uint64_t address, uint32_t flags, unsigned level)
{
    /* Accessed and dirty from the start: a CPU that has to set them does so with a locked write to the table. */
    uint64_t entry = address | ENTRY_PRESENT | ENTRY_ACCESSED | ENTRY_DIRTY | (level == 0 ? 0 : ENTRY_LARGE);
    if ((flags & (PAGING_WRITE | PAGING_FIRMWARE_RWX)) != 0)
        entry |= ENTRY_WRITE;
    if ((flags & (PAGING_EXECUTE | PAGING_FIRMWARE_RWX)) == 0)
        entry |= ENTRY_NX;
    for (unsigned i = 0; i < ARRAY_COUNT(flag_bits); i++)
        entry |= (flags & flag_bits[i].flag) != 0 ? flag_bits[i].bits[level > 0] : 0;
    return entry;
}

static uint32_t leaf_flags(uint64_t entry, unsigned level)
{
    uint32_t write = (entry & ENTRY_WRITE) != 0 ? PAGING_WRITE : 0;
    uint32_t execute = (entry & ENTRY_NX) == 0 ? PAGING_EXECUTE : 0;
    /* The inverse of leaf_make, because a split must give 512 pages exactly the rights of the one before. */
    uint32_t flags = write != 0 && execute != 0 ? PAGING_FIRMWARE_RWX : write | execute;
    for (unsigned i = 0; i < ARRAY_COUNT(flag_bits); i++) {
        uint64_t bits = flag_bits[i].bits[level > 0];
        flags |= (entry & bits) == bits ? flag_bits[i].flag : 0;
    }
    return flags;
}

static void check_flags(uint32_t flags)
{
    uint32_t access = flags & (PAGING_WRITE | PAGING_EXECUTE | PAGING_FIRMWARE_RWX);
    uint32_t cache = flags & (PAGING_UNCACHED | PAGING_WRITE_COMBINING | PAGING_KEEP_CACHE);
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
    /* Before it is linked: a CPU may walk into it the moment it is. */
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

/* A link's bit 0 is clear: not present. */
static void push_loose(struct walk *walk, struct paddr table)
{
    *table_at(walk->map, table.value) = walk->loose.value;
    walk->loose = table;
}

static struct paddr pop_loose(struct walk *walk)
{
    struct paddr table = walk->loose;
    walk->loose = PADDR(*table_at(walk->map, table.value));
    return table;
}

/* Access is decided by leaves alone: a table allows everything (SDM volume 3, 4.6.1). */
static uint64_t table_entry(struct paddr table)
{
    return table.value | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_ACCESSED;
}

/* ---- The walk ---- */

/* The range covers all that the entries span. */
static bool is_whole(const struct place *at)
{
    return at->size_bytes == at->count * span(at->level);
}

/* Unlinks a table that has become empty, to be freed when no CPU can be in it. */
static void prune(struct walk *walk, uint64_t *entry)
{
    struct paddr table = PADDR(*entry & ENTRY_ADDRESS);
    uint64_t *entries = table_at(walk->map, table.value);
    /*
     * Entries of another map's table are not ours to count, and a pinned one is shared with maps that we do not know.
     */
    bool keep = (*entry & (ENTRY_PINNED | ENTRY_BORROWED)) != 0;
    for (unsigned i = 0; i < ENTRIES && !keep; i++)
        keep = entries[i] != 0;
    if (keep)
        return;
    *entry = 0;
    walk->changed = true;
    push_loose(walk, table);
}

/* Calls visit for all entries that [address, address + size_bytes) touches, then goes into their tables. */
static enum status walk_table(struct walk *walk, uint64_t table, unsigned level, uint64_t address, uint64_t size_bytes)
{
    enum status status = STATUS_OK;
    for (uint64_t part; size_bytes != 0 && status == STATUS_OK; address += part, size_bytes -= part) {
        uint64_t index = address / span(level) % ENTRIES;
        uint64_t offset = address & (span(level) - 1);
        bool whole = offset == 0 && size_bytes >= span(level);
        uint64_t count = whole ? min_u64(size_bytes / span(level), ENTRIES - index) : 1;
        part = whole ? count * span(level) : min_u64(size_bytes, span(level) - offset);
        uint64_t *entry = table_at(walk->map, table) + index;
        if (walk->visit != NULL)
            status = walk->visit(walk, &(struct place){entry, level, (unsigned)count, address, part});
        for (uint64_t i = 0; level > 0 && i < count && status == STATUS_OK; i++) {
            if (!is_table(entry[i], level))
                continue;
            status = walk_table(walk, entry[i] & ENTRY_ADDRESS, level - 1, address + i * span(level), part / count);
            if (status == STATUS_OK && walk->prune)
                prune(walk, &entry[i]);
        }
    }
    return status;
}

static enum status walk_range(struct walk *walk, enum status (*visit)(struct walk *walk, const struct place *at))
{
    walk->visit = visit;
    return walk_table(walk, walk->map->root.value, walk->map->levels - 1u, walk->start, walk->size_bytes);
}

/* Every CPU forgets the range; then the tables that the walk unlinked, or did not need, go back. */
static void finish(struct walk *walk)
{
    /*
     * One invalidation for the whole call, before any table goes back: a CPU may still walk through what it has cached
     * of the upper levels (SDM volume 3, 4.10.3), and a table that has become somebody's data would then translate
     * addresses.
     */
    if (walk->changed)
        port_tlb_invalidate(VADDR(walk->start), walk->size_bytes >> PAGE_SHIFT);
    while (walk->loose.value != 0)
        table_free(walk->map, pop_loose(walk));
}

/* ---- Map ---- */

static bool fits_leaf(const struct walk *walk, const struct place *at)
{
    /* Large only where virtual and physical addresses agree modulo the page's size, and the range covers it whole. */
    return at->level <= (walk->map->gigabyte_pages ? 2u : 1u) && is_whole(at) &&
           ((at->address + walk->delta) & (span(at->level) - 1)) == 0;
}

static enum status visit_prepare(struct walk *walk, const struct place *at)
{
    bool leaf = fits_leaf(walk, at);
    for (uint64_t *entry = at->entry; entry < at->entry + at->count; entry++) {
        if (*entry != 0 && (leaf || is_leaf(*entry, at->level)))
            return STATUS_INVALID;
        if (*entry != 0 || leaf)
            continue;
        struct paddr table = table_alloc(walk->map);
        if (table.value == 0)
            return STATUS_NO_MEMORY;
        *entry = table_entry(table);
    }
    return STATUS_OK;
}

static enum status visit_commit(struct walk *walk, const struct place *at)
{
    uint64_t entry = leaf_make(at->address + walk->delta, walk->flags, at->level);
    for (unsigned i = 0, count = fits_leaf(walk, at) ? at->count : 0; i < count; i++)
        at->entry[i] = entry + i * span(at->level);
    return STATUS_OK;
}

enum status paging_map(struct page_map *map, struct vaddr start, struct prange range, uint32_t flags)
{
    uint64_t size_bytes = prange_bytes(range);
    check_range(map, start, size_bytes);
    check_flags(flags);
    CHECK((range.start.value & ~ENTRY_ADDRESS) == 0);
    CHECK(((range.end.value - 1) & ~(ENTRY_ADDRESS | PAGE_MASK)) == 0);

    struct walk walk = {.map = map, .start = start.value, .size_bytes = size_bytes, .flags = flags};
    walk.delta = range.start.value - start.value;
    enum status status = walk_range(&walk, visit_prepare);
    if (status == STATUS_OK)
        return walk_range(&walk, visit_commit); /* not present to present: nothing to invalidate */
    walk.prune = true;
    /* The tables that the failed call added are empty, and no other table is: pruning takes back exactly those. */
    CHECK(walk_range(&walk, NULL) == STATUS_OK);
    finish(&walk);
    return status;
}

/* ---- Splitting ---- */

/*
 * All that can fail, before anything is changed: that there is nothing to protect, and running out of tables for a page
 * that sticks out: one, and below 1 GiB one for each 2 MiB page that an end cuts.
 */
static enum status visit_reserve(struct walk *walk, const struct place *at)
{
    for (unsigned i = 0; i < at->count && !walk->prune; i++)
        if ((at->entry[i] & ENTRY_PRESENT) == 0)
            return STATUS_NOT_FOUND;
    if (!is_leaf(*at->entry, at->level) || is_whole(at))
        return STATUS_OK;
    uint64_t end = at->address + at->size_bytes;
    bool first = (at->address & (span(1) - 1)) != 0;
    bool last = (end & (span(1) - 1)) != 0;
    /* Both ends may cut the same 2 MiB page, which is then split once. */
    bool same = at->address / span(1) == (end - 1) / span(1);
    unsigned below = same ? first || last : (unsigned)first + last;
    for (unsigned needed = at->level == 2 ? 1 + below : 1; needed > 0; needed--) {
        struct paddr table = table_alloc(walk->map);
        if (table.value == 0)
            return STATUS_NO_MEMORY;
        push_loose(walk, table);
    }
    return STATUS_OK;
}

/* A large page that sticks out becomes 512 of the next size that say the same. */
static enum status visit_split(struct walk *walk, const struct place *at)
{
    unsigned level = at->level;
    if (!is_leaf(*at->entry, level) || is_whole(at))
        return STATUS_OK;
    CHECK(walk->loose.value != 0);
    struct paddr table = pop_loose(walk);
    uint64_t *entries = table_at(walk->map, table.value);
    uint64_t entry = leaf_make(leaf_address(*at->entry, level), leaf_flags(*at->entry, level), level - 1);
    /* The new table is complete before the one store that puts it in the place of the page. */
    for (unsigned i = 0; i < ENTRIES; i++)
        entries[i] = entry + i * span(level - 1);
    *at->entry = table_entry(table);
    walk->changed = true;
    return STATUS_OK;
}

/* ---- Unmap, protect ---- */

static enum status visit_change(struct walk *walk, const struct place *at)
{
    uint64_t flags = leaf_make(0, walk->flags, at->level);
    uint64_t cache = ENTRY_UNCACHED | (at->level == 0 ? ENTRY_PAT_SMALL : ENTRY_PAT_LARGE);
    uint64_t kept = (walk->flags & PAGING_KEEP_CACHE) != 0 ? cache : 0;
    for (uint64_t *entry = at->entry; entry < at->entry + at->count; entry++) {
        if (!is_leaf(*entry, at->level))
            continue;
        CHECK(is_whole(at));
        *entry = walk->prune ? 0 : leaf_address(*entry, at->level) | flags | (*entry & kept);
        walk->changed = true;
    }
    return STATUS_OK;
}

/* Every page of the range is forgotten (prune), or gets the flags of the walk. A failure has changed nothing. */
static enum status change(struct walk *walk)
{
    enum status status = walk_range(walk, visit_reserve);
    if (walk->loose.value != 0 && status == STATUS_OK)
        status = walk_range(walk, visit_split);
    if (status == STATUS_OK) {
        CHECK(walk->loose.value == 0);
        status = walk_range(walk, visit_change);
    }
    finish(walk);
    return status;
}

enum status paging_unmap(struct page_map *map, struct vaddr start, uint64_t size_bytes)
{
    check_range(map, start, size_bytes);
    struct walk walk = {.map = map, .start = start.value, .size_bytes = size_bytes, .prune = true};
    return change(&walk);
}

enum status paging_protect(struct page_map *map, struct vaddr start, uint64_t size_bytes, uint32_t flags)
{
    check_range(map, start, size_bytes);
    check_flags(flags);
    struct walk walk = {.map = map, .start = start.value, .size_bytes = size_bytes, .flags = flags};
    return change(&walk);
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

void paging_share_upper_half(struct page_map *map, struct page_map *from)
{
    CHECK(map->levels == from->levels);
    uint64_t *to = table_at(map, map->root.value);
    uint64_t *owner = table_at(from, from->root.value);
    for (unsigned i = ENTRIES / 2; i < ENTRIES; i++) {
        CHECK(to[i] == 0);
        if (owner[i] == 0)
            continue;
        /*
         * Pinned in the owner: its table must not be freed while others point to it. Borrowed in ours: not ours to
         * free.
         */
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
