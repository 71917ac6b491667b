/*
 * Leaving the firmware: GetMemoryMap and ExitBootServices until they agree (design rules 1 to 4; UEFI 7.4.6).
 */
#ifndef KEEL_BOOT_EXIT_H
#define KEEL_BOOT_EXIT_H

#include "boot/efi.h"
#include "boot/failure.h"
#include "boot/firmware_map.h"

/* A handler that allocates makes the first key stale on real machines; none has needed more than four tries. */
#define EXIT_ATTEMPTS_MAX 16u

/* The three from which there is no way back are codes of failure.h. */
enum exit_result {
    EXIT_DONE = 0,                                 /* boot services are over; interrupts are off */
    EXIT_NEVER_AGREED = FAILURE_EXIT_NEVER_AGREED, /* every key was stale */
    EXIT_ERROR = FAILURE_EXIT_ERROR,   /* ExitBootServices failed otherwise than by a stale key */
    EXIT_NO_MAP = FAILURE_EXIT_NO_MAP, /* no map after a failed ExitBootServices: nothing may be called any more */
    EXIT_REFUSED, /* no map, and ExitBootServices was not called: the firmware is whole, its console works */
};

struct exit_outcome {
    enum exit_result result;
    uint32_t attempts;          /* calls of ExitBootServices */
    efi_status status;          /* of the last call, be it GetMemoryMap or ExitBootServices */
    enum status map_status;     /* of the last firmware_map_get */
    bool interrupts_were_on;    /* after success, which should have turned them off */
};

/* Calls nothing else of the firmware's, always through the system table as it is at that moment. */
struct exit_outcome exit_boot_services(struct efi_system_table *system_table, void *image_handle,
                                       struct firmware_map *map);

#endif
