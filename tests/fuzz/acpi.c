/*
 * Every parser of ACPI tables, and the search for \_S5 in the DSDT, over tables whose content is any bytes. Holds: no
 * read beyond what was mapped; a table that is called valid lies in memory and adds up; what the parsers return keeps
 * what drivers/acpi.h says of it; capacities are kept.
 *
 * Input: flags (1 byte; RAW: what follows is the memory as it stands, RSDP in front), then tables: signature (1),
 * faults (1), length (2), and as many bytes behind the header. Lengths, pointers and checksums are put right unless the
 * faults say otherwise, or a fuzzer would never come behind the first check.
 */
#include "drivers/acpi.h"

#include "drivers/power.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory.h"

#define FLAG_RAW        0x1u
#define FLAG_OLD        0x2u /* RSDP of revision 0 */
#define FAULT_CHECKSUM  0x1u
#define FAULT_LENGTH    0x2u /* the length of the header is the first two bytes behind it */
#define FAULT_UNALIGNED 0x4u
#define FAULT_REPEATED  0x8u
#define TABLES_MAX      24u
#define HEADER_BYTES    36u
#define RSDP            MEMORY_BASE
#define XSDT            (MEMORY_BASE + 0x100)
#define RSDT            (MEMORY_BASE + 0x400)
#define FIRST           (MEMORY_BASE + 0x800)
#define WINDOWS_MAX     3u

static const char signatures[][5] = {
    "APIC", "FACP", "HPET", "MCFG", "SRAT", "BGRT", "DSDT", "FACS", "TCPA", "TPM2", "SSDT", "XSDT",
};

static struct memory memory;
static struct acpi acpi;

static void put(uint64_t address, uint64_t value, unsigned size_bytes)
{
    memcpy(memory_at(&memory, address), &value, size_bytes);
}

static void finish(uint64_t address, const char *signature, uint32_t size_bytes)
{
    memcpy(memory_at(&memory, address), signature, 4);
    put(address + 4, size_bytes, 4);
    memory_fix(&memory, address, size_bytes, address + 9);
}

static void finish_rsdp(bool old)
{
    memcpy(memory_at(&memory, RSDP), "RSD PTR ", 8);
    put(RSDP + 15, old ? 0 : 2, 1);
    put(RSDP + 16, RSDT, 4);
    put(RSDP + 20, 36, 4);
    put(RSDP + 24, XSDT, 8);
    memory_fix(&memory, RSDP, 20, RSDP + 8);
    memory_fix(&memory, RSDP, 36, RSDP + 32);
}

/* One table at `address`; returns its length, or 0 when there is no room or no input left. */
static uint32_t take_table(struct input *input, uint64_t address, const char **signature)
{
    *signature = signatures[input_number(input, 1) % ARRAY_COUNT(signatures)];
    uint64_t faults = input_number(input, 1);
    uint64_t body_bytes = min_u64(input_number(input, 2) & 0x7FF, input->left_bytes);
    uint32_t size_bytes = HEADER_BYTES + (uint32_t)body_bytes;
    if (address + size_bytes > MEMORY_BASE + MEMORY_BYTES)
        return 0;
    memcpy(memory_at(&memory, address + HEADER_BYTES), input->next, body_bytes);
    input->next += body_bytes;
    input->left_bytes -= body_bytes;
    finish(address, *signature, size_bytes);
    if ((faults & FAULT_LENGTH) != 0)
        memcpy(memory_at(&memory, address + 4), memory_at(&memory, address + HEADER_BYTES), 2);
    if ((faults & FAULT_CHECKSUM) != 0)
        *memory_at(&memory, address + 9) ^= 0x55;
    return size_bytes;
}

/* The FADT points to DSDT and FACS, the roots to the others. */
static void take_tables(struct input *input, bool old)
{
    uint64_t address = FIRST;
    uint64_t fadt = 0;
    uint32_t fadt_bytes = 0;
    uint64_t links[2] = {0, 0}; /* FACS, DSDT */
    uint32_t count = 0;
    while (input->left_bytes > 4 && count < TABLES_MAX) {
        const char *signature;
        address += (input->next[1] & FAULT_UNALIGNED) != 0;
        bool repeated = (input->next[1] & FAULT_REPEATED) != 0;
        uint32_t size_bytes = take_table(input, address, &signature);
        if (size_bytes == 0)
            break;
        put(XSDT + HEADER_BYTES + 8 * count, address, 8);
        put(RSDT + HEADER_BYTES + 4 * count++, address - (repeated ? 1 : 0), 4);
        if (strcmp(signature, "FACP") == 0 && size_bytes >= 116) {
            fadt = address;
            fadt_bytes = size_bytes;
        }
        if (signature[0] == 'F' && signature[3] == 'S')
            links[0] = address;
        if (signature[0] == 'D')
            links[1] = address;
        address = align_up(address + size_bytes, 8);
    }
    if (fadt != 0 && (links[0] | links[1]) != 0) {
        put(fadt + 36, links[0], 4);
        put(fadt + 40, links[1], 4);
        finish(fadt, "FACP", fadt_bytes);
    }
    finish(XSDT, "XSDT", HEADER_BYTES + 8 * count);
    finish(RSDT, "RSDT", HEADER_BYTES + 4 * count);
    finish_rsdp(old);
}

static void take_raw(struct input *input)
{
    memcpy(memory.bytes, input->next, min_u64(input->left_bytes, MEMORY_BYTES));
    memcpy(memory.bytes, "RSD PTR ", 8);
    memory_fix(&memory, RSDP, 20, RSDP + 8);
    memory_fix(&memory, RSDP, 36, RSDP + 32);
}

