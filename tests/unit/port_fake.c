/*
 * The host's side of mm/port.h. Its table walk is written from SDM volume 3, 4.5, apart from mm/paging.c, and knows
 * nothing of that file's flags.
 */
#include "tests/unit/port_fake.h"

#include <string.h>
#include <sys/mman.h>

#include "mm/port.h"

/* From here on zeroing gives pages back to the host instead: a map of 12 TiB would not fit otherwise. */
#define ZERO_BY_MAPPING_BYTES (64 * KIB)

struct tlb_entry {
    uint64_t page; /* virtual, of 4 KiB; 0: unused */
    uint64_t leaf; /* the physical 4 KiB page, and the bits of the leaf that decide access and caching */
};

struct port_fake port_fake;
static struct tlb_entry tlb[PORT_FAKE_TLB_ENTRIES];
static unsigned tlb_next;

/* 0: not present. Otherwise as in struct tlb_entry, the same for every page size. */
static uint64_t hardware_walk(uint64_t address)
{
    uint64_t table = port_fake.map->root.value;
    for (unsigned shift = port_fake.map->levels == 5 ? 48 : 39; table != 0; shift -= 9) {
        uint64_t entry = ((const uint64_t *)(uintptr_t)(table + port_fake.map->window))[address >> shift & 511];
        if ((entry & 1) == 0)
            return 0;
        bool large = shift > 12 && (entry & 1 << 7) != 0;
        if (shift == 12 || large) {
            uint64_t offset_mask = ((uint64_t)1 << shift) - 1;
            uint64_t base = entry & 0x000FFFFFFFFFF000 & ~offset_mask;
            uint64_t pat = large ? entry >> 12 & 1 : entry >> 7 & 1;
            return (base | (address & offset_mask & ~(uint64_t)0xFFF)) | (entry & 0x800000000000001F) | pat << 7;
        }
        table = entry & 0x000FFFFFFFFFF000;
    }
    return 0;
}

void port_fake_reset(const struct page_map *map)
{
    memset(&port_fake, 0, sizeof(port_fake));
    memset(tlb, 0, sizeof(tlb));
    port_fake.map = map;
}

bool port_fake_touch(struct vaddr address)
{
    uint64_t leaf = hardware_walk(address.value);
    if (leaf == 0)
        return false;
    tlb[tlb_next++ % PORT_FAKE_TLB_ENTRIES] = (struct tlb_entry){align_down(address.value, PAGE_SIZE), leaf};
    return true;
}

unsigned port_fake_stale(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < PORT_FAKE_TLB_ENTRIES; i++)
        count += tlb[i].leaf != 0 && tlb[i].leaf != hardware_walk(tlb[i].page);
    return count;
}

void port_tlb_invalidate(struct vaddr start, uint64_t page_count)
{
    port_fake.invalidations++;
    port_fake.last_start = start;
    port_fake.last_page_count = page_count;
    for (unsigned i = 0; i < PORT_FAKE_TLB_ENTRIES; i++)
        if (tlb[i].page - start.value < page_count * PAGE_SIZE)
            tlb[i].leaf = 0;
}

void port_set_root(struct paddr root)
{
    port_fake.root = root;
}

/* A shared mapping gives its pages back by MADV_REMOVE; a private one refuses that, and does by MADV_DONTNEED. */
static bool zero_by_mapping(void *start, uint64_t size_bytes)
{
    return madvise(start, size_bytes, MADV_REMOVE) == 0 || madvise(start, size_bytes, MADV_DONTNEED) == 0;
}

void port_zero_uncached(void *start, uint64_t size_bytes)
{
    bool whole_pages = (((uintptr_t)start | size_bytes) & PAGE_MASK) == 0;
    if (size_bytes < ZERO_BY_MAPPING_BYTES || !whole_pages || !zero_by_mapping(start, size_bytes))
        memset(start, 0, size_bytes);
}
