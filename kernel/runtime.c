/*
 * Runtime services: set up once, then one function through which every call goes.
 */
#include "kernel/runtime.h"

#include "kernel/base/spinlock.h"
#include "kernel/base/string.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/options.h"
#include "kernel/runtime_value.h"
#include "kernel/trap.h"
#include "kernel/x86/firmware_call.h"
#include "kernel/x86/regs.h"

/* UEFI 2.10, 2.3.4 asks for 4 KiB; firmware that verifies a signature in SetVariable takes more. */
#define STACK_PAGES 8u

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
    [RUNTIME_RESET] = SERVICE("ResetSystem", reset_system, EFI_RT_SUPPORTED_RESET_SYSTEM),
};

static struct {
    struct spinlock lock;
    struct page_map space;
    struct vaddr stack_top;
    struct runtime_map_report report;
    const struct efi_system_table *system; /* a read-only view; NULL: not in runtime memory */
    uint64_t table_address;                /* of the services table that `table` is a view of */
    const struct efi_runtime_services *table;
    const char *off[RUNTIME_SERVICE_COUNT]; /* reasons; NULL: on */
    bool interrupts_reported;
} runtime;

static void turn_off(const char *reason)
{
    for (unsigned i = 0; i < RUNTIME_SERVICE_COUNT; i++)
        runtime.off[i] = reason;
}

/* ---- Setting up ---- */

/* Why the firmware's services cannot be used at all, or NULL. */
static const char *refusal(const struct handoff *handoff)
{
    if (options_current()->noruntime)
        return "noruntime on the command line";
    switch ((enum handoff_virtual_map)handoff->virtual_map) {
    case HANDOFF_VIRTUAL_MAP_OK:
        return NULL;
    case HANDOFF_VIRTUAL_MAP_NOT_CALLED:
        /* Without that service the firmware runs at its physical addresses, which is where we call it. */
        if ((handoff->runtime_services_supported & EFI_RT_SUPPORTED_SET_VIRTUAL_ADDRESS_MAP) == 0)
            return NULL;
        return "SetVirtualAddressMap was not called";
    case HANDOFF_VIRTUAL_MAP_FAILED:
        return "SetVirtualAddressMap failed";
    case HANDOFF_VIRTUAL_MAP_FAULTED:
        return "SetVirtualAddressMap faulted";
    }
    return "the hand-off says nothing of SetVirtualAddressMap";
}

static struct paddr take_table(void *frames)
{
    return frames_take(frames, 0, FRAMES_NO_LIMIT);
}

static void give_table(void *frames, struct paddr table)
{
    frames_give(frames, table, 0);
}

static enum status build_space(void)
{
    struct page_map *kernel = &kernel_mm.kernel_map;
    struct table_source tables = {take_table, give_table, &kernel_mm.frames};
    enum status status = paging_init(&runtime.space, kernel->window, kernel->levels, kernel->gigabyte_pages, tables);
    if (status != STATUS_OK)
        return status;
    paging_share_upper_half(&runtime.space, kernel);
    struct runtime_map_source source = {.map = &kernel_mm.map};
    source.descriptors = mm_firmware_map(&kernel_mm, &source.descriptor_count);
    return runtime_map_build(&runtime.space, &source, &runtime.report);
}

static uint64_t configuration_table(const struct handoff *handoff, struct efi_guid guid)
{
    for (uint32_t i = 0; i < handoff->table_count && i < HANDOFF_TABLE_MAX; i++)
        if (memcmp(handoff->tables[i].guid, &guid, sizeof(guid)) == 0)
            return handoff->tables[i].address;
    return 0;
}

