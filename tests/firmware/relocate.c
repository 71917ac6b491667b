/*
 * Moving tables: see relocate.h. Layouts: ACPI 6.5, chapter 5.2 (5.2.23: BGRT); SMBIOS 3.6, 5.2.2; UEFI 2.10, 23.4; the
 * picture is a BMP as Windows 3.0 wrote them: BITMAPFILEHEADER, BITMAPINFOHEADER, pixels.
 */
#include "tests/firmware/relocate.h"

#include "kernel/base/string.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/serial.h"
#include "tests/firmware/tables.h"

#define RSDP_BYTES     36u
#define RSDP_XSDT_AT   24u
#define RSDP_CHECK_AT  8u  /* of the first 20 bytes */
#define RSDP_CHECK2_AT 32u /* of all */
#define RSDP_BYTES_1   20u

#define HEADER_BYTES    36u
#define HEADER_LENGTH   4u
#define HEADER_CHECK_AT 9u

#define FADT_FACS_AT   36u /* 32 bits */
#define FADT_DSDT_AT   40u
#define FADT_X_FACS_AT 132u /* 64 bits */
#define FADT_X_DSDT_AT 140u

#define SMBIOS3_BYTES    24u
#define SMBIOS3_CHECK_AT 5u
#define SMBIOS3_LENGTH   12u
#define SMBIOS3_TABLE_AT 16u

#define ESRT_HEADER_BYTES 16u
#define ESRT_ENTRY_BYTES  40u
#define ESRT_ENTRIES      2u

#define BGRT_BYTES      56u
#define BGRT_VERSION_AT 36u
#define BGRT_STATUS_AT  38u /* 1: it is on the screen */
#define BGRT_IMAGE_AT   40u /* the type before it, 0, is BMP */

#define PICTURE_SIDE   64u /* pixels of 3 bytes: more than 2 pages, so that a kernel which keeps one is caught */
#define PICTURE_PIXELS (PICTURE_SIDE * PICTURE_SIDE * 3)
#define PICTURE_HEADER 54u

#define TPM_HEADER_BYTES 9u
#define TPM_LOG_BYTES    5000u /* more than a page */

#define PIECES_MAX 64u /* combined rows move a table more than once */
#define NAME_BYTES 12u

static struct {
    char name[NAME_BYTES];
    const void *start;
    uint64_t size_bytes;
} pieces[PIECES_MAX];
static uint32_t piece_count;

bool relocate_keep(const char *name, const void *start, uint64_t size_bytes)
{
    if (piece_count == PIECES_MAX)
        return false;
    memcpy(pieces[piece_count].name, name, min_u64(strlen(name), NAME_BYTES - 1));
    pieces[piece_count].start = start;
    pieces[piece_count++].size_bytes = size_bytes;
    return true;
}

/* Nothing leads to that piece any more. */
static void forget(const void *start)
{
    for (uint32_t i = 0; i < piece_count; i++) {
        if (pieces[i].start == start)
            pieces[i] = pieces[--piece_count];
    }
}

void relocate_tell(void)
{
    for (uint32_t i = 0; i < piece_count; i++)
        serial_say("kept %s at 0x%llx bytes=%llu crc=%08x", pieces[i].name,
                   (unsigned long long)vaddr_of(pieces[i].start).value, (unsigned long long)pieces[i].size_bytes,
                   firmware_crc(pieces[i].start, pieces[i].size_bytes));
}

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

/* Pages of boot-services memory for a piece of that size, zeroed. */
static uint8_t *make(const char *name, uint64_t size_bytes)
{
    uint8_t *piece = firmware_pages(EFI_BOOT_SERVICES_DATA, pages_for_bytes(size_bytes));
    return piece != NULL && relocate_keep(name, piece, size_bytes) ? piece : NULL;
}

static const struct efi_guid acpi_guid = EFI_GUID_ACPI_20;

