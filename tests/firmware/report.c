/* The moments of a report: see report.h. */
#include "tests/firmware/report.h"

#include "kernel/base/string.h"
#include "tests/firmware/calls.h"
#include "tests/firmware/firmware.h"

static const uint16_t trigger[] = u"ADVERSARY";

static bool is_trigger(const uint16_t *name)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(trigger); i++) {
        if (name[i] != trigger[i])
            return false;
    }
    return true;
}

static efi_status EFIAPI set_variable(const uint16_t *name, const struct efi_guid *vendor, uint32_t attributes,
                                      uint64_t data_size_bytes, const void *data)
{
    if (!is_trigger(name))
        return firmware.real_runtime.set_variable(name, vendor, attributes, data_size_bytes, data);
    calls_report();
    return EFI_SUCCESS;
}

static void EFIAPI reset_system(enum efi_reset_type type, efi_status status, uint64_t data_size_bytes, const void *data)
{
    calls_report();
    firmware.real_runtime.reset_system(type, status, data_size_bytes, data);
}

void report_install(void)
{
    calls_replace(calls_find("SetVariable"), (uint64_t)(uintptr_t)set_variable);
    calls_replace(calls_find("ResetSystem"), (uint64_t)(uintptr_t)reset_system);
}
