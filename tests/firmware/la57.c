/* The fifth level: see la57.h. Entries: SDM volume 3, 4.5. */
#include "tests/firmware/la57.h"

#include "tests/firmware/firmware.h"
#include "tests/firmware/instruction.h"
#include "tests/firmware/serial.h"

#define PRESENT_WRITE 0x3ull
#define ADDRESS       0x000FFFFFFFFFF000ull

static uint64_t *table; /* NULL: no wish */
static bool entered;

bool la57_wish(void)
{
    uint64_t address = UINT32_MAX; /* the highest that 32-bit code can load into CR3 */
    if (table != NULL)
        return true;
    if (firmware.real_boot.allocate_pages(EFI_ALLOCATE_MAX_ADDRESS, EFI_BOOT_SERVICES_DATA, 1, &address) != EFI_SUCCESS)
        return false;
    table = vaddr_pointer(VADDR(address));
    for (uint32_t i = 0; i < PAGE_SIZE / sizeof(*table); i++)
        table[i] = 0;
    return true;
}

void la57_start(void)
{
    if (table == NULL)
        return;
    if (!instruction_cpu_has_la57() || vaddr_of(la57_start).value > UINT32_MAX) {
        serial_say("this CPU has no five levels, or we are above 4 GiB");
        return;
    }
    table[0] = (instruction_read_cr3() & ADDRESS) | PRESENT_WRITE;
    la57_toggle(vaddr_of(table).value);
    entered = true;
    serial_say("five levels of page tables");
}

void la57_leave(void)
{
    if (entered)
        la57_toggle(table[0] & ADDRESS);
    entered = false;
}

uint64_t la57_root(uint64_t root)
{
    if (!entered)
        return root;
    table[0] = root | PRESENT_WRITE;
    return vaddr_of(table).value;
}
