/*
 * ACPI's static tables: finding, checking and reading them. No AML.
 *
 *     acpi_tables.c   RSDP, RSDT or XSDT, the list of all tables with their extents
 *     acpi_madt.c     CPUs, I/O APICs, interrupt overrides
 *     acpi_fadt.c     fixed hardware: PM timer, reset register, sleep registers; FACS and DSDT
 *     acpi_misc.c     HPET, MCFG, SRAT, BGRT
 *     acpi_read.h     what these share
 *
 * Owns: struct acpi (the list) and the structs that the parsers fill.
 * Rules: every byte is firmware's and nothing is trusted: lengths are bounded before they are used, checksums are
 * checked, entry lengths of 0 end a walk. Tables are read through a function that the caller supplies, so the whole
 * runs on the host. Section numbers are those of the ACPI specification 6.5.
 */
#ifndef KEEL_DRIVERS_ACPI_H
#define KEEL_DRIVERS_ACPI_H

#include "kernel/base/range.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* How many tables are listed, and how long one may be; real machines have 20 to 60, the longest about 300 KiB. */
#define ACPI_TABLES_MAX      128u
#define ACPI_TABLE_BYTES_MAX (16 * MIB)

/*
 * Makes `size_bytes` of physical memory readable and returns a pointer that stays good, or NULL when there is no such
 * memory. Called more than once for the same address; never asked to undo.
 */
struct acpi_reader {
    const void *(*map)(void *context, struct paddr address, uint64_t size_bytes);
    void *context;
};

/* One table that the RSDT, XSDT or FADT points to. */
struct acpi_table {
    char signature[4];
    uint8_t revision;
    bool valid;           /* readable, length sensible, checksum right */
    struct prange extent; /* header only when the length is not sensible */
    const uint8_t *bytes; /* mapped over the extent; NULL when not valid */
};

struct acpi {
    struct acpi_reader reader;
    char oem_id[7];                            /* terminated */
    struct acpi_table tables[ACPI_TABLES_MAX]; /* the RSDP first, as "RSD "; XSDT and RSDT are there too */
    uint32_t table_count;
    uint32_t bad_count; /* unreadable or not valid */
};

/*
 * Reads the list of tables that hangs on the RSDP at `address`. STATUS_NOT_FOUND: address 0 or unreadable;
 * STATUS_INVALID: no valid RSDP, or neither XSDT nor RSDT is. Single bad tables are counted, not an error.
 */
enum status acpi_init(struct acpi *acpi, struct acpi_reader reader, struct paddr address) MUST_CHECK;

/* The first valid table of that signature ("APIC"), or NULL, which the parsers below take for an invalid table. */
const struct acpi_table *acpi_find(const struct acpi *acpi, const char signature[4]);

/* ---- MADT (5.2.12) ---- */

#define ACPI_CPUS_MAX      4096u
#define ACPI_IOAPICS_MAX   32u
#define ACPI_OVERRIDES_MAX 32u

struct acpi_cpu {
    uint32_t apic_id;
    bool enabled; /* false: online-capable only (5.2.12.2): it may be added later, it is not started */
};

struct acpi_ioapic {
    uint64_t address;
    uint32_t gsi_base;
};

/* An ISA interrupt that is not wired to the global interrupt of the same number (5.2.12.5). */
struct acpi_override {
    uint32_t gsi;
    uint8_t isa_irq;
    bool level; /* resolved: what "conforms to bus" means for ISA is edge, active high */
    bool active_low;
    bool trigger_told; /* it does not merely conform */
    bool polarity_told;
};

struct acpi_madt {
    struct acpi_cpu *cpus; /* the caller's, cpu_capacity entries; CPUs beyond are left out */
    uint32_t cpu_capacity;
    uint32_t cpu_count;     /* usable, without duplicates, in the table's order */
    uint32_t cpus_disabled; /* neither enabled nor online-capable, or with an ID that is none */
    uint32_t cpus_repeated; /* the same APIC ID again */
    struct acpi_ioapic ioapics[ACPI_IOAPICS_MAX];
    uint32_t ioapic_count;
    struct acpi_override overrides[ACPI_OVERRIDES_MAX];
    uint32_t override_count;
};

/* An upper bound of cpu_count, to allocate by; at most ACPI_CPUS_MAX. 0 for a table that is not a MADT. */
uint32_t acpi_madt_cpus(const struct acpi_table *table);

