/*
 * What this machine is made of, and the wiring of drivers to the kernel.
 *
 * Owns: struct machine: ACPI's view of it, its PCI functions, its timers and interrupt controllers.
 * Rules: the functions stand in the order in which kernel/main.c calls them. Every part may be absent; what is missing
 * is logged and done without.
 */
#ifndef KEEL_KERNEL_MACHINE_H
#define KEEL_KERNEL_MACHINE_H

#include "drivers/acpi.h"
#include "drivers/hpet.h"
#include "drivers/ioapic.h"
#include "drivers/pci.h"
#include "drivers/pm_timer.h"
#include "drivers/power.h"
#include "kernel/time.h"

struct machine {
    struct acpi acpi;
    bool has_acpi;
    struct acpi_madt madt;
    bool has_madt;
    struct acpi_fadt fadt;
    bool has_fadt;
    struct power power;
    struct hpet hpet;
    struct pm_timer pm_timer;
    struct time_reference clocks[2]; /* those that there are, the better one first */
    uint32_t clock_count;
    struct ioapic ioapics[ACPI_IOAPICS_MAX];
    uint32_t ioapic_count;
    struct pci pci;
    bool console_polled; /* a device that keys come from has no interrupt of its own */
};

/* Constant once kernel_main has reached the monitor. */
const struct machine *machine_facts(void);

/*
 * Registers where a table or a device says that they are, mapped uncached for good. NULL: that is no address, or RAM,
 * or there is no memory for page tables.
 */
void *machine_map_registers(uint64_t address, uint64_t size_bytes) MUST_CHECK;

/* The first serial port, if there is one, becomes a console. */
void machine_start_serial(void);

/* ACPI: the tables, MADT, HPET, FADT with the PM timer. (SRAT waits for numa_start, MCFG for machine_quiesce.) */
void machine_discover(void);

/* 8259s off, local APIC on, I/O APIC; the serial port's interrupt routed; interrupts on. */
void machine_start_interrupts(void);

/*
 * From here on this CPU gets an NMI 18 times a second, until the other one is called. False: no I/O APIC takes the
 * PIT's line.
 */
bool machine_start_nmi_ticks(void);
void machine_stop_nmi_ticks(void);

/*
 * ACPI's interrupt arrives on this CPU as `vector`; false: nobody says which line it is, or no I/O APIC takes it. And
 * the line is silent again, which a handler may ask for.
 */
bool machine_route_sci(uint8_t vector);
void machine_mask_sci(void);

/* The TSC calibrated, timer interrupts. */
void machine_start_time(void);

/* Every CPU that the MADT lists and cpus= allows. */
void machine_start_cpus(void);

/* PCI enumerated; bus mastering off on everything but bridges and displays. */
void machine_quiesce(void);

/*
 * The PS/2 keyboard, with its interrupt; the layout of keymap=. Firmware that emulates a PS/2 keyboard with a USB one
 * stops when the USB controller is taken from it: after that, so that nothing is found that is about to vanish.
 */
void machine_start_keyboard(void);

#endif