static uint8_t *copy_of(const char *name, uint64_t address, uint64_t size_bytes)
{
    uint8_t *copy = make(name, size_bytes);
    if (copy != NULL)
        memcpy(copy, vaddr_pointer(VADDR(address)), size_bytes);
    return copy;
}

/* One of ACPI's tables with a header; NULL: no memory. */
static uint8_t *copy_table(uint64_t address)
{
    const uint8_t *table = vaddr_pointer(VADDR(address));
    char name[5] = {0};
    memcpy(name, table, 4);
    return copy_of(name, address, get(table, HEADER_LENGTH, 4));
}

/* The table that the FADT points to at two places, of which it may have the first only. */
static bool move_pointed(uint8_t *fadt, uint64_t at, uint64_t at_64)
{
    uint8_t *table = copy_table(get(fadt, at, 4));
    if (table == NULL)
        return false;
    put(fadt, at, vaddr_of(table).value, 4); /* below 4 GiB on any machine that we are tested on */
    if (get(fadt, HEADER_LENGTH, 4) >= at_64 + 8)
        put(fadt, at_64, vaddr_of(table).value, 8);
    return true;
}

static bool move_of_fadt(uint8_t *fadt)
{
    bool moved = move_pointed(fadt, FADT_DSDT_AT, FADT_X_DSDT_AT) && move_pointed(fadt, FADT_FACS_AT, FADT_X_FACS_AT);
    sign(fadt, HEADER_CHECK_AT, get(fadt, HEADER_LENGTH, 4));
    return moved;
}

static bool move_xsdt(uint8_t *xsdt)
{
    uint64_t bytes = get(xsdt, HEADER_LENGTH, 4);
    for (uint64_t at = HEADER_BYTES; at + 8 <= bytes; at += 8) {
        uint8_t *table = copy_table(get(xsdt, at, 8));
        if (table == NULL || (memcmp(table, "FACP", 4) == 0 && !move_of_fadt(table)))
            return false;
        put(xsdt, at, vaddr_of(table).value, 8);
    }
    sign(xsdt, HEADER_CHECK_AT, bytes);
    return true;
}

/* A copy of the RSDP that leads to `xsdt`. */
static bool install_xsdt(const uint8_t *real_rsdp, const uint8_t *xsdt)
{
    forget(real_rsdp);
    forget(vaddr_pointer(VADDR(get(real_rsdp, RSDP_XSDT_AT, 8))));
    uint8_t *rsdp = copy_of("RSDP", vaddr_of(real_rsdp).value, RSDP_BYTES);
    if (rsdp == NULL)
        return false;
    put(rsdp, RSDP_XSDT_AT, vaddr_of(xsdt).value, 8);
    sign(rsdp, RSDP_CHECK_AT, RSDP_BYTES_1);
    sign(rsdp, RSDP_CHECK2_AT, RSDP_BYTES);
    return firmware_install_table(&acpi_guid, rsdp) == EFI_SUCCESS;
}

static bool move_acpi(void)
{
    const uint8_t *rsdp = firmware_table(&acpi_guid);
    uint8_t *xsdt = rsdp == NULL ? NULL : copy_table(get(rsdp, RSDP_XSDT_AT, 8));
    return xsdt != NULL && move_xsdt(xsdt) && install_xsdt(rsdp, xsdt);
}

static uint8_t *make_picture(void)
{
    uint8_t *picture = make("picture", PICTURE_HEADER + PICTURE_PIXELS);
    if (picture == NULL)
        return NULL;
    memcpy(picture, "BM", 2);
    put(picture, 2, PICTURE_HEADER + PICTURE_PIXELS, 4); /* of the file */
    put(picture, 10, PICTURE_HEADER, 4);                 /* where the pixels are */
    put(picture, 14, 40, 4);                             /* of the second header */
    put(picture, 18, PICTURE_SIDE, 4);
    put(picture, 22, PICTURE_SIDE, 4);
    put(picture, 26, 1, 2);  /* planes */
    put(picture, 28, 24, 2); /* bits a pixel */
    for (uint32_t i = 0; i < PICTURE_PIXELS; i++)
        picture[PICTURE_HEADER + i] = (uint8_t)(i * 7 + 1);
    return picture;
}