/* Fills *madt. An entry whose length lies ends the walk; what came before counts. STATUS_INVALID: not a MADT. */
enum status acpi_madt_parse(const struct acpi_table *table, struct acpi_cpu *cpus, uint32_t cpu_capacity,
                            struct acpi_madt *madt) MUST_CHECK;

/* Where ISA interrupt `isa_irq` arrives and how: the override, or itself, edge and active high. */
struct acpi_override acpi_madt_isa(const struct acpi_madt *madt, uint8_t isa_irq);

/* The same for ACPI's own interrupt, as the FADT names it: level and active low unless the override says otherwise. */
struct acpi_override acpi_madt_sci(const struct acpi_madt *madt, uint16_t sci_interrupt);

/* ---- FADT (5.2.9) ---- */

enum acpi_space { /* 5.2.3.2 */
                  ACPI_SPACE_MEMORY = 0,
                  ACPI_SPACE_IO = 1,
                  ACPI_SPACE_PCI = 2,
};

/* A generic address (5.2.3.2). */
struct acpi_register {
    uint64_t address;
    uint8_t space; /* enum acpi_space */
};

/* Of general-purpose events: status registers in the first half, enable registers in the second (4.8.4.1). */
#define ACPI_EVENT_BLOCKS 2u

/* Registers in I/O ports. */
struct acpi_block {
    uint16_t port; /* 0: there is none */
    uint8_t size_bytes;
};

/* PM registers are given when they are I/O ports; in memory they are not driven. 0: there is none, or it is a lie. */
struct acpi_fadt {
    uint64_t dsdt;
    uint64_t facs;
    uint16_t pm1a_event_port; /* status; the enable register is half of pm1_event_bytes behind */
    uint16_t pm1b_event_port;
    uint8_t pm1_event_bytes;
    uint16_t pm1a_control_port;
    uint16_t pm1b_control_port;
    struct acpi_block general_events[ACPI_EVENT_BLOCKS];
    uint16_t sci_interrupt; /* 0: not told */
    uint16_t pm_timer_port;
    struct acpi_register sleep_control; /* hardware-reduced machines only (4.8.3.7), which have none of the above */
    uint16_t smi_command_port;          /* 0: ACPI mode needs no enabling */
    uint8_t acpi_enable;
    uint8_t reset_value;
    struct acpi_register reset;
    bool pm_timer_wide;   /* 32 bits rather than 24 */
    bool reset_supported; /* RESET_REG_SUP, and the register has an address */
    bool hardware_reduced;
    bool button_is_method; /* the power button is AML's business, or there is none */
};

/* STATUS_INVALID: not a FADT, or too short to be one. */
enum status acpi_fadt_parse(const struct acpi_table *table, struct acpi_fadt *fadt) MUST_CHECK;

/* ---- HPET, MCFG, SRAT, BGRT ---- */

/* Physical address of the HPET's registers. STATUS_INVALID: no HPET table; STATUS_NOT_FOUND: not in memory, or 0. */
enum status acpi_hpet_parse(const struct acpi_table *table, struct paddr *registers) MUST_CHECK;

/* One ECAM window (PCI Firmware 3.3, 4.1.2). `base` is that of bus 0, whatever first_bus is. */
struct acpi_ecam {
    uint64_t base;
    uint16_t segment;
    uint8_t first_bus;
    uint8_t last_bus;
};

/* Fills up to `capacity` windows; returns how many. Senseless ones (base 0, last < first) are left out. */
uint32_t acpi_mcfg_parse(const struct acpi_table *table, struct acpi_ecam *windows, uint32_t capacity);

/* One entry of the SRAT (5.2.16): either a CPU or a memory range belongs to a proximity domain. */
struct acpi_affinity {
    uint32_t domain;
    bool is_memory;
    uint32_t apic_id;    /* CPU only */
    struct prange range; /* memory only */
    uint64_t next;       /* where the walk goes on; 0: it begins */
};

/*
 * The next enabled entry of the table that says something; false: there is none. As it stands there: ranges may
 * overlap, a CPU may be in two domains. A walk: for (struct acpi_affinity entry = {0}; acpi_srat_next(table, &entry);)
 */
bool acpi_srat_next(const struct acpi_table *table, struct acpi_affinity *entry);

/* The boot logo's extent (5.2.22: BGRT points to a BMP, whose own header has its size). STATUS_NOT_FOUND: none. */
enum status acpi_bgrt_parse(const struct acpi *acpi, const struct acpi_table *table, struct prange *image) MUST_CHECK;

#endif
