/*
 * drivers/acpi_*.c over a few pages of "physical memory" with tables built by hand, good ones and bad ones. Every
 * mapping is an exact copy on the heap, so that ASan sees a parser that reads one byte more than it asked for.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/acpi.h"

#define MEMORY_BASE  0x7F000000ull
#define MEMORY_BYTES 0x40000u
#define MAPPINGS_MAX 1024u

#define RSDP (MEMORY_BASE + 0x10)
#define RSDT (MEMORY_BASE + 0x100)
#define XSDT (MEMORY_BASE + 0x200)
#define FADT (MEMORY_BASE + 0x1000)
#define MADT (MEMORY_BASE + 0x2000)
#define MISC (MEMORY_BASE + 0x3000)
#define DSDT (MEMORY_BASE + 0x4000)
#define FACS (MEMORY_BASE + 0x5000)

struct machine {
    uint8_t memory[MEMORY_BYTES];
    void *mappings[MAPPINGS_MAX];
    uint32_t mapping_count;
    struct acpi acpi;
};

static const void *map(void *context, struct paddr address, uint64_t size_bytes)
{
    struct machine *m = context;
    if (address.value < MEMORY_BASE || address.value - MEMORY_BASE > MEMORY_BYTES)
        return NULL;
    if (size_bytes > MEMORY_BYTES - (address.value - MEMORY_BASE))
        return NULL;
    assert_true(m->mapping_count < MAPPINGS_MAX);
    void *copy = malloc(size_bytes);
    memcpy(copy, m->memory + (address.value - MEMORY_BASE), size_bytes);
    m->mappings[m->mapping_count++] = copy;
    return copy;
}

static uint8_t *at(struct machine *m, uint64_t address)
{
    return m->memory + (address - MEMORY_BASE);
}

static void put(struct machine *m, uint64_t address, uint64_t value, unsigned size_bytes)
{
    memcpy(at(m, address), &value, size_bytes); /* little-endian, as the host */
}

/* Makes the bytes add up to 0 by the one at `checksum`. */
static void fix(struct machine *m, uint64_t address, uint64_t size_bytes, uint64_t checksum)
{
    uint8_t sum = 0;
    *at(m, checksum) = 0;
    for (uint64_t i = 0; i < size_bytes; i++)
        sum = (uint8_t)(sum + *at(m, address + i));
    *at(m, checksum) = (uint8_t)-sum;
}

static void finish(struct machine *m, uint64_t address, const char *signature, uint32_t size_bytes)
{
    memcpy(at(m, address), signature, 4);
    put(m, address + 4, size_bytes, 4);
    fix(m, address, size_bytes, address + 9);
}

static void finish_rsdp(struct machine *m, uint8_t revision)
{
    memcpy(at(m, RSDP), "RSD PTR ", 8);
    memcpy(at(m, RSDP + 9), "KEEL\x01 ", 6);
    put(m, RSDP + 15, revision, 1);
    put(m, RSDP + 16, RSDT, 4);
    put(m, RSDP + 20, 36, 4);
    put(m, RSDP + 24, XSDT, 8);
    fix(m, RSDP, 20, RSDP + 8);
    fix(m, RSDP, 36, RSDP + 32);
}

static void finish_roots(struct machine *m)
{
    put(m, XSDT + 36, FADT, 8);
    put(m, XSDT + 44, MADT, 8);
    finish(m, XSDT, "XSDT", 52);
    put(m, RSDT + 36, FADT, 4);
    finish(m, RSDT, "RSDT", 40);
}

