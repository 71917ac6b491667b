/*
 * Runtime services: set up once, then one function through which every call goes.
 *
 *     runtime_get_time ...   arguments, which lie in the kernel half; checks of what comes back
 *     call_service           the lock: firmware is not re-entrant (UEFI 2.10, 8.1, table 8.1)
 *     call_locked            is it on? where is its code now? one call, and what became of it
 *     firmware_call          kernel/x86: other page tables, other stack, SSE saved, a fault brought back
 *
 *     the firmware's space        0 .. 2^47    its own memory, 1:1 (kernel/runtime_map.h)
 *                                 upper half   the kernel's, shared: this code, the stack, the arguments
 *
 * What can go wrong ends in one of two ways. Before the first call: all services are off, for a reason that is logged.
 * In a call: that one service is off from then on. Neither stops the boot, nor the caller.
 */
#include "kernel/runtime.h"

#include "kernel/base/spinlock.h"
#include "kernel/base/string.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/options.h"
#include "kernel/runtime_map.h"
#include "kernel/runtime_value.h"
#include "kernel/trap.h"
#include "kernel/watchdog.h"
#include "kernel/x86/firmware_call.h"
#include "kernel/x86/regs.h"

/* UEFI 2.10, 2.3.4 asks for 4 KiB; firmware that verifies a signature in SetVariable takes more. */
#define STACK_PAGES 8u

/*
 * The specification knows no limit. Rewriting a full flash takes seconds, and cutting that off half way would be the
 * worse harm.
 */
#define CALL_LIMIT_US 10000000u

/* "RUNTSERV": UEFI 2.10, 4.5. */
#define RUNTIME_TABLE_SIGNATURE 0x56524553544E5552ull

#define SERVICE(name, field, supported)                               \
    {                                                                 \
        name, offsetof(struct efi_runtime_services, field), supported \
    }

static const struct {
    const char *name;
    size_t offset; /* of the pointer in the runtime services table */
    uint32_t supported;
} services[RUNTIME_SERVICE_COUNT] = {
    [RUNTIME_GET_TIME] = SERVICE("GetTime", get_time, EFI_RT_SUPPORTED_GET_TIME),
    [RUNTIME_GET_VARIABLE] = SERVICE("GetVariable", get_variable, EFI_RT_SUPPORTED_GET_VARIABLE),
    [RUNTIME_NEXT_VARIABLE] =
        SERVICE("GetNextVariableName", get_next_variable_name, EFI_RT_SUPPORTED_GET_NEXT_VARIABLE_NAME),
    [RUNTIME_SET_VARIABLE] = SERVICE("SetVariable", set_variable, EFI_RT_SUPPORTED_SET_VARIABLE),
    [RUNTIME_QUERY_VARIABLES] =
        SERVICE("QueryVariableInfo", query_variable_info, EFI_RT_SUPPORTED_QUERY_VARIABLE_INFO),
    [RUNTIME_RESET] = SERVICE("ResetSystem", reset_system, EFI_RT_SUPPORTED_RESET_SYSTEM),
};

/* QueryVariableInfo came with UEFI 2.0; the table of EFI 1.10 ends before it. */
#define REVISION_2_0 (2u << 16)

static const struct efi_guid attributes_guid = EFI_GUID_MEMORY_ATTRIBUTES;
static const struct efi_guid keel_guid = {
    0x1b6b4c0e, 0x3d52, 0x4b7e, {0x9c, 0x41, 0x6b, 0x65, 0x65, 0x6c, 0x21, 0x07}
};

static struct {
    struct spinlock lock;
    struct page_map space;
    struct vaddr stack_top;
    const struct efi_system_table *system; /* a read-only view; NULL: not in runtime memory */
    uint64_t table_address;                /* of the services table that `table` is a view of */
    const struct efi_runtime_services *table;
    const char *off[RUNTIME_SERVICE_COUNT]; /* reasons; NULL: on */
    bool interrupts_reported;
    bool started;
    bool panicking;
} runtime;

/* ---- Setting up ---- */

