/*
 * The adversary: misbehaving firmware, between the real one and an unmodified kernel.
 *
 * It lives twice. Firmware starts it as an application, whose memory is the kernel's to reclaim. So the application
 * loads its own file again as a runtime driver, which firmware puts into runtime memory; that one reads the script,
 * patches the service tables and starts \keel\keel.efi. (EDK2 does not split the memory of a driver that comes so late:
 * its memory-attributes table has one entry for all of us, neither read-only nor without execution. That is a
 * misbehaviour of its own, seen in the wild, and every row has it.)
 */
#include "tests/firmware/calls.h"
#include "tests/firmware/exit.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/harm.h"
#include "tests/firmware/image.h"
#include "tests/firmware/la57.h"
#include "tests/firmware/report.h"
#include "tests/firmware/script.h"
#include "tests/firmware/serial.h"
#include "tests/firmware/space.h"
#include "tests/firmware/virtual.h"
#include "kernel/base/string.h"

/* Microsoft PE format: e_lfanew at 0x3C; Subsystem at 0x44 of the optional header, which follows 24 bytes. */
#define PE_HEADER_AT      0x3Cu
#define SUBSYSTEM_AT      (24u + 0x44u)
#define SUBSYSTEM_RUNTIME 12u

efi_status EFIAPI efi_main(void *image_handle, struct efi_system_table *system_table);

static struct efi_loaded_image *loaded_image(void *handle)
{
    static const struct efi_guid guid = EFI_GUID_LOADED_IMAGE;
    void *interface = NULL;
    return firmware.real_boot.handle_protocol(handle, &guid, &interface) == EFI_SUCCESS ? interface : NULL;
}

/* An image from memory, told that it comes from our volume. NULL after saying why not. */
static struct efi_loaded_image *load(const void *bytes, uint64_t size_bytes, void **handle)
{
    efi_load_image load_image = (efi_load_image)firmware.real_boot.load_image;
    efi_status status = load_image(false, firmware.image, NULL, bytes, size_bytes, handle);
    struct efi_loaded_image *loaded = status == EFI_SUCCESS ? loaded_image(*handle) : NULL;
    if (loaded == NULL)
        serial_say("LoadImage: 0x%llx", (unsigned long long)status);
    else
        loaded->device_handle = firmware.volume;
    return loaded;
}

static efi_status start(void *handle)
{
    return ((efi_start_image)firmware.real_boot.start_image)(handle, NULL, NULL);
}

/* The first life. */
static efi_status start_again(void)
{
    uint64_t size_bytes;
    uint32_t header;
    uint16_t subsystem = SUBSYSTEM_RUNTIME;
    void *handle;
    uint8_t *bytes = firmware_file(u"\\EFI\\BOOT\\BOOTX64.EFI", &size_bytes);
    if (bytes == NULL)
        return EFI_LOAD_ERROR;
    memcpy(&header, bytes + PE_HEADER_AT, sizeof(header));
    memcpy(bytes + header + SUBSYSTEM_AT, &subsystem, sizeof(subsystem));
    if (load(bytes, size_bytes, &handle) == NULL)
        return EFI_LOAD_ERROR;
    return start(handle);
}

/* Returns what the kernel returned: it refused. */
static efi_status start_kernel(const void *bytes, uint64_t size_bytes)
{
    void *handle;
    image_before_load();
    struct efi_loaded_image *kernel = load(bytes, size_bytes, &handle);
    if (kernel == NULL)
        return EFI_LOAD_ERROR;
    calls_watch(vaddr_of(kernel->image_base).value, kernel->image_size_bytes);
    image_loaded(kernel);
    space_start();
    la57_start();
    serial_say("starting the kernel");
    efi_status status = start(handle);
    serial_say("the kernel returned 0x%llx", (unsigned long long)status);
    return status;
}

/* The second life. */
static efi_status play(void)
{
    uint64_t script_bytes;
    uint64_t kernel_bytes;
    char *script = firmware_file(u"\\keel\\adversary.txt", &script_bytes);
    const void *kernel = firmware_file(u"\\keel\\keel.efi", &kernel_bytes);
    if (script == NULL || kernel == NULL || !harm_prepare()) {
        serial_say("no \\keel\\adversary.txt, no \\keel\\keel.efi, or no memory");
        return EFI_NOT_FOUND;
    }
    exit_install();
    virtual_install();
    report_install();
    if (!script_play(script))
        return EFI_INVALID_PARAMETER;
    calls_install();
    return start_kernel(kernel, kernel_bytes);
}

efi_status EFIAPI efi_main(void *image_handle, struct efi_system_table *system_table)
{
    if (!firmware_open(image_handle, system_table))
        return EFI_UNSUPPORTED;
    if (loaded_image(image_handle)->image_code_type != EFI_RUNTIME_SERVICES_CODE)
        return start_again();
    efi_status status = play();
    firmware.real_runtime.reset_system(EFI_RESET_SHUTDOWN, status, 0, NULL);
    return status;
}