static int set_up(void **state)
{
    struct machine *m = calloc(1, sizeof(*m));
    finish_rsdp(m, 2);
    put(m, FADT + 36, FACS, 4);
    put(m, FADT + 40, DSDT, 4);
    put(m, FADT + 76, 0x608, 4);
    put(m, FADT + 112, 1u << 8 | 1u << 10, 4);
    put(m, FADT + 116, 0x1, 1);
    put(m, FADT + 120, 0xCF9, 8);
    put(m, FADT + 128, 0x0F, 1);
    finish(m, FADT, "FACP", 244);
    finish(m, MADT, "APIC", 44);
    finish(m, DSDT, "DSDT", 100);
    memcpy(at(m, FACS), "FACS", 4);
    put(m, FACS + 4, 64, 4);
    finish_roots(m);
    *state = m;
    return 0;
}

static int tear_down(void **state)
{
    struct machine *m = *state;
    for (uint32_t i = 0; i < m->mapping_count; i++)
        free(m->mappings[i]);
    free(m);
    return 0;
}

static enum status start(struct machine *m)
{
    return acpi_init(&m->acpi, (struct acpi_reader){.map = map, .context = m}, PADDR(RSDP));
}

/* Starts, and gives the one table under test, which must be valid. */
static const struct acpi_table *table_of(struct machine *m, const char *signature)
{
    assert_int_equal(start(m), STATUS_OK);
    const struct acpi_table *table = acpi_find(&m->acpi, signature);
    assert_non_null(table);
    return table;
}

static void all_tables_are_listed_with_their_extents(void **state)
{
    struct machine *m = *state;
    static const char *const expected[] = {"RSD ", "XSDT", "FACP", "APIC", "DSDT", "FACS"};
    assert_int_equal(start(m), STATUS_OK);
    assert_int_equal(m->acpi.table_count, ARRAY_COUNT(expected));
    for (uint32_t i = 0; i < m->acpi.table_count; i++) {
        assert_memory_equal(m->acpi.tables[i].signature, expected[i], 4);
        assert_true(m->acpi.tables[i].valid);
    }
    assert_int_equal(m->acpi.tables[0].extent.end.value, RSDP + 36);
    assert_int_equal(m->acpi.tables[4].extent.start.value, DSDT);
    assert_int_equal(m->acpi.tables[4].extent.end.value, DSDT + 100);
    assert_int_equal(m->acpi.bad_count, 0);
    assert_string_equal(m->acpi.oem_id, "KEEL? "); /* what is not printable is not printed */
}

static void rsdp_must_be_right(void **state)
{
    struct machine *m = *state;
    struct acpi_reader reader = {.map = map, .context = m};
    assert_int_equal(acpi_init(&m->acpi, reader, PADDR(0)), STATUS_NOT_FOUND);
    assert_int_equal(acpi_init(&m->acpi, reader, PADDR(UINT64_MAX - 3)), STATUS_NOT_FOUND);
    assert_int_equal(acpi_init(&m->acpi, reader, PADDR(MEMORY_BASE + MEMORY_BYTES - 10)), STATUS_NOT_FOUND);
    (*at(m, RSDP + 8))++;
    assert_int_equal(start(m), STATUS_INVALID);
    memset(at(m, RSDP), 0, 36);
    assert_int_equal(start(m), STATUS_INVALID);
}

static void rsdt_serves_when_xsdt_does_not(void **state)
{
    struct machine *m = *state;
    (*at(m, XSDT + 9))++;
    assert_int_equal(start(m), STATUS_OK);
    assert_non_null(acpi_find(&m->acpi, "FACP"));
    assert_null(acpi_find(&m->acpi, "APIC")); /* listed in the XSDT only */
    assert_int_equal(m->acpi.bad_count, 1);

    finish(m, XSDT, "XSDT", 36); /* a good one without entries */
    assert_int_equal(start(m), STATUS_OK);
    (*at(m, RSDP + 32))++; /* the extended checksum */
    assert_int_equal(start(m), STATUS_OK);
    assert_non_null(acpi_find(&m->acpi, "RSDT"));
    finish_rsdp(m, 0);
    assert_int_equal(start(m), STATUS_OK);
    assert_int_equal(m->acpi.tables[0].extent.end.value, RSDP + 20);
    (*at(m, RSDT + 20))++;
    assert_int_equal(start(m), STATUS_INVALID);
}

