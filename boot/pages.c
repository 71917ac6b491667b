/*
 * Pages from the firmware: see pages.h.
 *
 * Only in phase F, and only before the last GetMemoryMap: each call moves the map key. What firmware answers is
 * checked, as some take EFI_ALLOCATE_MAX_ADDRESS for a wish, and some hand out page 0.
 */
#include "boot/pages.h"

static struct handoff_range allocate(struct efi_system_table *system_table, uint64_t page_count,
                                     uint64_t highest_address)
{
    enum efi_allocate_type type = highest_address == PAGES_ANYWHERE ? EFI_ALLOCATE_ANY_PAGES : EFI_ALLOCATE_MAX_ADDRESS;
    /* For EFI_ALLOCATE_MAX_ADDRESS the address is input too: the highest that any byte may have (7.2.1). */
    struct handoff_range range = {highest_address, page_count << PAGE_SHIFT};
    if (system_table->boot_services->allocate_pages(type, EFI_LOADER_DATA, page_count, &range.start) != EFI_SUCCESS)
        range = (struct handoff_range){0, 0};
    return range;
}

struct handoff_range pages_allocate(struct efi_system_table *system_table, uint64_t page_count,
                                    uint64_t highest_address)
{
    struct handoff_range range = allocate(system_table, page_count, highest_address);
    if (range.size_bytes != 0 && range.start == 0) {
        /* Page 0 is free on some machines, and never ours: hold it while asking for others. */
        struct handoff_range at_zero = range;
        range = allocate(system_table, page_count, highest_address);
        pages_free(system_table, &at_zero);
    }
    if (range.size_bytes != 0 &&
        (range.start > highest_address - (range.size_bytes - 1) || (range.start & PAGE_MASK) != 0))
        pages_free(system_table, &range); /* the firmware did not look at the limit */
    return range;
}

void pages_free(struct efi_system_table *system_table, struct handoff_range *range)
{
    if (range->size_bytes != 0)
        system_table->boot_services->free_pages(range->start, range->size_bytes >> PAGE_SHIFT);
    *range = (struct handoff_range){0, 0};
}