/* In front of the firmware's own, if it has one. */
static bool make_bgrt(void)
{
    const uint8_t *rsdp = firmware_table(&acpi_guid);
    const uint8_t *picture = make_picture();
    uint8_t *bgrt = make("BGRT", BGRT_BYTES);
    if (rsdp == NULL || picture == NULL || bgrt == NULL)
        return false;
    memcpy(bgrt, "BGRT", 4);
    put(bgrt, HEADER_LENGTH, BGRT_BYTES, 4);
    put(bgrt, BGRT_VERSION_AT, 1, 2);
    put(bgrt, BGRT_STATUS_AT, 1, 1);
    put(bgrt, BGRT_IMAGE_AT, vaddr_of(picture).value, 8);
    sign(bgrt, HEADER_CHECK_AT, BGRT_BYTES);
    const uint8_t *real = vaddr_pointer(VADDR(get(rsdp, RSDP_XSDT_AT, 8)));
    uint64_t bytes = get(real, HEADER_LENGTH, 4);
    uint8_t *xsdt = make("XSDT", bytes + 8);
    if (xsdt == NULL)
        return false;
    memcpy(xsdt, real, HEADER_BYTES);
    put(xsdt, HEADER_BYTES, vaddr_of(bgrt).value, 8); /* the first, which is the one that counts */
    memcpy(xsdt + HEADER_BYTES + 8, real + HEADER_BYTES, bytes - HEADER_BYTES);
    put(xsdt, HEADER_LENGTH, bytes + 8, 4);
    sign(xsdt, HEADER_CHECK_AT, bytes + 8);
    return install_xsdt(rsdp, xsdt);
}

/* The 64-bit entry point over whatever structures the firmware has. */
static bool move_smbios(void)
{
    static const struct efi_guid guid = EFI_GUID_SMBIOS3;
    static const struct efi_guid guid_32 = EFI_GUID_SMBIOS;
    static const uint8_t anchor[] = {'_', 'S', 'M', '3', '_', 0, SMBIOS3_BYTES, 3, 0, 0, 1};
    const uint8_t *real = firmware_table(&guid);
    const uint8_t *real_32 = firmware_table(&guid_32);
    uint8_t *entry = make("_SM3_", SMBIOS3_BYTES);
    if (entry == NULL || (real == NULL && real_32 == NULL))
        return false;
    uint64_t bytes = real != NULL ? get(real, SMBIOS3_LENGTH, 4) : get(real_32, 0x16, 2); /* SMBIOS 3.6, 5.2.1 */
    uint64_t address = real != NULL ? get(real, SMBIOS3_TABLE_AT, 8) : get(real_32, 0x18, 4);
    uint8_t *structures = copy_of("SMBIOS", address, bytes);
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
    uint8_t *table = make("ESRT", ESRT_HEADER_BYTES + ESRT_ENTRIES * ESRT_ENTRY_BYTES);
    if (table == NULL)
        return false;
    memset(table + ESRT_HEADER_BYTES, 0x5A, ESRT_ENTRIES * ESRT_ENTRY_BYTES);
    put(table, 0, ESRT_ENTRIES, 4); /* entries there are; then the most there can be; version */
    put(table, 4, ESRT_ENTRIES, 4);
    put(table, 8, 1, 8);
    return firmware_install_table(&guid, table) == EFI_SUCCESS;
}