/* Why the firmware's services cannot be used at all, or NULL. */
static const char *refusal(const struct handoff *handoff)
{
    if (options_current()->noruntime)
        return "noruntime on the command line";
    /* Without that service the firmware runs at its physical addresses, which is where we call it. */
    bool needed = (handoff->runtime_services_supported & EFI_RT_SUPPORTED_SET_VIRTUAL_ADDRESS_MAP) != 0;
    if (handoff->virtual_map == HANDOFF_VIRTUAL_MAP_OK ||
        (handoff->virtual_map == HANDOFF_VIRTUAL_MAP_NOT_CALLED && !needed))
        return NULL;
    return "SetVirtualAddressMap did not work; see 'boot'";
}

/* The kernel's upper half, where stack and arguments lie, over a lower half that is the firmware's alone. */
static enum status build_space(void)
{
    /* The same source of table pages: what the space needs is in the ledger's `used`. */
    struct page_map *kernel = &kernel_mm.kernel_map;
    enum status status =
        paging_init(&runtime.space, kernel->window, kernel->levels, kernel->gigabyte_pages, kernel->tables);
    if (status != STATUS_OK)
        return status;
    /* A copy of the top-level entries; mm_build_map has pinned those that may still grow. */
    paging_share_upper_half(&runtime.space, kernel);
    uint32_t count;
    const struct efi_memory_descriptor *descriptors = mm_firmware_map(&kernel_mm, &count);
    return runtime_map_build(&runtime.space, &kernel_mm.map, descriptors, count);
}

/* Believes what the firmware calls its memory-attributes table as far as it deserves it. */
static void apply_attributes(uint64_t address)
{
    const struct efi_memory_attributes_table *table = NULL;
    /* The header first, for how long the table says it is; then all of it, if that makes sense. */
    if (address % 8 == 0)
        table = memory_map_table(NULL, PADDR(address), sizeof(*table));
    uint64_t size_bytes = table != NULL ? runtime_map_attributes_bytes(table) : 0;
    table = size_bytes != 0 ? memory_map_table(NULL, PADDR(address), size_bytes) : NULL;
    uint32_t ignored = table != NULL ? runtime_map_attributes(&runtime.space, &kernel_mm.map, table) : 0;
    if (table == NULL)
        log_warn("runtime: the memory-attributes table at 0x%llx makes no sense; ignored", address);
    else if (ignored != 0)
        log_warn("runtime: %u of %u memory attributes break the rules; ignored", ignored, table->entry_count);
}

/* A view of one of the firmware's structs, which must lie in runtime memory. */
static const void *view_runtime(uint64_t address, uint64_t size_bytes)
{
    if (address % 8 != 0 || !runtime_map_holds(&kernel_mm.map, address, size_bytes))
        return NULL;
    return vspace_map_view(&kernel_mm.vspace, PRANGE(address, address + size_bytes));
}

/* The services table that the system table names now; NULL when that is none. */
static const struct efi_runtime_services *services_table(void)
{
    /* The system table's pointer, not the one from the hand-off, wherever it can be read: rule 3, to the last call. */
    uint64_t address = memory_handoff()->runtime_services;
    if (runtime.system != NULL && runtime.system->header.signature == EFI_SYSTEM_TABLE_SIGNATURE)
        address = vaddr_of(runtime.system->runtime_services).value;
    /* A view a pointer: only firmware that swaps its table costs a new mapping. */
    if (address != runtime.table_address) {
        if (runtime.panicking)
            return NULL; /* mapping takes locks */
        if (runtime.table != NULL)
            vspace_unmap(&kernel_mm.vspace, runtime.table);
        runtime.table = view_runtime(address, sizeof(*runtime.table));
        runtime.table_address = address;
    }
    bool good = runtime.table != NULL && runtime.table->header.signature == RUNTIME_TABLE_SIGNATURE;
    return good ? runtime.table : NULL;
}

