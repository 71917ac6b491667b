/* Moving tables: see relocate.h. Layouts: ACPI 6.5, chapter 5.2; SMBIOS 3.6, 5.2.2; UEFI 2.10, 23.4. */
#include "tests/firmware/relocate.h"

#include "kernel/base/string.h"
#include "tests/firmware/firmware.h"

#define RSDP_BYTES     36u
#define RSDP_XSDT_AT   24u
#define RSDP_CHECK_AT  8u  /* of the first 20 bytes */
#define RSDP_CHECK2_AT 32u /* of all */
#define RSDP_BYTES_1   20u

#define HEADER_BYTES    36u
#define HEADER_LENGTH   4u
#define HEADER_CHECK_AT 9u

#define FADT_DSDT_AT   40u  /* 32 bits */
#define FADT_X_DSDT_AT 140u /* 64 bits */

#define SMBIOS3_BYTES    24u
#define SMBIOS3_CHECK_AT 5u
#define SMBIOS3_LENGTH   12u
#define SMBIOS3_TABLE_AT 16u

#define ESRT_HEADER_BYTES 16u
#define ESRT_ENTRY_BYTES  40u
#define ESRT_ENTRIES      2u

static uint64_t get(const uint8_t *table, uint64_t at, uint32_t size_bytes)
{
    uint64_t value = 0;
    memcpy(&value, table + at, size_bytes);
    return value;
}

static void put(uint8_t *table, uint64_t at, uint64_t value, uint32_t size_bytes)
{
    memcpy(table + at, &value, size_bytes);
}

/* Makes the bytes add up to 0, by the one at `check_at`. */
static void sign(uint8_t *table, uint64_t check_at, uint64_t size_bytes)
{
    uint8_t sum = 0;
    table[check_at] = 0;
    for (uint64_t i = 0; i < size_bytes; i++)
        sum = (uint8_t)(sum + table[i]);
    table[check_at] = (uint8_t)-sum;
}

static uint8_t *copy_of(uint64_t address, uint64_t size_bytes)
{
    uint8_t *copy = firmware_pages(EFI_BOOT_SERVICES_DATA, pages_for_bytes(size_bytes));
    if (copy != NULL)
        memcpy(copy, vaddr_pointer(VADDR(address)), size_bytes);
    return copy;
}

/* One of ACPI's tables with a header; NULL: no memory. */
static uint8_t *copy_table(uint64_t address)
{
    return copy_of(address, get(vaddr_pointer(VADDR(address)), HEADER_LENGTH, 4));
}

static bool move_dsdt(uint8_t *fadt)
{
    uint64_t bytes = get(fadt, HEADER_LENGTH, 4);
    uint8_t *dsdt = copy_table(get(fadt, FADT_DSDT_AT, 4));
    if (dsdt == NULL)
        return false;
    put(fadt, FADT_DSDT_AT, vaddr_of(dsdt).value, 4); /* below 4 GiB on any machine that we are tested on */
    if (bytes >= FADT_X_DSDT_AT + 8)
        put(fadt, FADT_X_DSDT_AT, vaddr_of(dsdt).value, 8);
    sign(fadt, HEADER_CHECK_AT, bytes);
    return true;
}

static bool move_xsdt(uint8_t *xsdt)
{
    uint64_t bytes = get(xsdt, HEADER_LENGTH, 4);
    for (uint64_t at = HEADER_BYTES; at + 8 <= bytes; at += 8) {
        uint8_t *table = copy_table(get(xsdt, at, 8));
        if (table == NULL || (memcmp(table, "FACP", 4) == 0 && !move_dsdt(table)))
            return false;
        put(xsdt, at, vaddr_of(table).value, 8);
    }
    sign(xsdt, HEADER_CHECK_AT, bytes);
    return true;
}

static bool move_acpi(void)
{
    static const struct efi_guid guid = EFI_GUID_ACPI_20;
    const void *real = firmware_table(&guid);
    uint8_t *rsdp = real == NULL ? NULL : copy_of(vaddr_of(real).value, RSDP_BYTES);
    uint8_t *xsdt = rsdp == NULL ? NULL : copy_table(get(rsdp, RSDP_XSDT_AT, 8));
    if (xsdt == NULL || !move_xsdt(xsdt))
        return false;
    put(rsdp, RSDP_XSDT_AT, vaddr_of(xsdt).value, 8);
    sign(rsdp, RSDP_CHECK_AT, RSDP_BYTES_1);
    sign(rsdp, RSDP_CHECK2_AT, RSDP_BYTES);
    return firmware_install_table(&guid, rsdp) == EFI_SUCCESS;
}

/* The 64-bit entry point over whatever structures the firmware has. */
static bool move_smbios(void)
{
    static const struct efi_guid guid = EFI_GUID_SMBIOS3;
    static const struct efi_guid guid_32 = EFI_GUID_SMBIOS;
    static const uint8_t anchor[] = {'_', 'S', 'M', '3', '_', 0, SMBIOS3_BYTES, 3, 0, 0, 1};
    const uint8_t *real = firmware_table(&guid);
    const uint8_t *real_32 = firmware_table(&guid_32);
    uint8_t *entry = firmware_pages(EFI_BOOT_SERVICES_DATA, 1);
    if (entry == NULL || (real == NULL && real_32 == NULL))
        return false;
    uint64_t bytes = real != NULL ? get(real, SMBIOS3_LENGTH, 4) : get(real_32, 0x16, 2); /* SMBIOS 3.6, 5.2.1 */
    uint8_t *structures = copy_of(real != NULL ? get(real, SMBIOS3_TABLE_AT, 8) : get(real_32, 0x18, 4), bytes);
    if (structures == NULL)
        return false;
    memcpy(entry, anchor, sizeof(anchor));
    put(entry, SMBIOS3_LENGTH, bytes, 4);
    put(entry, SMBIOS3_TABLE_AT, vaddr_of(structures).value, 8);
    sign(entry, SMBIOS3_CHECK_AT, SMBIOS3_BYTES);
    return firmware_install_table(&guid, entry) == EFI_SUCCESS;
}

static bool make_esrt(void)
{
    static const struct efi_guid guid = EFI_GUID_ESRT;
    uint8_t *table = firmware_pages(EFI_BOOT_SERVICES_DATA, 1);
    if (table == NULL)
        return false;
    memset(table + ESRT_HEADER_BYTES, 0x5A, ESRT_ENTRIES * ESRT_ENTRY_BYTES);
    put(table, 0, ESRT_ENTRIES, 4); /* entries there are; then the most there can be; version */
    put(table, 4, ESRT_ENTRIES, 4);
    put(table, 8, 1, 8);
    return firmware_install_table(&guid, table) == EFI_SUCCESS;
}

bool relocate_table(const char *name)
{
    if (strcmp(name, "acpi") == 0)
        return move_acpi();
    if (strcmp(name, "smbios") == 0)
        return move_smbios();
    return strcmp(name, "esrt") == 0 && make_esrt();
}