static void bad_tables_are_counted_and_skipped(void **state)
{
    struct machine *m = *state;
    put(m, XSDT + 52, MISC, 8);           /* wrong checksum */
    put(m, XSDT + 60, MISC + 0x100, 8);   /* length 0 */
    put(m, XSDT + 68, MISC + 0x200, 8);   /* a huge length */
    put(m, XSDT + 76, MISC + 0x300, 8);   /* longer than memory */
    put(m, XSDT + 84, 0x1000, 8);         /* no memory there */
    put(m, XSDT + 92, UINT64_MAX - 8, 8); /* wraps */
    put(m, XSDT + 100, 0, 8);             /* nothing: not even bad */
    put(m, XSDT + 108, MADT, 8);          /* the same again: listed once */
    put(m, XSDT + 116, XSDT, 8);          /* a cycle */
    finish(m, XSDT, "XSDT", 124);
    finish(m, MISC, "MCFG", 60);
    (*at(m, MISC + 50))++;
    finish(m, MISC + 0x100, "HPET", 0);
    memcpy(at(m, MISC + 0x200), "SSDT\xFF\xFF\xFF\xFF", 8);
    put(m, MISC + 0x300 + 4, MEMORY_BYTES, 4);
    assert_int_equal(start(m), STATUS_OK);
    assert_int_equal(m->acpi.bad_count, 6);
    assert_int_equal(m->acpi.table_count, 6 + 4);
    assert_null(acpi_find(&m->acpi, "MCFG"));
    assert_null(acpi_find(&m->acpi, "SSDT"));
    assert_non_null(acpi_find(&m->acpi, "APIC"));
    for (uint32_t i = 0; i < m->acpi.table_count; i++)
        assert_true(m->acpi.tables[i].valid == (m->acpi.tables[i].bytes != NULL));
}

static void a_root_with_too_many_tables_is_cut(void **state)
{
    struct machine *m = *state;
    for (uint32_t i = 0; i < 1000; i++)
        put(m, MISC + 36 + i * 8, MEMORY_BASE + 0x10000 + i * 40, 8);
    finish(m, MISC, "XSDT", 36 + 8000);
    put(m, RSDP + 24, MISC, 8);
    fix(m, RSDP, 36, RSDP + 32);
    for (uint32_t i = 0; i < 1000; i++)
        finish(m, MEMORY_BASE + 0x10000 + i * 40, "SSDT", 40);
    assert_int_equal(start(m), STATUS_OK);
    assert_int_equal(m->acpi.table_count, ACPI_TABLES_MAX);
}

/* ---- MADT ---- */

struct madt_writer {
    struct machine *m;
    uint64_t next;
};

static void entry(struct madt_writer *w, const uint8_t *bytes, size_t size_bytes)
{
    memcpy(at(w->m, w->next), bytes, size_bytes);
    w->next += size_bytes;
}

#define ENTRY(writer, ...) entry((writer), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static struct acpi_madt parse_madt(struct machine *m, struct madt_writer *w, struct acpi_cpu *cpus, uint32_t capacity)
{
    struct acpi_madt madt;
    finish(m, MADT, "APIC", (uint32_t)(w->next - MADT));
    assert_int_equal(acpi_madt_parse(table_of(m, "APIC"), cpus, capacity, &madt), STATUS_OK);
    return madt;
}