static void check_list(void)
{
    uint32_t bad = 0;
    CHECK(acpi.table_count <= ACPI_TABLES_MAX && strlen(acpi.oem_id) < sizeof(acpi.oem_id));
    for (uint32_t i = 0; i < acpi.table_count; i++) {
        const struct acpi_table *table = &acpi.tables[i];
        uint8_t sum = 0;
        bad += !table->valid;
        CHECK(!prange_empty(table->extent));
        for (unsigned c = 0; c < sizeof(table->signature); c++)
            CHECK(table->signature[c] >= ' ' && table->signature[c] <= '~');
        for (uint32_t j = 0; j < i; j++)
            CHECK(acpi.tables[j].extent.start.value != table->extent.start.value);
        if (!table->valid)
            continue;
        CHECK(table->extent.start.value >= MEMORY_BASE && table->extent.end.value <= MEMORY_BASE + MEMORY_BYTES);
        for (uint64_t at = 0; at < prange_bytes(table->extent); at++)
            sum = (uint8_t)(sum + table->bytes[at]);
        CHECK(sum == 0 || memcmp(table->signature, "FACS", 4) == 0);
        const struct acpi_table *found = acpi_find(&acpi, table->signature);
        CHECK(found != NULL && found <= table);
    }
    CHECK(acpi.bad_count >= bad); /* and those where nothing could be read */
}

static void parse_madt(const struct acpi_table *table)
{
    uint32_t capacity = acpi_madt_cpus(table);
    struct acpi_madt madt;
    struct acpi_cpu *cpus = malloc(capacity * sizeof(*cpus) + 1);
    if (acpi_madt_parse(table, cpus, capacity, &madt) == STATUS_OK) {
        CHECK(madt.cpu_count <= capacity);
        CHECK(madt.ioapic_count <= ACPI_IOAPICS_MAX && madt.override_count <= ACPI_OVERRIDES_MAX);
        for (uint32_t i = 0; i < madt.cpu_count; i++)
            for (uint32_t j = 0; j < i; j++)
                CHECK(cpus[i].apic_id != cpus[j].apic_id);
        for (uint32_t i = 0; i < madt.ioapic_count; i++)
            CHECK(madt.ioapics[i].address != 0);
        for (unsigned irq = 0; irq < 256; irq++)
            CHECK(acpi_madt_isa(&madt, (uint8_t)irq).isa_irq == irq);
    }
    (void)!acpi_madt_parse(table, cpus, capacity / 2, &madt);
    CHECK(madt.cpu_count <= capacity / 2);
    free(cpus);
}

static void parse_power(const struct acpi_table *table)
{
    struct acpi_fadt fadt;
    struct power power;
    bool good = acpi_fadt_parse(table, &fadt) == STATUS_OK;
    if (good && fadt.reset_supported)
        CHECK(fadt.reset.address != 0);
    if (good && fadt.pm1a_event_port != 0)
        CHECK(fadt.pm1_event_bytes >= 4 && fadt.pm1a_event_port + fadt.pm1_event_bytes <= 0x10000);
    power_init(&power, good ? &fadt : NULL, &acpi);
    CHECK(!power.has_s5 || (power.sleep_type_a <= 7 && power.sleep_type_b <= 7));
}

static void parse_small(const struct acpi_table *table)
{
    struct paddr registers;
    struct prange image;
    struct acpi_ecam *windows = malloc(WINDOWS_MAX * sizeof(*windows));
    if (acpi_hpet_parse(table, &registers) == STATUS_OK)
        CHECK(registers.value != 0 && registers.value < (uint64_t)1 << 52);
    uint32_t count = acpi_mcfg_parse(table, windows, WINDOWS_MAX);
    CHECK(count <= WINDOWS_MAX);
    for (uint32_t i = 0; i < count; i++)
        CHECK(windows[i].base != 0 && windows[i].first_bus <= windows[i].last_bus);
    uint64_t at = 0;
    for (struct acpi_affinity entry = {0}; acpi_srat_next(table, &entry); at = entry.next) {
        CHECK(entry.next > at && entry.next <= prange_bytes(table->extent)); /* so that the walk ends */
        CHECK(!entry.is_memory || !prange_empty(entry.range));
    }
    if (acpi_bgrt_parse(&acpi, table, &image) == STATUS_OK)
        CHECK(!prange_empty(image) && prange_bytes(image) <= 64 * MIB);
    free(windows);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct input input = {bytes, size_bytes};
    uint64_t flags = input_number(&input, 1);
    memory_begin(&memory);
    if ((flags & FLAG_RAW) != 0)
        take_raw(&input);
    else
        take_tables(&input, (flags & FLAG_OLD) != 0);
    struct acpi_reader reader = {.map = memory_map, .context = &memory};
    if (acpi_init(&acpi, reader, PADDR(RSDP)) == STATUS_OK) {
        check_list();
        for (uint32_t i = 0; i < acpi.table_count; i++) {
            parse_madt(&acpi.tables[i]);
            parse_power(&acpi.tables[i]);
            parse_small(&acpi.tables[i]);
        }
    }
    memory_end(&memory);
    uint8_t types[2];
    uint8_t *aml = input_copy(bytes, size_bytes);
    if (power_find_s5(aml, size_bytes, &types[0], &types[1]) == STATUS_OK)
        CHECK(types[0] <= 7 && types[1] <= 7);
    free(aml);
    return 0;
}
