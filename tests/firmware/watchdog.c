/* Watching the watchdog: see watchdog.h. */
#include "tests/firmware/watchdog.h"

#include "tests/firmware/calls.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/serial.h"
#include "tests/firmware/tco.h"

#define OUR_CODE 0x10000u /* codes below are the firmware's own */

static uint64_t armed_seconds;

/* What the kernel's call reaches. */
static efi_status EFIAPI set_watchdog_timer(uint64_t seconds, uint64_t code, uint64_t data_size_bytes,
                                            const uint16_t *data)
{
    armed_seconds = seconds;
    if (seconds == 0)
        tco_disarm();
    return firmware.real_boot.set_watchdog_timer(seconds, code, data_size_bytes, data);
}

bool watchdog_arm(uint64_t seconds)
{
    calls_replace(calls_find("SetWatchdogTimer"), (uint64_t)(uintptr_t)set_watchdog_timer);
    return set_watchdog_timer(seconds, OUR_CODE, 0, NULL) == EFI_SUCCESS && tco_arm(seconds);
}

void watchdog_look(void)
{
    if (armed_seconds != 0)
        serial_say("the boot watchdog is still armed at %llu s", (unsigned long long)armed_seconds);
}
