/*
 * The ways down, in the order in which they are tried.
 *
 * There are several because each is broken on some machine. Hardware comes first, by how often it works, and the
 * firmware late: ResetSystem is the service that crashes on most machines (firmware-quirk 58). Machines with
 * hardware-reduced ACPI are the exception: theirs may have none of the registers, or have them do nothing, and there
 * the firmware is who knows (ACPI 6.5, 4.1).
 */
#include "kernel/shutdown.h"

#include "kernel/console.h"
#include "kernel/machine.h"
#include "kernel/runtime.h"
#include "kernel/tests/tests.h"
#include "kernel/time.h"
#include "kernel/x86/debug_exit.h"
#include "kernel/x86/idt.h"
#include "kernel/x86/interrupts.h"

/* How long the firmware's way may take to bite after it came back; the others wait by themselves. */
#define FIRMWARE_WAIT_US 500000u

struct way {
    const char *name;
    enum status (*go)(const struct power *power); /* returns when the machine is still running; NULL: ResetSystem */
};

static enum status reset_by_fault(const struct power *power)
{
    (void)power;
    idt_triple_fault();
}

static const struct way ways_to_reset[] = {
    {"ACPI reset register", power_reset_acpi    },
    {"port 0xCF9",          power_reset_cf9     },
    {"keyboard controller", power_reset_keyboard},
    {"firmware",            NULL                },
    {"triple fault",        reset_by_fault      },
};
static const struct way ways_off[] = {
    {"ACPI S5",  power_off_acpi},
    {"firmware", NULL          },
};

/* Both return why it did not work. Interrupts are on here: the watch over a firmware call is another CPU's work. */
static const char *ask_firmware(enum efi_reset_type type)
{
    enum status status = runtime_reset(type);
    if (status == STATUS_OK)
        time_delay_us(FIRMWARE_WAIT_US);
    return status == STATUS_OK ? "nothing happened" : runtime_failure(RUNTIME_RESET, status);
}

static const char *ask_hardware(const struct way *way)
{
    uint64_t flags = interrupts_save_and_disable();
    enum status status = way->go(&machine_facts()->power);
    interrupts_restore(flags);
    return status == STATUS_TIMEOUT ? "nothing happened" : status_name(status);
}

/* Each is announced before it is tried: the last line on a machine that hangs names the culprit. */
static void go_down(const char *command, const struct way *ways, unsigned count, enum efi_reset_type type)
{
    bool firmware_first = machine_facts()->power.fadt.hardware_reduced;
    for (unsigned i = 0; i < 2 * count; i++) {
        /* Twice through the table: first the firmware's way alone, or all; then what was left out. */
        const struct way *way = &ways[i % count];
        bool early = !firmware_first || way->go == NULL;
        if (early != (i < count))
            continue;
        print("%s: %s\n", command, way->name);
        print("%s: %s: %s\n", command, way->name, way->go == NULL ? ask_firmware(type) : ask_hardware(way));
    }
    print("%s: this machine has to be turned off by hand\n", command);
}

void shutdown_reboot(void)
{
    go_down("reboot", ways_to_reset, ARRAY_COUNT(ways_to_reset), EFI_RESET_COLD);
}

void shutdown_off(void)
{
    if (tests_failed_count() != 0) {
        print("poweroff: %u tests failed\n", tests_failed_count());
        debug_exit(DEBUG_EXIT_TESTS_FAILED); /* under QEMU the end, with a status; elsewhere it does nothing */
    }
    go_down("poweroff", ways_off, ARRAY_COUNT(ways_off), EFI_RESET_SHUTDOWN);
}
