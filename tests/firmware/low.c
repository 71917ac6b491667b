/* Taking low memory: see low.h. */
#include "tests/firmware/low.h"

#include "tests/firmware/firmware.h"

/* OpenXT #890 and zephyr #36263: where real machines have them. */
static const uint64_t islands[] = {0x3F000, 0x58000, 0x5F000, 0x80000, 0x9E000, 0x9F000};

static void take(enum efi_memory_type type, uint64_t page)
{
    (void)firmware.real_boot.allocate_pages(EFI_ALLOCATE_ADDRESS, type, 1, &page);
}

void low_take_all(void)
{
    for (uint64_t page = 0; page < LOW_MEMORY_END; page += PAGE_SIZE)
        take(EFI_BOOT_SERVICES_DATA, page);
}

void low_take_islands(void)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(islands); i++)
        take(EFI_RESERVED_MEMORY, islands[i]);
}