static void apply_attributes(const struct handoff *handoff)
{
    uint64_t address = configuration_table(handoff, (struct efi_guid)EFI_GUID_MEMORY_ATTRIBUTES);
    const struct efi_memory_attributes_table *table = NULL;
    if (address == 0)
        return;
    if (address % 8 == 0)
        table = memory_map_table(NULL, PADDR(address), sizeof(*table));
    uint64_t size_bytes = table != NULL ? runtime_map_attributes_bytes(table) : 0;
    if (size_bytes != 0)
        table = memory_map_table(NULL, PADDR(address), size_bytes);
    if (size_bytes == 0 || table == NULL) {
        log_warn("runtime: memory-attributes table at 0x%llx makes no sense; ignored", address);
        return;
    }
    runtime_map_attributes(&runtime.space, &kernel_mm.map, table, &runtime.report);
    if (runtime.report.attributes_ignored != 0)
        log_warn("runtime: %u entries of the memory-attributes table break its rules; ignored",
                 runtime.report.attributes_ignored);
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
    uint64_t address = memory_handoff()->runtime_services;
    if (runtime.system != NULL && runtime.system->header.signature == EFI_SYSTEM_TABLE_SIGNATURE)
        address = vaddr_of(runtime.system->runtime_services).value;
    if (runtime.table == NULL || address != runtime.table_address) {
        if (runtime.table != NULL)
            vspace_unmap(&kernel_mm.vspace, runtime.table);
        runtime.table = view_runtime(address, sizeof(*runtime.table));
        runtime.table_address = address;
    }
    if (runtime.table == NULL || runtime.table->header.signature != RUNTIME_TABLE_SIGNATURE)
        return NULL;
    return runtime.table;
}

static enum status prepare(const struct handoff *handoff)
{
    enum status status = vspace_stack(&kernel_mm.vspace, STACK_PAGES, &runtime.stack_top);
    if (status == STATUS_OK)
        status = build_space();
    if (status != STATUS_OK)
        return status;
    apply_attributes(handoff);
    runtime.system = view_runtime(handoff->system_table, sizeof(*runtime.system));
    return STATUS_OK;
}

void runtime_start(void)
{
    const struct handoff *handoff = memory_handoff();
    const char *reason = refusal(handoff);
    if (reason == NULL && prepare(handoff) != STATUS_OK)
        reason = "no memory for its address space";
    else if (reason == NULL && services_table() == NULL)
        reason = "no table of services in runtime memory";
    if (reason != NULL) {
        turn_off(reason);
        log_warn("runtime: the firmware's services are off: %s", reason);
        return;
    }
    for (unsigned i = 0; i < RUNTIME_SERVICE_COUNT; i++)
        if ((handoff->runtime_services_supported & services[i].supported) == 0)
            runtime.off[i] = "the firmware says that it does not work after the hand-off";
    log_debug("runtime: %u regions, %u of %u attribute entries applied", runtime.report.region_count,
              runtime.report.attributes_applied, runtime.report.attributes_applied + runtime.report.attributes_ignored);
}

const char *runtime_off_reason(enum runtime_service service)
{
    return runtime.off[service];
}

const char *runtime_service_name(enum runtime_service service)
{
    return services[service].name;
}

const struct runtime_map_report *runtime_report(void)
{
    return &runtime.report;
}

/* ---- Calling ---- */

/* Where the service's code is, or 0. */
static uint64_t service_function(enum runtime_service service)
{
    const struct efi_runtime_services *table = services_table();
    if (table == NULL)
        return 0;
    uint64_t function;
    memcpy(&function, (const uint8_t *)table + services[service].offset, sizeof(function));
    return runtime_map_holds(&kernel_mm.map, function, 1) ? function : 0;
}

static void report_fault(enum runtime_service service, const struct recovery *fault)
{
    log_error("runtime: %s: %s at 0x%llx, address 0x%llx, error %llx; the service is off from here on",
              services[service].name, trap_name(fault->vector), fault->fault_rip, fault->fault_address, fault->error);
    runtime.off[service] = "it faulted";
}