/* Linux, drivers/firmware/efi/libstub/tpm.c: a size, another one, a version; then the log. */
static bool make_tpm_log(void)
{
    static const struct efi_guid guid = EFI_GUID_TPM_LOG;
    uint8_t *table = make("TPM", TPM_HEADER_BYTES + TPM_LOG_BYTES);
    if (table == NULL)
        return false;
    put(table, 0, TPM_LOG_BYTES, 4);
    put(table, 8, 2, 1);
    memset(table + TPM_HEADER_BYTES, 0xA7, TPM_LOG_BYTES);
    return firmware_install_table(&guid, table) == EFI_SUCCESS;
}

/* Of a GUID that nobody knows, as shim's lists of keys are to most kernels. */
static bool make_unknown(void)
{
    static const struct efi_guid guid = {
        0x4b65656c, 0x2d61, 0x6476, {'e', 'r', 's', 'a', 'r', 'y', '!', '!'}
    };
    uint8_t *table = make("unknown", PAGE_SIZE);
    if (table == NULL)
        return false;
    memset(table, 0xC3, PAGE_SIZE);
    return firmware_install_table(&guid, table) == EFI_SUCCESS;
}

/* The table with that signature, where the firmware has it; the DSDT is the FADT's. NULL: there is none. */
static uint8_t *find_acpi(const char *signature)
{
    const uint8_t *rsdp = firmware_table(&acpi_guid);
    const uint8_t *xsdt = rsdp != NULL ? vaddr_pointer(VADDR(get(rsdp, RSDP_XSDT_AT, 8))) : NULL;
    if (strcmp(signature, "DSDT") == 0) {
        const uint8_t *fadt = find_acpi("FACP");
        return fadt != NULL ? vaddr_pointer(VADDR(get(fadt, FADT_DSDT_AT, 4))) : NULL;
    }
    for (uint64_t at = HEADER_BYTES; xsdt != NULL && at + 8 <= get(xsdt, HEADER_LENGTH, 4); at += 8) {
        uint8_t *table = vaddr_pointer(VADDR(get(xsdt, at, 8)));
        if (strlen(signature) == 4 && memcmp(table, signature, 4) == 0)
            return table;
    }
    return NULL;
}

bool relocate_hide(const char *signature)
{
    uint8_t *table = find_acpi(signature);
    if (table == NULL)
        return false;
    memcpy(table, "GONE", 4);
    sign(table, HEADER_CHECK_AT, get(table, HEADER_LENGTH, 4));
    return true;
}

bool relocate_patch(const char *signature, uint64_t at, uint64_t size_bytes, uint64_t value)
{
    uint8_t *table = find_acpi(signature);
    if (table == NULL || size_bytes > sizeof(value) || at > get(table, HEADER_LENGTH, 4) - size_bytes)
        return false;
    put(table, at, value, (uint32_t)size_bytes);
    sign(table, HEADER_CHECK_AT, get(table, HEADER_LENGTH, 4));
    return true;
}

bool relocate_rename(const char *signature, const char *from, const char *to)
{
    uint8_t *table = find_acpi(signature);
    uint64_t bytes = table != NULL ? get(table, HEADER_LENGTH, 4) : 0;
    bool found = false;
    if (strlen(from) != 4 || strlen(to) != 4)
        return false;
    for (uint64_t at = HEADER_BYTES; at + 4 <= bytes; at++) {
        if (memcmp(table + at, from, 4) != 0)
            continue;
        memcpy(table + at, to, 4);
        found = true;
    }
    if (found)
        sign(table, HEADER_CHECK_AT, bytes);
    return found;
}

bool relocate_table(const char *name)
{
    static const struct {
        const char *name;
        bool (*move)(void);
    } tables[] = {
        {"acpi",       move_acpi             },
        {"smbios",     move_smbios           },
        {"esrt",       make_esrt             },
        {"bgrt",       make_bgrt             },
        {"attributes", tables_attributes_move},
        {"tpm-log",    make_tpm_log          },
        {"unknown",    make_unknown          },
    };
    for (uint32_t i = 0; i < ARRAY_COUNT(tables); i++) {
        if (strcmp(name, tables[i].name) == 0)
            return tables[i].move();
    }
    return false;
}
