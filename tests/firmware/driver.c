/* Loading the driver: see driver.h. */
#include "tests/firmware/driver.h"

#include "tests/firmware/firmware.h"

/* driver_image.asm */
extern const uint8_t driver_image[];
extern const uint8_t driver_image_end[];

bool driver_load(void)
{
    efi_load_image load = (efi_load_image)firmware.real_boot.load_image;
    efi_start_image start = (efi_start_image)firmware.real_boot.start_image;
    uint64_t size_bytes = (uint64_t)(driver_image_end - driver_image);
    void *handle;
    return load(false, firmware.image, NULL, driver_image, size_bytes, &handle) == EFI_SUCCESS &&
           start(handle, NULL, NULL) == EFI_SUCCESS;
}