static enum status call_locked(enum runtime_service service, struct firmware_call *call)
{
    if (runtime.off[service] != NULL)
        return STATUS_UNSUPPORTED;
    call->root = runtime.space.root;
    call->stack_top = runtime.stack_top;
    call->function = service_function(service);
    if (call->function == 0) {
        runtime.off[service] = "its code is not in runtime memory";
        log_error("runtime: %s: %s", services[service].name, runtime.off[service]);
        return STATUS_UNSUPPORTED;
    }
    if (!firmware_call(call)) {
        report_fault(service, &call->fault);
        return STATUS_FAULT;
    }
    if (call->interrupts_enabled && !runtime.interrupts_reported) {
        runtime.interrupts_reported = true;
        log_warn("runtime: %s came back with interrupts on", services[service].name);
    }
    enum status status = runtime_value_status(call->result);
    if (status == STATUS_DEVICE)
        log_debug("runtime: %s: EFI status %llx", services[service].name, call->result);
    return status;
}

static enum status call_service(enum runtime_service service, struct firmware_call *call)
{
    spinlock_acquire(&runtime.lock);
    enum status status = call_locked(service, call);
    spinlock_release(&runtime.lock);
    return status;
}

static uint64_t argument(const volatile void *pointer)
{
    return vaddr_of(pointer).value;
}

enum status runtime_get_time(struct efi_time *time)
{
    /* Some firmware crashes without capabilities, which are optional (firmware-quirk 57). */
    struct efi_time_capabilities capabilities = {0};
    struct firmware_call call = {
        .arguments = {argument(time), argument(&capabilities)}
    };
    memset(time, 0, sizeof(*time));
    enum status status = call_service(RUNTIME_GET_TIME, &call);
    if (status == STATUS_OK && !runtime_value_time_valid(time))
        return STATUS_INVALID;
    return status;
}

enum status runtime_get_variable(const struct runtime_variable *variable, uint32_t *attributes, void *data,
                                 uint64_t *size_bytes)
{
    struct firmware_call call = {
        .arguments = {argument(variable->name), argument(&variable->vendor), argument(attributes), argument(size_bytes),
                      argument(data)}
    };
    uint64_t capacity = *size_bytes;
    *attributes = 0;
    enum status status = call_service(RUNTIME_GET_VARIABLE, &call);
    if (status == STATUS_OK && *size_bytes > capacity)
        return STATUS_INVALID;
    return status;
}

enum status runtime_next_variable(struct runtime_variable *variable)
{
    struct runtime_variable before = *variable;
    uint64_t size_bytes = sizeof(variable->name);
    struct firmware_call call = {
        .arguments = {argument(&size_bytes), argument(variable->name), argument(&variable->vendor)}
    };
    enum status status = call_service(RUNTIME_NEXT_VARIABLE, &call);
    variable->name[RUNTIME_NAME_CHARS - 1] = 0;
    if (status == STATUS_OK && memcmp(&before, variable, sizeof(before)) == 0)
        return STATUS_INVALID;
    return status;
}

enum status runtime_set_variable(const struct runtime_variable *variable, uint32_t attributes, const void *data,
                                 uint64_t size_bytes)
{
    struct firmware_call call = {
        .arguments = {argument(variable->name), argument(&variable->vendor), attributes, size_bytes, argument(data)}
    };
    return call_service(RUNTIME_SET_VARIABLE, &call);
}

bool runtime_contains_fault(void)
{
    struct firmware_call call = {.root = runtime.space.root, .stack_top = runtime.stack_top, .function = 0};
    spinlock_acquire(&runtime.lock);
    bool returned = firmware_call(&call);
    spinlock_release(&runtime.lock);
    return !returned && call.fault.vector == VECTOR_PAGE_FAULT && call.fault.fault_rip == 0;
}

enum status runtime_reset(enum efi_reset_type type)
{
    struct firmware_call call = {
        .arguments = {(uint64_t)type, EFI_SUCCESS, 0, 0}
    };
    enum status status = call_service(RUNTIME_RESET, &call);
    return status == STATUS_OK ? STATUS_DEVICE : status;
}
