/* Parking the CPUs: see parked.h. Interrupt command register: SDM volume 3, 11.6.1. */
#include "tests/firmware/parked.h"

#include "kernel/base/string.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/instruction.h"
#include "tests/firmware/serial.h"

#define APIC_ICR_LOW     0xFEE00300ull
#define ICR_INIT_OTHERS  0x000C4500u
#define ICR_START_OTHERS 0x000C4600u /* and the page's number */
#define WAIT_POLLS       20000u      /* reads of a port, a microsecond each on real machines */
#define START_POLLS_MAX  2000000u
#define LOW_END          0xA0000u

extern const uint8_t parked_code[];
extern const uint8_t parked_code_end[];
extern const uint8_t parked_counter_address[];
extern const uint8_t parked_gdt_address[];
extern const uint8_t parked_table[];

static uint8_t *page; /* NULL: not wanted */
static volatile uint32_t *counter;

/* Stores a 32-bit address at the place in the copy that `place` is in the original. */
static void fill_in(const uint8_t *place, uint64_t address)
{
    uint32_t value = (uint32_t)address;
    memcpy(page + (place - parked_code), &value, sizeof(value));
}

bool parked_prepare(void)
{
    uint64_t address = LOW_END - 1;
    counter = firmware_pages(EFI_BOOT_SERVICES_DATA, 1);
    if (counter == NULL ||
        firmware.real_boot.allocate_pages(EFI_ALLOCATE_MAX_ADDRESS, EFI_BOOT_SERVICES_CODE, 1, &address) != EFI_SUCCESS)
        return false;
    page = vaddr_pointer(VADDR(address));
    memcpy(page, parked_code, (size_t)(parked_code_end - parked_code));
    fill_in(parked_counter_address, vaddr_of(counter).value);
    fill_in(parked_gdt_address, address + (uint64_t)(parked_table - parked_code));
    serial_say("parked CPUs will count at 0x%llx", (unsigned long long)vaddr_of(counter).value);
    return true;
}

static void command(uint32_t value)
{
    *(volatile uint32_t *)vaddr_pointer(VADDR(APIC_ICR_LOW)) = value;
    for (uint32_t i = 0; i < WAIT_POLLS; i++)
        instruction_in8(0x80);
}

void parked_start(void)
{
    if (page == NULL)
        return;
    command(ICR_INIT_OTHERS);
    command(ICR_START_OTHERS | (uint32_t)(vaddr_of(page).value >> PAGE_SHIFT));
    for (uint32_t i = 0; *counter == 0 && i < START_POLLS_MAX; i++)
        instruction_in8(0x80);
    serial_say("parked CPUs %s", *counter != 0 ? "count" : "do not count");
}
