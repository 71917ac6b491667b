/*
 * The firmware's runtime services, fenced: in an address space, on a stack, and behind a lock of their own.
 *
 * Owns: that address space (kernel/runtime_map.h says what is in it), the stack, and which services are off and why.
 * Rules: one call at a time; every pointer passed lies in the kernel half, which the space shares. Tables are read
 * again at every call, because firmware swaps its pointers (rule 3, firmware-quirk 57). A fault inside a service
 * turns that service off for good and is an error to the caller, nothing more (rule 15). A service that
 * EFI_RT_PROPERTIES masks is never called. Not from interrupt handlers; from a panic, wherever it came
 * (runtime_panic_begin). Source: UEFI 2.10, chapter 8.
 */
#ifndef KEEL_KERNEL_RUNTIME_H
#define KEEL_KERNEL_RUNTIME_H

#include "kernel/base/efi.h"
#include "kernel/base/status.h"

struct firmware_call;

/* A name in UCS-2, its terminator included. Longer ones end a listing with STATUS_LIMIT. */
#define RUNTIME_NAME_CHARS 512u

/* Which variable: where runtime_next_variable goes on from. All zeros: before the first. */
struct runtime_variable {
    uint16_t name[RUNTIME_NAME_CHARS];
    struct efi_guid vendor;
};

enum runtime_service {
    RUNTIME_GET_TIME,
    RUNTIME_GET_VARIABLE,
    RUNTIME_NEXT_VARIABLE,
    RUNTIME_SET_VARIABLE,
    RUNTIME_QUERY_VARIABLES,
    RUNTIME_RESET,
    RUNTIME_SERVICE_COUNT
};

/*
 * Builds the address space, believes the memory-attributes table as far as it deserves it. After memory_reclaim,
 * once. What is wrong is logged, and the services are then off.
 */
void runtime_start(void);

/*
 * From here on calls take no lock and map nothing, for the CPU that panics. What was under way when it came, here or on
 * a CPU that is stopped by now, leaves the firmware in a state that nobody knows: then all services are off.
 */
void runtime_panic_begin(void);

/* Why `service` is not called, a constant string; NULL: it is. */
const char *runtime_off_reason(enum runtime_service service);

/* Why a call of `service` that ended with `status` did not work: that it is off, or the status. */
const char *runtime_failure(enum runtime_service service, enum status status);

/* "GetTime", ... */
const char *runtime_service_name(enum runtime_service service);

/*
 * Each of these: STATUS_UNSUPPORTED when the service is off, STATUS_FAULT when it faulted this time, else what the
 * firmware said (kernel/runtime_value.h).
 */

/* STATUS_INVALID also when what the firmware said is no time. */
enum status runtime_get_time(struct efi_time *time) MUST_CHECK;

/* *size_bytes: in, the buffer's; out, the value's. STATUS_LIMIT: the buffer is too small. */
enum status runtime_get_variable(const struct runtime_variable *variable, uint32_t *attributes, void *data,
                                 uint64_t *size_bytes) MUST_CHECK;

/* Steps *variable on. STATUS_NOT_FOUND after the last; STATUS_INVALID when the firmware stays where it is. */
enum status runtime_next_variable(struct runtime_variable *variable) MUST_CHECK;

/* Names a variable of Keel's own, so that none of the firmware's is ever touched. Errors as runtime_value_name. */
enum status runtime_own_variable(struct runtime_variable *variable, const char *name) MUST_CHECK;

/* After the exit only variables with all three can be set (UEFI 2.10, 8.2): there are no volatile ones at runtime. */
#define RUNTIME_ATTRIBUTES (EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS)

/* Size 0 deletes. `attributes`: RUNTIME_ATTRIBUTES, or 0 to delete. */
enum status runtime_set_variable(const struct runtime_variable *variable, uint32_t attributes, const void *data,
                                 uint64_t size_bytes) MUST_CHECK;

/* Where variables with RUNTIME_ATTRIBUTES are stored. The numbers are what the firmware says, and no more than that. */
struct runtime_storage {
    uint64_t total_bytes;
    uint64_t free_bytes;
    uint64_t variable_bytes_max; /* of one variable, with its name */
};
enum status runtime_query_storage(struct runtime_storage *storage) MUST_CHECK;

/* Returns only when it did not work, also with STATUS_OK. */
enum status runtime_reset(enum efi_reset_type type);

/* Where a call of `function` takes place. Beyond runtime.c only for tests, which call what is no service. */
void runtime_prepare_call(struct firmware_call *call, uint64_t function);

#endif