static void madt_lists_usable_cpus_once(void **state)
{
    struct machine *m = *state;
    struct madt_writer w = {m, MADT + 44};
    struct acpi_cpu cpus[4];
    ENTRY(&w, 0, 8, 0, 0, 1, 0, 0, 0);                                  /* enabled */
    ENTRY(&w, 0, 8, 1, 2, 2, 0, 0, 0);                                  /* online-capable */
    ENTRY(&w, 0, 8, 2, 4, 0, 0, 0, 0);                                  /* neither */
    ENTRY(&w, 0, 8, 3, 0, 1, 0, 0, 0);                                  /* repeated */
    ENTRY(&w, 0, 8, 4, 0xFF, 1, 0, 0, 0);                               /* no ID */
    ENTRY(&w, 9, 16, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0);         /* x2APIC ID 256 */
    ENTRY(&w, 9, 16, 0, 0, 255, 255, 255, 255, 1, 0, 0, 0, 8, 0, 0, 0); /* no ID */
    ENTRY(&w, 9, 16, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0);         /* 2 again, now enabled */
    struct acpi_madt madt = parse_madt(m, &w, cpus, ARRAY_COUNT(cpus));
    assert_int_equal(madt.cpu_count, 3);
    assert_int_equal(cpus[0].apic_id, 0);
    assert_int_equal(cpus[1].apic_id, 2);
    assert_true(cpus[1].enabled);
    assert_int_equal(cpus[2].apic_id, 256);
    assert_int_equal(madt.cpus_disabled, 3);
    assert_int_equal(madt.cpus_repeated, 2);
    assert_int_equal(acpi_madt_cpus(acpi_find(&m->acpi, "APIC")), 8);

    madt = parse_madt(m, &w, cpus, 1);
    assert_int_equal(madt.cpu_count, 1);
}

static void madt_knows_interrupts(void **state)
{
    struct machine *m = *state;
    struct madt_writer w = {m, MADT + 44};
    ENTRY(&w, 1, 12, 5, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0);  /* I/O APIC at 0xFEC00000 */
    ENTRY(&w, 1, 12, 6, 0, 0, 0, 0xC0, 0xFE, 24, 0, 0, 0); /* the same address again */
    ENTRY(&w, 1, 12, 7, 0, 0, 0x10, 0xC0, 0xFE, 24, 0, 0, 0);
    ENTRY(&w, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0);    /* IRQ 0 is GSI 2, as the bus does */
    ENTRY(&w, 2, 10, 0, 9, 9, 0, 0, 0, 0x0F, 0); /* level, low */
    ENTRY(&w, 2, 10, 0, 1, 1, 0, 0, 0, 0x05, 0); /* edge, high, said explicitly */
    ENTRY(&w, 2, 10, 1, 4, 20, 0, 0, 0, 0, 0);   /* no such bus */
    ENTRY(&w, 4, 6, 0xFF, 5, 0, 1);              /* an NMI: nothing that we keep */
    ENTRY(&w, 0x80, 5, 1, 2, 3);                 /* the vendor's */
    struct acpi_madt madt = parse_madt(m, &w, NULL, 0);
    assert_int_equal(madt.ioapic_count, 2);
    assert_int_equal(madt.ioapics[0].address, 0xFEC00000);
    assert_int_equal(madt.ioapics[1].gsi_base, 24);
    assert_int_equal(madt.override_count, 3);
    assert_int_equal(acpi_madt_isa(&madt, 0).gsi, 2);
    assert_true(acpi_madt_isa(&madt, 9).level);
    assert_true(acpi_madt_isa(&madt, 9).active_low);
    assert_false(acpi_madt_isa(&madt, 1).level);
    assert_int_equal(acpi_madt_isa(&madt, 4).gsi, 4);
    assert_false(acpi_madt_isa(&madt, 4).active_low);
    assert_true(acpi_madt_sci(&madt, 4).level); /* ACPI's own interrupt: what is not told is as ACPI signals */
    assert_true(acpi_madt_sci(&madt, 4).active_low);
    assert_int_equal(acpi_madt_sci(&madt, 4).gsi, 4);
    assert_int_equal(acpi_madt_sci(&madt, 0).gsi, 2);
    assert_true(acpi_madt_sci(&madt, 0).level); /* an override that conforms tells nothing, either */
    assert_true(!acpi_madt_sci(&madt, 1).level && !acpi_madt_sci(&madt, 1).active_low); /* but what is told counts */
    assert_int_equal(acpi_madt_sci(&madt, 0x104).gsi, 0x104); /* no ISA interrupt: not 4 */
}

