/*
 * Finding a page below 1 MiB: see trampoline_page.h.
 *
 *     0        1000                                   A0000       C0000      100000
 *     | page 0 | conventional and boot services ...   | VGA       | ROMs     |
 *       never    asked for from the top down            never
 *
 * From the top, because the vectors and the BIOS data area of old gather at the bottom. A SIPI names the page by a
 * vector of 8 bits (SDM volume 3, 9.4.4): hence below 1 MiB.
 */
#include "boot/trampoline_page.h"

#include "boot/pages.h"

/* Conventional memory of a PC ends where the VGA window begins. */
#define CONVENTIONAL_END 0xA0000u

void trampoline_page_reserve(struct boot *boot)
{
    boot->handoff->trampoline = pages_allocate(boot->system_table, 1, CONVENTIONAL_END - 1).start;
}

void trampoline_page_release(struct boot *boot)
{
    struct handoff_range page = {boot->handoff->trampoline, boot->handoff->trampoline != 0 ? PAGE_SIZE : 0};
    pages_free(boot->system_table, &page);
    boot->handoff->trampoline = 0;
}

/* WB: what is not write-back there is a ROM or the VGA window under a wrong name (firmware-quirk 26). */
static bool is_left_behind(const struct efi_memory_descriptor *descriptor)
{
    return (descriptor->type == EFI_BOOT_SERVICES_CODE || descriptor->type == EFI_BOOT_SERVICES_DATA ||
            descriptor->type == EFI_CONVENTIONAL_MEMORY) &&
           !firmware_map_is_runtime(descriptor) && (descriptor->attribute & EFI_MEMORY_WB) != 0;
}

/* Descriptors may overlap: one that is not ours to take forbids the page, whatever another says. */
static bool is_free(const struct firmware_map *map, struct prange page)
{
    bool covered = false;
    for (uint64_t i = 0; i < firmware_map_count(map); i++) {
        struct efi_memory_descriptor descriptor = firmware_map_at(map, i);
        struct prange range;
        if (!firmware_map_range(&descriptor, &range) || !prange_overlaps(range, page))
            continue;
        if (!is_left_behind(&descriptor))
            return false;
        covered = true;
    }
    return covered;
}

uint64_t trampoline_page_choose(const struct firmware_map *map)
{
    /*
     * 4096 descriptors times 159 pages, once, and only where the firmware owned all of low memory (firmware-quirk 22).
     */
    for (uint64_t page = CONVENTIONAL_END - PAGE_SIZE; page != 0; page -= PAGE_SIZE) {
        if (is_free(map, PRANGE(page, page + PAGE_SIZE)))
            return page;
    }
    return 0;
}

void trampoline_page_take(struct boot *boot)
{
    if (boot->handoff->trampoline != 0)
        return;
    boot->handoff->trampoline = trampoline_page_choose(&boot->map);
    boot->handoff->warnings |= boot->handoff->trampoline != 0 ? HANDOFF_WARNING_TRAMPOLINE_TAKEN
                                                              : HANDOFF_WARNING_NO_TRAMPOLINE;
}
