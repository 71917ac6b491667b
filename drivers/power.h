/*
 * Power off and reset by hardware alone: ACPI's S5, the reset register, port 0xCF9, the keyboard controller. And the
 * power button, where it is a fixed event.
 *
 * Owns: struct power, gathered once from the FADT, DSDT and SSDTs so that a panic can use it without parsing.
 * Rules: every step is bounded and returns when it did not work; the caller announces and chains them. Interrupts are
 * off, no other CPU is in here. Source: ACPI 6.5, 4.8.3.1 (PM1 events), 4.8.3.2 (PM1 control), 4.8.3.6 (reset
 * register), 7.4.2 (\_Sx).
 */
#ifndef KEEL_DRIVERS_POWER_H
#define KEEL_DRIVERS_POWER_H

#include "drivers/acpi.h"

struct power {
    struct acpi_fadt fadt; /* zeros without ACPI: then no register is there to be written */
    bool has_s5;
    uint8_t sleep_type_a; /* SLP_TYP for PM1a and PM1b */
    uint8_t sleep_type_b;
    volatile uint8_t *reset;         /* FADT's registers, where they are in memory: mapped by whoever calls */
    volatile uint8_t *sleep_control; /* power_init, afterwards; NULL: that way is unsupported */
};

/* `fadt` may be NULL (no ACPI). `acpi`: its tables, of which the DSDT or else an SSDT tells how to turn off. */
void power_init(struct power *power, const struct acpi_fadt *fadt, const struct acpi *acpi);

/* Looks for Name (_S5_, Package () {a, b, ...}) in AML bytes. STATUS_NOT_FOUND: no such thing, or cut off. */
enum status power_find_s5(const uint8_t *aml, uint64_t size_bytes, uint8_t *sleep_type_a,
                          uint8_t *sleep_type_b) MUST_CHECK;

/*
 * Turns ACPI on, all of its events off, and the button's on: from here on a press is an interrupt on ACPI's line.
 * STATUS_UNSUPPORTED: the button is AML's business; STATUS_NOT_FOUND: no registers; STATUS_TIMEOUT: the firmware keeps
 * ACPI off.
 */
enum status power_button_start(const struct power *power) MUST_CHECK;

/* True: it has been pressed since the last time; acknowledged. For the handler of that interrupt. */
bool power_button_take(const struct power *power);

/* Ways down, each returns when the machine is still running. STATUS_NOT_FOUND: this machine lacks it. */
enum status power_off_acpi(const struct power *power);
enum status power_reset_acpi(const struct power *power);
enum status power_reset_cf9(const struct power *power);
enum status power_reset_keyboard(const struct power *power);

#endif