/* Builds all that a call needs. Why it cannot, or NULL. */
static const char *prepare(const struct handoff *handoff)
{
    if (vspace_stack(&kernel_mm.vspace, STACK_PAGES, &runtime.stack_top) != STATUS_OK || build_space() != STATUS_OK)
        return "no memory for its address space";
    /*
     * Rule 7: only now, long after SetVirtualAddressMap, which may have needed to write where the table says read-only.
     */
    for (uint32_t i = 0; i < handoff->table_count && i < HANDOFF_TABLE_MAX; i++)
        if (memcmp(handoff->tables[i].guid, &attributes_guid, sizeof(attributes_guid)) == 0)
            apply_attributes(handoff->tables[i].address);
    runtime.system = view_runtime(handoff->system_table, sizeof(*runtime.system));
    return services_table() != NULL ? NULL : "no table of services in runtime memory";
}

void runtime_start(void)
{
    const struct handoff *handoff = memory_handoff();
    const char *reason = refusal(handoff);
    if (reason == NULL)
        reason = prepare(handoff);
    if (reason != NULL)
        log_warn("runtime: the firmware's services are off: %s", reason);
    for (unsigned i = 0; i < RUNTIME_SERVICE_COUNT; i++) {
        bool supported = (handoff->runtime_services_supported & services[i].supported) != 0;
        runtime.off[i] = reason == NULL && !supported ? "not supported after the hand-off, says the firmware" : reason;
    }
    runtime.started = true;
}

void runtime_panic_begin(void)
{
    runtime.panicking = true;
    watchdog_panic_begin();
    if (spinlock_is_held(&runtime.lock))
        for (unsigned i = 0; i < RUNTIME_SERVICE_COUNT; i++)
            runtime.off[i] = "a call was under way";
}

const char *runtime_off_reason(enum runtime_service service)
{
    return runtime.started ? runtime.off[service] : "not set up yet";
}

const char *runtime_failure(enum runtime_service service, enum status status)
{
    const char *reason = runtime_off_reason(service);
    return reason != NULL ? reason : status_name(status);
}

const char *runtime_service_name(enum runtime_service service)
{
    return services[service].name;
}

/* ---- Calling ---- */

/* Where the service's code is, or 0. */
static uint64_t service_function(enum runtime_service service)
{
    const struct efi_runtime_services *table = services_table();
    if (table == NULL || (service == RUNTIME_QUERY_VARIABLES && table->header.revision < REVISION_2_0))
        return 0;
    uint64_t function;
    memcpy(&function, (const uint8_t *)table + services[service].offset, sizeof(function));
    /* A pointer that leads elsewhere would fault at once; refusing it says why, and costs the service all the same. */
    return runtime_map_holds(&kernel_mm.map, function, 1) ? function : 0;
}

/* What the service held when it ended so (its own locks, a flash half written) is unknown: never into it again. */
static enum status turn_off(enum runtime_service service, const struct recovery *fault)
{
    bool late = fault->vector == VECTOR_NMI;
    runtime.off[service] = late ? "it did not return" : "it faulted";
    if (late)
        log_error("runtime: %s is off from here on: still at 0x%llx after %u s", services[service].name,
                  fault->fault_rip, CALL_LIMIT_US / 1000000);
    else
        log_error("runtime: %s is off from here on: %s at 0x%llx, address 0x%llx, error %llx", services[service].name,
                  trap_name(fault->vector), fault->fault_rip, fault->fault_address, fault->error);
    return late ? STATUS_TIMEOUT : STATUS_FAULT;
}

void runtime_prepare_call(struct firmware_call *call, uint64_t function)
{
    call->root = runtime.space.root;
    call->stack_top = runtime.stack_top;
    call->function = function;
}

