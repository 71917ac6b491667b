/* Counting and redirecting calls: see calls.h. */
#include "tests/firmware/calls.h"

#include "kernel/base/string.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/harm.h"
#include "tests/firmware/serial.h"

#define ENTRY_BYTES    16u /* calls.asm */
#define UPPER_HALF     0xFFFF800000000000ull
#define RFLAGS_IF      0x200u
#define STACK_AT_ENTRY 8u /* 2.3.4.2: a multiple of 16 before the call pushed its return address */

_Static_assert(sizeof(struct efi_boot_services) == sizeof(struct efi_table_header) + 8 * CALLS_BOOT, "4.4");
_Static_assert(sizeof(struct efi_runtime_services) == sizeof(struct efi_table_header) + 8 * CALLS_RUNTIME, "4.5");

extern const uint8_t calls_entries[2 * CALLS_COUNT][ENTRY_BYTES];
uint64_t calls_arrive(uint32_t entry, const uint64_t *stack, uint64_t flags);

/* 4.4 and 4.5, in the order of the tables. */
static const char *const names[CALLS_COUNT] = {
    "RaiseTPL",
    "RestoreTPL",
    "AllocatePages",
    "FreePages",
    "GetMemoryMap",
    "AllocatePool",
    "FreePool",
    "CreateEvent",
    "SetTimer",
    "WaitForEvent",
    "SignalEvent",
    "CloseEvent",
    "CheckEvent",
    "InstallProtocolInterface",
    "ReinstallProtocolInterface",
    "UninstallProtocolInterface",
    "HandleProtocol",
    "Reserved",
    "RegisterProtocolNotify",
    "LocateHandle",
    "LocateDevicePath",
    "InstallConfigurationTable",
    "LoadImage",
    "StartImage",
    "Exit",
    "UnloadImage",
    "ExitBootServices",
    "GetNextMonotonicCount",
    "Stall",
    "SetWatchdogTimer",
    "ConnectController",
    "DisconnectController",
    "OpenProtocol",
    "CloseProtocol",
    "OpenProtocolInformation",
    "ProtocolsPerHandle",
    "LocateHandleBuffer",
    "LocateProtocol",
    "InstallMultipleProtocolInterfaces",
    "UninstallMultipleProtocolInterfaces",
    "CalculateCrc32",
    "CopyMem",
    "SetMem",
    "CreateEventEx",
    "GetTime",
    "SetTime",
    "GetWakeupTime",
    "SetWakeupTime",
    "SetVirtualAddressMap",
    "ConvertPointer",
    "GetVariable",
    "GetNextVariableName",
    "SetVariable",
    "GetNextHighMonotonicCount",
    "ResetSystem",
    "UpdateCapsule",
    "QueryCapsuleCapabilities",
    "QueryVariableInfo",
};

static struct {
    uint64_t real[CALLS_COUNT];
    uint64_t replacement[CALLS_COUNT]; /* 0: none */
    uint64_t image_base;
    uint64_t image_end;
    uint32_t exits_tried;
    uint32_t count[CALLS_COUNT]; /* by the kernel, after its first ExitBootServices */
    uint32_t interrupts_on;      /* runtime calls with IF set */
    uint32_t misaligned;         /* calls on a stack that UEFI does not allow */
    uint32_t stale;              /* calls through the tables that were moved away */
} calls;

/* Where the system table points after calls_move_tables. */
static struct efi_boot_services moved_boot;
static struct efi_runtime_services moved_runtime;

static uint64_t entry_address(uint32_t entry)
{
    return vaddr_of(calls_entries[entry]).value;
}

/* The pointers of a table stand behind its header; `first` is the entry for the first of them. */
static void fill_table(struct efi_table_header *header, uint32_t first, uint32_t count)
{
    uint8_t *pointers = (uint8_t *)(header + 1);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t address = entry_address(first + i);
        memcpy(pointers + 8 * i, &address, sizeof(address));
    }
    firmware_sign(header);
}

void calls_install(void)
{
    memcpy(calls.real, &firmware.real_boot.header + 1, 8 * CALLS_BOOT);
    memcpy(calls.real + CALLS_BOOT, &firmware.real_runtime.header + 1, 8 * CALLS_RUNTIME);
    fill_table(&firmware.system->boot_services->header, 0, CALLS_BOOT);
    fill_table(&firmware.system->runtime_services->header, CALLS_BOOT, CALLS_RUNTIME);
}

void calls_watch(uint64_t image_base, uint64_t image_bytes)
{
    calls.image_base = image_base;
    calls.image_end = image_base + image_bytes;
}

uint32_t calls_find(const char *name)
{
    for (uint32_t i = 0; i < CALLS_COUNT; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return CALLS_NONE;
}

const char *calls_name(uint32_t service)
{
    return names[service];
}

void calls_replace(uint32_t service, uint64_t function)
{
    calls.replacement[service] = function;
}

void calls_move_tables(void)
{
    struct efi_boot_services *old_boot = firmware.system->boot_services;
    struct efi_runtime_services *old_runtime = firmware.system->runtime_services;
    if (old_boot == &moved_boot)
        return;
    moved_boot = *old_boot;
    moved_runtime = *old_runtime;
    fill_table(&old_boot->header, CALLS_COUNT, CALLS_BOOT);
    fill_table(&old_runtime->header, CALLS_COUNT + CALLS_BOOT, CALLS_RUNTIME);
    firmware.system->boot_services = &moved_boot;
    firmware.system->runtime_services = &moved_runtime;
    firmware_sign(&firmware.system->header);
}

void calls_exit_tried(void)
{
    calls.exits_tried++;
}

static bool is_kernel(uint64_t address)
{
    return address >= UPPER_HALF || (address >= calls.image_base && address < calls.image_end);
}

static void record(uint32_t service, bool stale, const uint64_t *stack, uint64_t flags)
{
    bool runtime = service >= CALLS_BOOT;
    bool misaligned = vaddr_of(stack).value % 16 != STACK_AT_ENTRY;
    if (calls.exits_tried != 0)
        calls.count[service]++;
    calls.misaligned += misaligned;
    calls.interrupts_on += runtime && (flags & RFLAGS_IF) != 0;
    calls.stale += stale;
    if (runtime && calls.count[service] == 1)
        serial_say("%s: if=%u stack=%s", names[service], (flags & RFLAGS_IF) != 0, misaligned ? "misaligned" : "ok");
}

/* For calls.asm: `entry` was called, `stack` points at the return address. The address to go on at. */
uint64_t calls_arrive(uint32_t entry, const uint64_t *stack, uint64_t flags)
{
    uint32_t service = entry % CALLS_COUNT;
    if (!is_kernel(*stack))
        return calls.real[service];
    record(service, entry != service, stack, flags);
    uint64_t instead = harm_do(service, vaddr_of(stack).value);
    if (instead != 0)
        return instead;
    return calls.replacement[service] != 0 ? calls.replacement[service] : calls.real[service];
}

void calls_report(void)
{
    serial_say("report: exits=%u stale=%u misaligned=%u interrupts-on=%u", calls.exits_tried, calls.stale,
               calls.misaligned, calls.interrupts_on);
    for (uint32_t i = 0; i < CALLS_COUNT; i++) {
        if (calls.count[i] != 0)
            serial_say("after the first exit: %s=%u", names[i], calls.count[i]);
    }
}