static void madt_entries_that_lie_end_the_walk(void **state)
{
    struct machine *m = *state;
    static const uint8_t bad_lengths[] = {0, 1, 9, 255};
    for (size_t i = 0; i < ARRAY_COUNT(bad_lengths); i++) {
        struct madt_writer w = {m, MADT + 44};
        struct acpi_cpu cpus[4];
        ENTRY(&w, 0, 8, 0, 3, 1, 0, 0, 0);
        ENTRY(&w, 0, bad_lengths[i], 1, 4, 1, 0, 0, 0);
        struct acpi_madt madt = parse_madt(m, &w, cpus, ARRAY_COUNT(cpus));
        assert_int_equal(madt.cpu_count, 1);
        assert_int_equal(cpus[0].apic_id, 3);
    }
    struct madt_writer w = {m, MADT + 44};
    struct acpi_cpu cpus[4];
    ENTRY(&w, 0, 4, 0, 3); /* whole, but too short for what it says it is */
    ENTRY(&w, 0, 8, 0, 5, 1, 0, 0, 0);
    ENTRY(&w, 7); /* one byte left over */
    struct acpi_madt madt = parse_madt(m, &w, cpus, ARRAY_COUNT(cpus));
    assert_int_equal(madt.cpu_count, 1);
    assert_int_equal(cpus[0].apic_id, 5);
}

static void madt_that_is_too_short_is_refused(void **state)
{
    struct machine *m = *state;
    struct acpi_madt madt;
    finish(m, MADT, "APIC", 43);
    assert_int_equal(acpi_madt_parse(table_of(m, "APIC"), NULL, 0, &madt), STATUS_INVALID);
    assert_int_equal(acpi_madt_cpus(acpi_find(&m->acpi, "APIC")), 0);
    assert_int_equal(acpi_madt_parse(acpi_find(&m->acpi, "DSDT"), NULL, 0, &madt), STATUS_INVALID);
    assert_int_equal(acpi_madt_parse(acpi_find(&m->acpi, "NONE"), NULL, 0, &madt), STATUS_INVALID);
}

/* ---- FADT ---- */

static void fadt_is_read(void **state)
{
    struct machine *m = *state;
    struct acpi_fadt fadt;
    assert_int_equal(acpi_fadt_parse(table_of(m, "FACP"), &fadt), STATUS_OK);
    assert_int_equal(fadt.dsdt, DSDT);
    assert_int_equal(fadt.facs, FACS);
    assert_int_equal(fadt.pm_timer_port, 0x608);
    assert_true(fadt.pm_timer_wide);
    assert_true(fadt.reset_supported);
    assert_int_equal(fadt.reset.address, 0xCF9);
    assert_int_equal(fadt.reset_value, 0x0F);
    assert_int_equal(fadt.sci_interrupt, 0);
    assert_false(fadt.button_is_method);
    assert_int_equal(fadt.pm1b_control_port, 0);
}

