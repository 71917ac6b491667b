/* Where the kernel lies, and what it is told: see image.h. */
#include "tests/firmware/image.h"

#include "kernel/base/string.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/serial.h"

#define MAP_BYTES  (64 * KIB)
#define BLOCKS_MAX 512u

static struct {
    bool above_4g;
    bool bogus;
    bool no_volume;
} wishes;

/* What was taken while the kernel was loaded. */
static struct {
    uint64_t start;
    uint64_t page_count;
} taken[BLOCKS_MAX];
static uint32_t taken_count;

static uint8_t map[MAP_BYTES];

bool image_wish(const char *what)
{
    bool *const all[] = {&wishes.above_4g, &wishes.bogus, &wishes.no_volume};
    static const char *const names[] = {"above-4g", "bogus", "no-volume"};
    for (uint32_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(what, names[i]) == 0)
            return *all[i] = true;
    }
    return false;
}

static void take(uint64_t start, uint64_t page_count)
{
    uint64_t address = start;
    if (taken_count == BLOCKS_MAX || firmware.real_boot.allocate_pages(EFI_ALLOCATE_ADDRESS, EFI_BOOT_SERVICES_DATA,
                                                                       page_count, &address) != EFI_SUCCESS)
        return;
    taken[taken_count].start = start;
    taken[taken_count].page_count = page_count;
    taken_count++;
}

/* Takes all that is free below 4 GiB, so that the image must lie above. */
void image_before_load(void)
{
    uint64_t bytes = MAP_BYTES;
    uint64_t key;
    uint64_t stride;
    uint32_t version;
    if (!wishes.above_4g ||
        firmware.real_boot.get_memory_map(&bytes, map, &key, &stride, &version) != EFI_SUCCESS)
        return;
    for (uint64_t at = 0; at + stride <= bytes; at += stride) {
        struct efi_memory_descriptor block;
        memcpy(&block, map + at, sizeof(block));
        if (block.type == EFI_CONVENTIONAL_MEMORY && block.physical_start < 4 * GIB)
            take(block.physical_start, block.number_of_pages);
    }
}

void image_loaded(struct efi_loaded_image *kernel)
{
    for (uint32_t i = 0; i < taken_count; i++)
        (void)firmware.real_boot.free_pages(taken[i].start, taken[i].page_count);
    serial_say("the kernel lies at 0x%llx", (unsigned long long)vaddr_of(kernel->image_base).value);
    if (wishes.bogus) {
        kernel->image_base = NULL;
        kernel->image_size_bytes = UINT64_MAX;
        kernel->file_path = NULL;
        kernel->image_code_type = EFI_MMIO;
    }
    if (wishes.no_volume)
        kernel->device_handle = NULL;
}
