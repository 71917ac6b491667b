/*
 * Ways down. Each writes what the specification says and then lingers: the machine takes a moment to obey, and only if
 * it is still running afterwards has the way failed.
 *
 *     button  PM1 status and enable  | ... | 8 power button | ... |
 *     off     PM1 control  | ... | 13 SLP_EN | 12:10 SLP_TYP | ... | 0 SCI_EN |     SLP_TYP from \_S5_
 *     reset   FADT's register; port CF9h; the keyboard controller's line to the CPU
 *
 * There is no AML interpreter. \_S5_ is a constant package in every DSDT that we know of, so its bytes are searched
 * for:
 *
 *     08 5F 53 35 5F   12 PkgLength NumElements   0A 05   0A 05   00 00
 *     Name  _S5_       Package                    5       5       not read
 *
 * Where it is computed, the machine is turned off by the firmware or by hand.
 */
#include "drivers/power.h"

#include "drivers/i8042.h"
#include "kernel/x86/cpu.h"

/* ACPI 6.5, 4.8.3.1 (PM1 status), 4.8.3.2 (PM1 control), 4.8.3.7 (sleep control). */
#define PM1_EVENT_BUTTON        ((uint16_t)1 << 8) /* in status, cleared by writing 1, and in enable */
#define PM1_STATUS_WAKE         ((uint16_t)1 << 15)
#define PM1_CONTROL_SCI_ENABLED ((uint16_t)1 << 0)
#define PM1_CONTROL_SLEEP_SHIFT 10u
#define PM1_CONTROL_SLEEP_MASK  ((uint16_t)7 << 10)
#define PM1_CONTROL_SLEEP_START ((uint16_t)1 << 13)
#define SLEEP_CONTROL_SHIFT     2u
#define SLEEP_CONTROL_START     ((uint8_t)1 << 5)

/* AML, ACPI 6.5, 20.2.2 to 20.2.5. */
#define AML_ZERO_OP      0x00u
#define AML_ONE_OP       0x01u
#define AML_NAME_OP      0x08u
#define AML_BYTE_PREFIX  0x0Au
#define AML_DWORD_PREFIX 0x0Cu
#define AML_PACKAGE_OP   0x12u
#define AML_LENGTH_SHIFT 6u /* PkgLength: how many bytes follow the lead byte */
#define SLEEP_TYPE_MAX   7u
#define AML_NAME_BYTES   4u
#define AML_HEADER_BYTES 36u   /* the table's header before the AML */
#define AML_S5_BYTES     16u   /* PackageOp, PkgLength (up to 4), NumElements, two integers of up to 5 */
#define AML_CUT_OFF      0xFFu /* stands for bytes beyond the end: no number, op or sleep type that we take */

/* Chipset reset control: Intel ICH/PCH data sheets, "RST_CNT - Reset Control Register". */
#define PORT_RESET_CONTROL   0xCF9u
#define RESET_CONTROL_SYSTEM 0x02u /* hard reset ... */
#define RESET_CONTROL_CPU    0x04u /* ... on this bit's rising edge */

/* FADT reset register in PCI space (4.8.3.6): bus 0; by configuration mechanism 1 (drivers/pci.c). */
#define PORT_PCI_ADDRESS   0xCF8u
#define PORT_PCI_DATA      0xCFCu
#define PCI_ADDRESS_ENABLE 0x80000000u

/* 0.4 to 2 seconds, on every CPU that we run on; clocks may be gone in a panic. */
#define LINGER_TICKS ((uint64_t)1 << 31)

static enum status power_linger(void)
{
    uint64_t start = cpu_tsc();
    while (cpu_tsc() - start < LINGER_TICKS)
        (void)io_read8(PORT_RESET_CONTROL); /* slow, and lets a virtual machine's host in */
    return STATUS_TIMEOUT;
}

/* One integer of a package that is a sleep type, of whatever width. Returns what follows it, or NULL. */
static const uint8_t *aml_sleep_type(const uint8_t *aml, uint8_t *value)
{
    uint8_t op = *aml++;
    *value = op;
    if (op == AML_ZERO_OP || op == AML_ONE_OP)
        return aml;
    if (op < AML_BYTE_PREFIX || op > AML_DWORD_PREFIX)
        return NULL;
    *value = *aml++;
    /* A sleep type has three bits; in a wider constant the other bytes must be 0, or it is something else. */
    for (unsigned high = (1u << (op - AML_BYTE_PREFIX)) - 1; high != 0; high--) { /* 1, 2 or 4 bytes in all */
        if (*aml++ != 0)
            return NULL;
    }
    return *value <= SLEEP_TYPE_MAX ? aml : NULL;
}