static void fadt_events_are_read(void **state)
{
    struct machine *m = *state;
    struct acpi_fadt fadt;
    put(m, FADT + 46, 9, 2);
    put(m, FADT + 56, 0x600, 4);
    put(m, FADT + 60, 0xFFFC, 4);
    put(m, FADT + 80, 0x620, 4);
    put(m, FADT + 84, 0xFFF0, 4);
    put(m, FADT + 88, 4, 1);
    put(m, FADT + 92, 16, 1);
    put(m, FADT + 93, 32, 1);
    put(m, FADT + 112, 1u << 4, 4);
    finish(m, FADT, "FACP", 244);
    assert_int_equal(acpi_fadt_parse(table_of(m, "FACP"), &fadt), STATUS_OK);
    assert_int_equal(fadt.sci_interrupt, 9);
    assert_int_equal(fadt.pm1a_event_port, 0x600);
    assert_int_equal(fadt.pm1b_event_port, 0xFFFC); /* ends with the last port */
    assert_int_equal(fadt.pm1_event_bytes, 4);
    assert_int_equal(fadt.general_events[0].port, 0x620);
    assert_int_equal(fadt.general_events[0].size_bytes, 16);
    assert_int_equal(fadt.general_events[1].port, 0); /* would go on at port 0 */
    assert_true(fadt.button_is_method);
    put(m, FADT + 88, 0, 1); /* no length: two registers all the same */
    finish(m, FADT, "FACP", 244);
    assert_int_equal(acpi_fadt_parse(table_of(m, "FACP"), &fadt), STATUS_OK);
    assert_int_equal(fadt.pm1_event_bytes, 4);
}

static void fadt_wide_fields_win_when_sensible(void **state)
{
    struct machine *m = *state;
    struct acpi_fadt fadt;
    put(m, FADT + 140, DSDT + 0x200, 8);
    finish(m, DSDT + 0x200, "DSDT", 40);
    put(m, FADT + 208, 1, 1);
    put(m, FADT + 212, 0xB008, 8);
    put(m, FADT + 64, 0x604, 4);
    put(m, FADT + 172, 1, 1);
    put(m, FADT + 176, 0x123456789, 8); /* no port has that number */
    finish(m, FADT, "FACP", 244);
    assert_int_equal(acpi_fadt_parse(table_of(m, "FACP"), &fadt), STATUS_OK);
    assert_int_equal(fadt.dsdt, DSDT + 0x200);
    assert_int_equal(fadt.pm_timer_port, 0xB008);
    assert_int_equal(fadt.pm1a_control_port, 0x604);
}

/* A FADT made before its PM block had a base gives bare offsets: writing there would reach the DMA controller. */
static void fadt_ports_of_the_mainboard_are_not_believed(void **state)
{
    struct machine *m = *state;
    struct acpi_fadt fadt;
    put(m, FADT + 56, 0, 4);
    put(m, FADT + 64, 4, 4);
    put(m, FADT + 68, 0xFF, 4);
    put(m, FADT + 76, 8, 4);
    put(m, FADT + 172, 1, 1); /* PM1a control once more, as a generic address */
    put(m, FADT + 176, 4, 8);
    finish(m, FADT, "FACP", 244);
    assert_int_equal(acpi_fadt_parse(table_of(m, "FACP"), &fadt), STATUS_OK);
    assert_int_equal(fadt.pm1a_event_port, 0);
    assert_int_equal(fadt.pm1a_control_port, 0);
    assert_int_equal(fadt.pm1b_control_port, 0);
    assert_int_equal(fadt.pm_timer_port, 0);

    put(m, FADT + 68, 0x100, 4); /* the first that may be true, ... */
    put(m, FADT + 76, 0xFFFF, 4);
    put(m, FADT + 64, 0x604, 4); /* ... and one that the generic address would hide if it were believed */
    finish(m, FADT, "FACP", 244);
    assert_int_equal(acpi_fadt_parse(table_of(m, "FACP"), &fadt), STATUS_OK);
    assert_int_equal(fadt.pm1a_control_port, 0x604);
    assert_int_equal(fadt.pm1b_control_port, 0x100);
    assert_int_equal(fadt.pm_timer_port, 0xFFFF);

    put(m, FADT + 76, 0x10000, 4); /* no port at all */
    finish(m, FADT, "FACP", 244);
    assert_int_equal(acpi_fadt_parse(table_of(m, "FACP"), &fadt), STATUS_OK);
    assert_int_equal(fadt.pm_timer_port, 0);
}

