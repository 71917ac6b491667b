/*
 * The ACPI registers of Intel's ICH9 south bridge, which QEMU's q35 machine has too: where they are when the FADT
 * does not say.
 *
 * U-Boot on q35 passes on ACPI tables that were made before any base was programmed: its FADT has all registers at 0.
 * Source: Intel I/O Controller Hub 9 datasheet, LPC interface (D31:F0), PMBASE and ACPI_CNTL.
 */
#ifndef KEEL_DRIVERS_ICH9_H
#define KEEL_DRIVERS_ICH9_H

#include "drivers/pci.h"

/* Offsets of the block: PM1 status and enable, PM1 control. */
#define ICH9_PM1_EVENT   0x00u
#define ICH9_PM1_CONTROL 0x04u

/* The block's first port; it is given one and turned on if firmware did neither. False: this is no ICH9. */
bool ich9_pm_block(const struct pci *pci, uint16_t *port);

#endif
