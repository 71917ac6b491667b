/* A generator that is none: see rng.h. */
#include "tests/firmware/rng.h"

#include "boot/efi.h"
#include "kernel/base/string.h"
#include "tests/firmware/calls.h"
#include "tests/firmware/firmware.h"

static efi_status EFIAPI fails(struct efi_rng *self, const struct efi_guid *algorithm, uint64_t size_bytes,
                               uint8_t *out)
{
    (void)self;
    (void)algorithm;
    memset(out, 0x5A, size_bytes / 2);
    return EFI_DEVICE_ERROR;
}

static efi_status EFIAPI is_constant(struct efi_rng *self, const struct efi_guid *algorithm, uint64_t size_bytes,
                                     uint8_t *out)
{
    (void)self;
    (void)algorithm;
    memset(out, 0, size_bytes);
    return EFI_SUCCESS;
}

static struct efi_rng shown; /* without a function: there is none */

/* What the kernel's call reaches. */
static efi_status EFIAPI locate_protocol(const struct efi_guid *protocol, void *registration, void **interface)
{
    static const struct efi_guid guid = EFI_GUID_RNG;
    if (!efi_guid_equal(protocol, &guid))
        return firmware.real_boot.locate_protocol(protocol, registration, interface);
    *interface = &shown;
    return shown.get_rng != NULL ? EFI_SUCCESS : EFI_NOT_FOUND;
}

bool rng_wish(const char *what)
{
    if (strcmp(what, "fails") == 0)
        shown.get_rng = fails;
    else if (strcmp(what, "constant") == 0)
        shown.get_rng = is_constant;
    else if (strcmp(what, "absent") != 0)
        return false;
    calls_replace(calls_find("LocateProtocol"), (uint64_t)(uintptr_t)locate_protocol);
    return true;
}