static void fadt_of_every_length_is_safe(void **state)
{
    struct machine *m = *state;
    for (uint32_t size_bytes = 36; size_bytes <= 276; size_bytes++) {
        struct acpi_fadt fadt;
        finish(m, FADT, "FACP", size_bytes);
        enum status status = acpi_fadt_parse(table_of(m, "FACP"), &fadt);
        assert_int_equal(status, size_bytes < 116 ? STATUS_INVALID : STATUS_OK);
        assert_int_equal(fadt.reset_supported, size_bytes >= 128);
        while (m->mapping_count != 0) {
            m->mapping_count--;
            free(m->mappings[m->mapping_count]);
        }
    }
}

static void hardware_reduced_machines_have_no_timer(void **state)
{
    struct machine *m = *state;
    struct acpi_fadt fadt;
    put(m, FADT + 112, 1u << 20, 4);
    put(m, FADT + 244, 1, 1);
    put(m, FADT + 248, 0x3F0, 8);
    finish(m, FADT, "FACP", 276);
    assert_int_equal(acpi_fadt_parse(table_of(m, "FACP"), &fadt), STATUS_OK);
    assert_true(fadt.hardware_reduced);
    assert_int_equal(fadt.pm_timer_port, 0);
    assert_int_equal(fadt.sleep_control.address, 0x3F0);
    assert_false(fadt.reset_supported);
}

/* ---- HPET, MCFG, SRAT, BGRT ---- */

/* Lists the table at MISC in place of the MADT. */
static const struct acpi_table *misc(struct machine *m, const char *signature, uint32_t size_bytes)
{
    finish(m, MISC, signature, size_bytes);
    put(m, XSDT + 44, MISC, 8);
    finish(m, XSDT, "XSDT", 52);
    return table_of(m, signature);
}

static void hpet_is_in_memory(void **state)
{
    struct machine *m = *state;
    struct paddr registers;
    put(m, MISC + 44, 0xFED00000, 8);
    assert_int_equal(acpi_hpet_parse(misc(m, "HPET", 56), &registers), STATUS_OK);
    assert_int_equal(registers.value, 0xFED00000);
    assert_int_equal(acpi_hpet_parse(misc(m, "HPET", 55), &registers), STATUS_INVALID);
    put(m, MISC + 40, ACPI_SPACE_IO, 1);
    assert_int_equal(acpi_hpet_parse(misc(m, "HPET", 56), &registers), STATUS_NOT_FOUND);
}

static void mcfg_windows_are_checked(void **state)
{
    struct machine *m = *state;
    struct acpi_ecam windows[2];
    for (uint32_t i = 0; i < 4; i++) {
        put(m, MISC + 44 + i * 16, 0xB0000000 + i * 0x10000000ull, 8);
        put(m, MISC + 44 + i * 16 + 8, i, 2);
        put(m, MISC + 44 + i * 16 + 11, 0xFF, 1);
    }
    put(m, MISC + 44, 0, 8);            /* nowhere */
    put(m, MISC + 44 + 16 + 10, 16, 1); /* from bus 16 to 15 */
    put(m, MISC + 44 + 16 + 11, 15, 1);
    assert_int_equal(acpi_mcfg_parse(misc(m, "MCFG", 44 + 64), windows, 2), 2);
    assert_int_equal(windows[0].segment, 2);
    assert_int_equal(windows[0].base, 0xD0000000);
    assert_int_equal(acpi_mcfg_parse(misc(m, "MCFG", 44 + 63), windows, 2), 1); /* the last is cut */
    assert_int_equal(acpi_mcfg_parse(misc(m, "MCFG", 44 + 64), windows, 1), 1);
    assert_int_equal(acpi_mcfg_parse(misc(m, "MCFG", 44), windows, 2), 0);
}

