/*
 * build/driver.efi: a driver of the boot-services kind, as option ROMs and add-in cards bring. The adversary loads it
 * when its script says `driver` (driver.h), and then it waits for events, as drivers do.
 *
 *     signal exit boot services        allocates and frees pages and pool, inside ExitBootServices
 *     signal virtual address change    reads and writes its data, inside SetVirtualAddressMap
 *
 * Its code is BootServicesCode and its data BootServicesData, which UEFI forbids for the second of them (7.1.1) and
 * EDK2 does not check (firmware-quirk 43): a kernel that has given boot services away by then runs into nothing.
 */
#include "boot/efi.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/serial.h"

/* 7.1.1: types of events and their handlers' priority */
#define EVENT_EXIT           0x00000201u
#define EVENT_ADDRESS_CHANGE 0x60000202u

#define POOL_BYTES    100u
#define PATTERN_WORDS (PAGE_SIZE / 8)
#define PATTERN_STEP  0x9E3779B97F4A7C15ull /* word n holds n of these, and how often it was changed */

typedef efi_status(EFIAPI *efi_create_event)(uint32_t type, uint64_t priority, efi_notify notify, const void *context,
                                             void **event);
typedef efi_status(EFIAPI *efi_allocate_pool)(enum efi_memory_type type, uint64_t size_bytes, void **pool);
typedef efi_status(EFIAPI *efi_free_pool)(void *pool);

efi_status EFIAPI efi_main(void *image_handle, struct efi_system_table *system_table);

static struct efi_system_table *system;
static volatile uint64_t *pattern;

static void EFIAPI handle_exit(void *event, void *context)
{
    struct efi_boot_services *services = system->boot_services;
    uint64_t pages;
    void *pool;
    (void)event;
    (void)context;
    bool has_pages = services->allocate_pages(EFI_ALLOCATE_ANY_PAGES, EFI_BOOT_SERVICES_DATA, 3, &pages) == EFI_SUCCESS;
    bool has_pool =
        ((efi_allocate_pool)services->allocate_pool)(EFI_BOOT_SERVICES_DATA, POOL_BYTES, &pool) == EFI_SUCCESS;
    if (has_pages)
        (void)services->free_pages(pages, 3);
    if (has_pool)
        (void)((efi_free_pool)services->free_pool)(pool);
    serial_say("driver: in ExitBootServices, pages=%u pool=%u", has_pages, has_pool);
}

static void EFIAPI handle_address_change(void *event, void *context)
{
    bool intact = true;
    (void)event;
    (void)context;
    for (uint64_t i = 0; i < PATTERN_WORDS; i++) {
        intact &= pattern[i] == i * PATTERN_STEP;
        pattern[i] += 1;
        intact &= pattern[i] == i * PATTERN_STEP + 1;
    }
    serial_say("driver: in SetVirtualAddressMap, data=%s", intact ? "intact" : "changed");
}

efi_status EFIAPI efi_main(void *image_handle, struct efi_system_table *system_table)
{
    struct efi_boot_services *services = system_table->boot_services;
    efi_create_event create = (efi_create_event)services->create_event;
    uint64_t address = 0;
    void *event;
    (void)image_handle;
    system = system_table;
    efi_status status = services->allocate_pages(EFI_ALLOCATE_ANY_PAGES, EFI_BOOT_SERVICES_DATA, 1, &address);
    if (status != EFI_SUCCESS)
        return status;
    pattern = vaddr_pointer(VADDR(address));
    for (uint64_t i = 0; i < PATTERN_WORDS; i++)
        pattern[i] = i * PATTERN_STEP;
    status = create(EVENT_EXIT, EFI_PRIORITY_CALLBACK, handle_exit, NULL, &event);
    if (status == EFI_SUCCESS)
        status = create(EVENT_ADDRESS_CHANGE, EFI_PRIORITY_CALLBACK, handle_address_change, NULL, &event);
    serial_say("driver: started, 0x%llx", (unsigned long long)status);
    return status;
}