/* PackageOp PkgLength NumElements, then the two sleep types. `aml` has AML_S5_BYTES. */
static bool aml_sleep_package(const uint8_t *aml, uint8_t *type_a, uint8_t *type_b)
{
    if (aml[0] != AML_PACKAGE_OP)
        return false;
    /* 20.2.4: the lead byte's top two bits count the bytes that follow; what they say does not matter here. */
    aml += 2 + (aml[1] >> AML_LENGTH_SHIFT);
    uint8_t element_count = *aml++;
    aml = element_count != 0 ? aml_sleep_type(aml, type_a) : NULL;
    if (aml == NULL)
        return false;
    *type_b = *type_a; /* machines without a PM1b may leave it out */
    return element_count < 2 || aml_sleep_type(aml, type_b) != NULL;
}

enum status power_find_s5(const uint8_t *aml, uint64_t size_bytes, uint8_t *sleep_type_a, uint8_t *sleep_type_b)
{
    for (uint64_t at = 1; at + AML_NAME_BYTES <= size_bytes; at++) {
        /* Name (_S5_ or Name (\_S5_: the byte before tells it from a mere use of it. */
        if (aml[at - 1] != AML_NAME_OP)
            continue;
        at += aml[at] == '\\';
        if (at + AML_NAME_BYTES > size_bytes || __builtin_memcmp(aml + at, "_S5_", AML_NAME_BYTES) != 0)
            continue;
        /* A copy of fixed size: the name may be the table's last four bytes, and the parser then needs no bounds. */
        uint8_t package[AML_S5_BYTES];
        uint64_t rest_bytes = size_bytes - at - AML_NAME_BYTES;
        __builtin_memset(package, AML_CUT_OFF, sizeof(package));
        __builtin_memcpy(package, aml + at + AML_NAME_BYTES, min_u64(rest_bytes, sizeof(package)));
        if (aml_sleep_package(package, sleep_type_a, sleep_type_b))
            return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

/* In the valid tables of that signature, until one has it: the DSDT is one, of SSDTs there are some. */
static void power_search(struct power *power, const struct acpi *acpi, const char *signature)
{
    for (uint32_t i = 0; i < acpi->table_count && !power->has_s5; i++) {
        const struct acpi_table *table = &acpi->tables[i];
        if (table->valid && __builtin_memcmp(table->signature, signature, sizeof(table->signature)) == 0)
            power->has_s5 =
                power_find_s5(table->bytes + AML_HEADER_BYTES, prange_bytes(table->extent) - AML_HEADER_BYTES,
                              &power->sleep_type_a, &power->sleep_type_b) == STATUS_OK;
    }
}

void power_init(struct power *power, const struct acpi_fadt *fadt, const struct acpi *acpi)
{
    __builtin_memset(power, 0, sizeof(*power));
    if (fadt == NULL)
        return;
    power->fadt = *fadt;
    power_search(power, acpi, "DSDT");
    power_search(power, acpi, "SSDT");
}

/* Legacy machines start with ACPI off; SMI firmware turns it on (4.8.3.2.1). False: it is still off. */
static bool power_enable_acpi(const struct acpi_fadt *fadt)
{
    uint16_t control = fadt->pm1a_control_port;
    if (fadt->smi_command_port == 0 || fadt->acpi_enable == 0 || (io_read16(control) & PM1_CONTROL_SCI_ENABLED) != 0)
        return true; /* without a command to give it is always on (5.2.9) */
    io_write8(fadt->smi_command_port, fadt->acpi_enable);
    for (uint64_t start = cpu_tsc(); cpu_tsc() - start < LINGER_TICKS;) {
        if ((io_read16(control) & PM1_CONTROL_SCI_ENABLED) != 0)
            return true;
    }
    return false;
}

/* ---- The power button ---- */

/* Both blocks are one register that chip sets may split in two (4.8.3.1). `enable`: the second half of it. */
static void power_write_events(const struct acpi_fadt *fadt, bool enable, uint16_t value)
{
    unsigned half_bytes = enable ? fadt->pm1_event_bytes / 2u : 0;
    io_write16((uint16_t)(fadt->pm1a_event_port + half_bytes), value);
    if (fadt->pm1b_event_port != 0)
        io_write16((uint16_t)(fadt->pm1b_event_port + half_bytes), value);
}

/* What firmware had on would interrupt for ever: only AML could say what it means and how it ends. */
static void power_disable_general_events(const struct acpi_fadt *fadt)
{
    for (uint32_t i = 0; i < ACPI_EVENT_BLOCKS; i++) {
        const struct acpi_block *block = &fadt->general_events[i];
        for (uint32_t at = block->size_bytes / 2; block->port != 0 && at < block->size_bytes; at++)
            io_write8((uint16_t)(block->port + at), 0);
    }
}

enum status power_button_start(const struct power *power)
{
    const struct acpi_fadt *fadt = &power->fadt;
    if (fadt->hardware_reduced || fadt->button_is_method)
        return STATUS_UNSUPPORTED;
    if (fadt->pm1a_event_port == 0 || fadt->pm1a_control_port == 0)
        return STATUS_NOT_FOUND;
    if (!power_enable_acpi(fadt))
        return STATUS_TIMEOUT;
    power_disable_general_events(fadt);
    power_write_events(fadt, false, PM1_EVENT_BUTTON); /* of before */
    power_write_events(fadt, true, PM1_EVENT_BUTTON);
    return STATUS_OK;
}

bool power_button_take(const struct power *power)
{
    const struct acpi_fadt *fadt = &power->fadt;
    uint16_t status = io_read16(fadt->pm1a_event_port);
    if (fadt->pm1b_event_port != 0)
        status |= io_read16(fadt->pm1b_event_port);
    if ((status & PM1_EVENT_BUTTON) == 0)
        return false;
    power_write_events(fadt, false, PM1_EVENT_BUTTON);
    return true;
}

/* ---- Ways down ---- */

/* The address holds device << 32, function << 16 and offset, on bus 0 (5.2.3.2). */
static void power_write_pci(uint64_t place, uint8_t value)
{
    uint32_t device = (uint32_t)(place >> 32) & 0x1F;
    uint32_t function = (uint32_t)(place >> 16) & 0x7;
    uint32_t offset = (uint32_t)place & 0xFF;
    io_write32(PORT_PCI_ADDRESS, PCI_ADDRESS_ENABLE | device << 11 | function << 8 | (offset & ~3u));
    io_write8((uint16_t)(PORT_PCI_DATA + (offset & 3)), value);
}

/* `memory`: the register itself, where it is in memory. */
static enum status power_write(const struct acpi_register *place, volatile uint8_t *memory, uint8_t value)
{
    if (place->space == ACPI_SPACE_IO && place->address <= UINT16_MAX)
        io_write8((uint16_t)place->address, value);
    else if (place->space == ACPI_SPACE_PCI)
        power_write_pci(place->address, value);
    else if (place->space == ACPI_SPACE_MEMORY && memory != NULL)
        *memory = value;
    else
        return STATUS_UNSUPPORTED;
    return power_linger();
}

static void power_write_pm1(uint16_t port, uint8_t sleep_type)
{
    uint16_t control = io_read16(port) & (uint16_t) ~(PM1_CONTROL_SLEEP_MASK | PM1_CONTROL_SLEEP_START);
    control |= (uint16_t)(sleep_type << PM1_CONTROL_SLEEP_SHIFT);
    /* The type first, SLP_EN with the second write: some chipsets latch the type when they see the bit rise. */
    io_write16(port, control);
    io_write16(port, control | PM1_CONTROL_SLEEP_START);
}

enum status power_off_acpi(const struct power *power)
{
    const struct acpi_fadt *fadt = &power->fadt;
    uint64_t place = fadt->hardware_reduced ? fadt->sleep_control.address : fadt->pm1a_control_port;
    if (place == 0 || !power->has_s5)
        return STATUS_NOT_FOUND;
    if (fadt->hardware_reduced)
        return power_write(&fadt->sleep_control, power->sleep_control,
                           (uint8_t)(power->sleep_type_a << SLEEP_CONTROL_SHIFT | SLEEP_CONTROL_START));
    (void)power_enable_acpi(fadt); /* tried all the same where it stays off */
    if (fadt->pm1a_event_port != 0)
        /* Written 1 to clear (4.8.3.1.1): a wake-up that is pending would end the sleep at once. */
        power_write_events(fadt, false, PM1_STATUS_WAKE);
    power_write_pm1(fadt->pm1a_control_port, power->sleep_type_a);
    if (fadt->pm1b_control_port != 0)
        power_write_pm1(fadt->pm1b_control_port, power->sleep_type_b);
    return power_linger();
}

enum status power_reset_acpi(const struct power *power)
{
    const struct acpi_fadt *fadt = &power->fadt;
    return fadt->reset_supported ? power_write(&fadt->reset, power->reset, fadt->reset_value) : STATUS_NOT_FOUND;
}

enum status power_reset_cf9(const struct power *power)
{
    (void)power;
    /* Two writes: the kind of reset first, then the edge that sets it off. */
    io_write8(PORT_RESET_CONTROL, RESET_CONTROL_SYSTEM);
    io_write8(PORT_RESET_CONTROL, RESET_CONTROL_SYSTEM | RESET_CONTROL_CPU);
    return power_linger();
}

enum status power_reset_keyboard(const struct power *power)
{
    (void)power;
    i8042_pulse_reset();
    return power_linger();
}