static void srat_lists_what_is_enabled(void **state)
{
    struct machine *m = *state;
    struct madt_writer w = {m, MISC + 48};
    ENTRY(&w, 0, 16, 1, 5, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0); /* CPU 5 in domain 0x201 */
    ENTRY(&w, 0, 16, 1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); /* disabled */
    ENTRY(&w, 2, 24, 0, 0, 3, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    uint64_t memory = w.next;
    ENTRY(&w, 1, 40);
    w.next = memory + 40;
    put(m, memory + 2, 3, 4);
    put(m, memory + 8, 0x100000000, 8);
    put(m, memory + 16, 0x40000000, 8);
    put(m, memory + 28, 3, 4);
    uint64_t wrapping = w.next;
    ENTRY(&w, 1, 40);
    w.next = wrapping + 40;
    put(m, wrapping + 8, UINT64_MAX - 0xFFF, 8);
    put(m, wrapping + 16, 0x2000, 8);
    put(m, wrapping + 28, 1, 4);
    const struct acpi_table *table = misc(m, "SRAT", (uint32_t)(w.next - MISC));
    struct acpi_affinity entry = {0};
    assert_true(acpi_srat_next(table, &entry));
    assert_int_equal(entry.domain, 0x201);
    assert_int_equal(entry.apic_id, 5);
    assert_true(acpi_srat_next(table, &entry));
    assert_int_equal(entry.apic_id, 256);
    assert_true(acpi_srat_next(table, &entry));
    assert_true(entry.is_memory);
    assert_int_equal(entry.range.end.value, 0x140000000);
    assert_false(acpi_srat_next(table, &entry));
    assert_false(acpi_srat_next(table, &entry)); /* the end stays the end */
    assert_false(acpi_srat_next(NULL, &(struct acpi_affinity){0}));
}

static void bgrt_points_to_a_bitmap(void **state)
{
    struct machine *m = *state;
    struct prange image;
    uint64_t bitmap = MEMORY_BASE + 0x10000;
    put(m, MISC + 40, bitmap, 8);
    memcpy(at(m, bitmap), "BM", 2);
    put(m, bitmap + 2, 0x1234, 4);
    const struct acpi_table *table = misc(m, "BGRT", 56);
    assert_int_equal(acpi_bgrt_parse(&m->acpi, table, &image), STATUS_OK);
    assert_int_equal(image.start.value, bitmap);
    assert_int_equal(image.end.value, bitmap + 0x1234);
    put(m, bitmap + 2, 0xFFFFFFFF, 4);
    assert_int_equal(acpi_bgrt_parse(&m->acpi, table, &image), STATUS_NOT_FOUND);
    memcpy(at(m, bitmap), "XX", 2);
    assert_int_equal(acpi_bgrt_parse(&m->acpi, table, &image), STATUS_NOT_FOUND);
    put(m, MISC + 40, UINT64_MAX, 8);
    assert_int_equal(acpi_bgrt_parse(&m->acpi, misc(m, "BGRT", 56), &image), STATUS_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_tables_are_listed_with_their_extents),
        TEST(rsdp_must_be_right),
        TEST(rsdt_serves_when_xsdt_does_not),
        TEST(bad_tables_are_counted_and_skipped),
        TEST(a_root_with_too_many_tables_is_cut),
        TEST(madt_lists_usable_cpus_once),
        TEST(madt_knows_interrupts),
        TEST(madt_entries_that_lie_end_the_walk),
        TEST(madt_that_is_too_short_is_refused),
        TEST(fadt_is_read),
        TEST(fadt_events_are_read),
        TEST(fadt_wide_fields_win_when_sensible),
        TEST(fadt_ports_of_the_mainboard_are_not_believed),
        TEST(fadt_of_every_length_is_safe),
        TEST(hardware_reduced_machines_have_no_timer),
        TEST(hpet_is_in_memory),
        TEST(mcfg_windows_are_checked),
        TEST(srat_lists_what_is_enabled),
        TEST(bgrt_points_to_a_bitmap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