/* One call, in the firmware's space and on its stack (kernel/x86/firmware_call.h). The lock is held. */
static enum status call_locked(enum runtime_service service, struct firmware_call *call)
{
    if (runtime_off_reason(service) != NULL)
        return STATUS_UNSUPPORTED;
    runtime_prepare_call(call, service_function(service));
    if (call->function == 0) {
        runtime.off[service] = "its code is not in runtime memory";
        return STATUS_UNSUPPORTED;
    }
    (void)watchdog_start(CALL_LIMIT_US); /* without a limit rather than not at all */
    bool returned = firmware_call(call);
    watchdog_stop();
    if (!returned)
        return turn_off(service, &call->fault);
    if (call->interrupts_enabled && !runtime.interrupts_reported) {
        runtime.interrupts_reported = true;
        log_warn("runtime: %s came back with interrupts on", services[service].name);
    }
    return runtime_value_status(call->result);
}

/* A service that takes fewer arguments gets 0 for the rest. */
static enum status call_service(enum runtime_service service, uint64_t first, uint64_t second, uint64_t third,
                                uint64_t fourth, uint64_t fifth)
{
    struct firmware_call call = {.arguments = {first, second, third, fourth, fifth}};
    bool alone = runtime.panicking;
    if (!alone)
        spinlock_acquire(&runtime.lock);
    enum status status = call_locked(service, &call);
    if (!alone)
        spinlock_release(&runtime.lock);
    return status;
}

/* A pointer as the firmware gets it: the kernel half is the same in both spaces. */
static uint64_t argument(const volatile void *pointer)
{
    return vaddr_of(pointer).value;
}

enum status runtime_get_time(struct efi_time *time)
{
    /* Some firmware crashes without capabilities, which are optional (firmware-quirk 57). */
    struct efi_time_capabilities capabilities = {0};
    memset(time, 0, sizeof(*time));
    enum status status = call_service(RUNTIME_GET_TIME, argument(time), argument(&capabilities), 0, 0, 0);
    if (status == STATUS_OK && !runtime_value_time_valid(time))
        return STATUS_INVALID;
    return status;
}

enum status runtime_get_variable(const struct runtime_variable *variable, uint32_t *attributes, void *data,
                                 uint64_t *size_bytes)
{
    uint64_t capacity = *size_bytes; /* firmware that claims to have written more is not believed */
    *attributes = 0;
    enum status status = call_service(RUNTIME_GET_VARIABLE, argument(variable->name), argument(&variable->vendor),
                                      argument(attributes), argument(size_bytes), argument(data));
    if (status == STATUS_OK && *size_bytes > capacity)
        return STATUS_INVALID;
    return status;
}

enum status runtime_next_variable(struct runtime_variable *variable)
{
    /* Firmware that gives the same name for ever would make `vars` endless. */
    struct runtime_variable before = *variable;
    uint64_t size_bytes = sizeof(variable->name);
    enum status status = call_service(RUNTIME_NEXT_VARIABLE, argument(&size_bytes), argument(variable->name),
                                      argument(&variable->vendor), 0, 0);
    variable->name[RUNTIME_NAME_CHARS - 1] = 0; /* whatever the firmware wrote, it ends */
    if (status == STATUS_OK && memcmp(&before, variable, sizeof(before)) == 0)
        return STATUS_INVALID;
    return status;
}

enum status runtime_own_variable(struct runtime_variable *variable, const char *name)
{
    variable->vendor = keel_guid;
    return runtime_value_name(variable->name, RUNTIME_NAME_CHARS, name);
}

enum status runtime_set_variable(const struct runtime_variable *variable, uint32_t attributes, const void *data,
                                 uint64_t size_bytes)
{
    return call_service(RUNTIME_SET_VARIABLE, argument(variable->name), argument(&variable->vendor), attributes,
                        size_bytes, argument(data));
}

enum status runtime_query_storage(struct runtime_storage *storage)
{
    memset(storage, 0, sizeof(*storage));
    return call_service(RUNTIME_QUERY_VARIABLES, RUNTIME_ATTRIBUTES, argument(&storage->total_bytes),
                        argument(&storage->free_bytes), argument(&storage->variable_bytes_max), 0);
}

enum status runtime_reset(enum efi_reset_type type)
{
    return call_service(RUNTIME_RESET, (uint64_t)type, EFI_SUCCESS, 0, 0, 0);
}
