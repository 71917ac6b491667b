/*
 * The exit loop: see exit.h. After the first ExitBootServices, failed or not, the firmware may have shut down anything:
 * EDK2 stops its timer before it looks at the key. So nothing but the two services is called: no print, no allocation.
 */
#include "boot/exit.h"

#include "boot/instruction.h"

/* Through the table as it is now, which the firmware may have taken away. */
static efi_status call_exit(const struct efi_system_table *system_table, void *image_handle, uint64_t key)
{
    const struct efi_boot_services *services = system_table->boot_services;
    if (services == NULL || services->exit_boot_services == NULL)
        return EFI_UNSUPPORTED;
    return services->exit_boot_services(image_handle, key);
}

struct exit_outcome exit_boot_services(struct efi_system_table *system_table, void *image_handle,
                                       struct firmware_map *map)
{
    struct exit_outcome outcome = {.result = EXIT_NEVER_AGREED, .status = EFI_INVALID_PARAMETER};
    /* INVALID_PARAMETER means a stale key (7.4.6) and is worth a fresh map; any other error will not go away. */
    while (outcome.status == EFI_INVALID_PARAMETER && outcome.attempts < EXIT_ATTEMPTS_MAX) {
        outcome.map_status = firmware_map_get(system_table, map);
        if (outcome.map_status != STATUS_OK) {
            /* Before the first ExitBootServices the firmware is whole: we can still say why, and return to it. */
            outcome.result = outcome.attempts == 0 ? EXIT_REFUSED : EXIT_NO_MAP;
            outcome.status = map->status;
            return outcome;
        }
        outcome.attempts++;
        outcome.status = call_exit(system_table, image_handle, map->key);
    }
    if (outcome.status == EFI_SUCCESS) {
        /*
         * UEFI promises nothing about the interrupt flag here (firmware-quirk 18), and the handlers are no longer ours
         * to trust.
         */
        outcome.interrupts_were_on = instruction_interrupts_disable();
        outcome.result = EXIT_DONE;
    } else if (outcome.status != EFI_INVALID_PARAMETER) {
        outcome.result = EXIT_ERROR;
    }
    return outcome;
}
