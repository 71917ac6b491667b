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
_Static_assert(offsetof(struct efi_simple_text_output, mode) == 8 * CALLS_CONSOLE, "12.4");

extern const uint8_t calls_entries[2 * CALLS_COUNT][ENTRY_BYTES];
uint64_t calls_arrive(uint32_t entry, const uint64_t *stack, uint64_t flags);

/* 4.4, 4.5 and 12.4, in the order of the tables. */
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
    "ConOut.Reset",
    "ConOut.OutputString",
    "ConOut.TestString",
    "ConOut.QueryMode",
    "ConOut.SetMode",
    "ConOut.SetAttribute",
    "ConOut.ClearScreen",
    "ConOut.SetCursorPosition",
    "ConOut.EnableCursor",
};

enum phase { PHASE_BOOT, PHASE_LEAVING, PHASE_LEFT, PHASE_COUNT };
static const char *const phase_names[PHASE_COUNT] = {"boot", "leaving", "left"};

/* Of one service in one phase, by the kernel. */
struct seen {
    uint32_t calls;
    uint32_t interrupts_on;
    uint32_t misaligned; /* on a stack that UEFI does not allow */
};

static struct {
    uint64_t real[CALLS_COUNT];
    uint64_t replacement[CALLS_COUNT]; /* 0: none */
    uint64_t image_base;
    uint64_t image_end;
    uint32_t exits_tried;
    enum phase phase;
    struct seen seen[PHASE_COUNT][CALLS_COUNT];
    uint32_t interrupts_on; /* of calls after the exit */
    uint32_t misaligned;    /* of all calls */
    uint32_t stale;         /* calls through the tables that were moved away */
} calls;

/* Where the system table points after calls_move_tables. */
static struct efi_boot_services moved_boot;
static struct efi_runtime_services moved_runtime;

static uint64_t entry_address(uint32_t entry)
{
    return vaddr_of(calls_entries[entry]).value;
}

/* `first` is the entry for the first of the pointers. */
static void fill(void *pointers, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t address = entry_address(first + i);
        memcpy((uint8_t *)pointers + 8 * i, &address, sizeof(address));
    }
}

/* The pointers of a table stand behind its header. */
static void fill_table(struct efi_table_header *header, uint32_t first, uint32_t count)
{
    fill(header + 1, first, count);
    firmware_sign(header);
}

/* In place, unlike a service table: a console's functions find the rest of it by its address. */
static void fill_console(struct efi_simple_text_output *console)
{
    uint32_t first = CALLS_BOOT + CALLS_RUNTIME;
    if (console == NULL)
        return;
    memcpy(calls.real + first, console, 8 * CALLS_CONSOLE);
    fill(console, first, CALLS_CONSOLE);
}

void calls_install(void)
{
    memcpy(calls.real, &firmware.real_boot.header + 1, 8 * CALLS_BOOT);
    memcpy(calls.real + CALLS_BOOT, &firmware.real_runtime.header + 1, 8 * CALLS_RUNTIME);
    fill_table(&firmware.system->boot_services->header, 0, CALLS_BOOT);
    fill_table(&firmware.system->runtime_services->header, CALLS_BOOT, CALLS_RUNTIME);
    fill_console(firmware.system->console_out);
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
    calls.phase = PHASE_LEAVING;
}

void calls_left(void)
{
    calls.phase = PHASE_LEFT;
}

static bool is_kernel(uint64_t address)
{
    return address >= UPPER_HALF || (address >= calls.image_base && address < calls.image_end);
}

static bool is_runtime(uint32_t service)
{
    return service >= CALLS_BOOT && service < CALLS_BOOT + CALLS_RUNTIME;
}

static bool is_named(uint32_t service, const char *name)
{
    return strcmp(names[service], name) == 0;
}

static bool is_allowed(uint32_t service)
{
    if (calls.phase == PHASE_LEAVING)
        return is_named(service, "GetMemoryMap") || is_named(service, "ExitBootServices");
    return calls.phase == PHASE_BOOT || is_runtime(service);
}

static void complain(uint32_t service, const char *what)
{
    serial_say("broken rule: %s %s", names[service], what);
}

static void record(uint32_t service, bool stale, const uint64_t *stack, uint64_t flags)
{
    struct seen *seen = &calls.seen[calls.phase][service];
    bool misaligned = vaddr_of(stack).value % 16 != STACK_AT_ENTRY;
    bool interrupts_on = (flags & RFLAGS_IF) != 0;
    bool too_open = interrupts_on && calls.phase == PHASE_LEFT;
    seen->calls++;
    seen->interrupts_on += interrupts_on;
    seen->misaligned += misaligned;
    calls.misaligned += misaligned;
    calls.interrupts_on += too_open;
    calls.stale += stale;
    if (!is_allowed(service))
        complain(service,
                 calls.phase == PHASE_LEAVING ? "called after the first ExitBootServices" : "called after the exit");
    if (seen->calls == 2 && is_named(service, "SetVirtualAddressMap"))
        complain(service, "called a second time");
    if (stale)
        complain(service, "called through a table that was moved away");
    if (misaligned)
        complain(service, "called on a misaligned stack");
    if (too_open)
        complain(service, "called with interrupts on");
    if (is_runtime(service) && seen->calls == 1)
        serial_say("%s: if=%u stack=%s", names[service], interrupts_on, misaligned ? "misaligned" : "ok");
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
    for (enum phase phase = PHASE_LEAVING; phase < PHASE_COUNT; phase++) {
        for (uint32_t i = 0; i < CALLS_COUNT; i++) {
            const struct seen *seen = &calls.seen[phase][i];
            if (seen->calls != 0)
                serial_say("%s: %s calls=%u interrupts-on=%u misaligned=%u", phase_names[phase], names[i], seen->calls,
                           seen->interrupts_on, seen->misaligned);
        }
    }
}
