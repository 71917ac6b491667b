/*
 * Ways down. Each writes what the specification says and then lingers: the machine takes a moment to obey, and only if
 * it is still running afterwards has the way failed.
 */
#include "drivers/power.h"

#include "drivers/i8042.h"
#include "kernel/x86/cpu.h"

/* ACPI 6.5, 4.8.3.1 (PM1 status), 4.8.3.2 (PM1 control), 4.8.3.7 (sleep control). */
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
#define AML_WORD_PREFIX  0x0Bu
#define AML_DWORD_PREFIX 0x0Cu
#define AML_PACKAGE_OP   0x12u
#define AML_LENGTH_SHIFT 6u /* PkgLength: how many bytes follow the lead byte */
#define SLEEP_TYPE_MAX   7u
#define AML_NAME_BYTES   4u
#define AML_HEADER_BYTES 36u /* the table's header before the AML */

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

struct aml_reader {
    const uint8_t *next;
    const uint8_t *end;
};

static bool aml_byte(struct aml_reader *aml, uint8_t *byte)
{
    if (aml->next == aml->end)
        return false;
    *byte = *aml->next++;
    return true;
}

/* One integer of a package that is a sleep type: constants up to SLEEP_TYPE_MAX, of whatever width. */
static bool aml_sleep_type(struct aml_reader *aml, uint8_t *value)
{
    uint8_t op;
    uint8_t high = 0;
    if (!aml_byte(aml, &op))
        return false;
    *value = op;
    if (op == AML_ZERO_OP || op == AML_ONE_OP)
        return true;
    unsigned high_bytes = op == AML_BYTE_PREFIX ? 0 : op == AML_WORD_PREFIX ? 1 : 3;
    if (op != AML_BYTE_PREFIX && op != AML_WORD_PREFIX && op != AML_DWORD_PREFIX)
        return false;
    if (!aml_byte(aml, value) || *value > SLEEP_TYPE_MAX)
        return false;
    while (high_bytes-- != 0) {
        if (!aml_byte(aml, &high) || high != 0)
            return false;
    }
    return true;
}

/* PackageOp PkgLength NumElements, then the two sleep types. `aml` starts behind the name. */
static bool aml_sleep_package(struct aml_reader aml, uint8_t *type_a, uint8_t *type_b)
{
    uint8_t byte;
    if (!aml_byte(&aml, &byte) || byte != AML_PACKAGE_OP || !aml_byte(&aml, &byte))
        return false;
    for (unsigned more = byte >> AML_LENGTH_SHIFT; more != 0; more--) {
        if (!aml_byte(&aml, &byte))
            return false;
    }
    if (!aml_byte(&aml, &byte) || byte == 0 || !aml_sleep_type(&aml, type_a))
        return false;
    *type_b = *type_a; /* machines without a PM1b may leave it out */
    return byte < 2 || aml_sleep_type(&aml, type_b);
}

/* Name (_S5_ or Name (\_S5_: the byte before the name tells it from a mere use of it. */
static bool aml_is_name(const uint8_t *aml, uint64_t at)
{
    if (at >= 1 && aml[at - 1] == AML_NAME_OP)
        return true;
    return at >= 2 && aml[at - 1] == '\\' && aml[at - 2] == AML_NAME_OP;
}

enum status power_find_s5(const uint8_t *aml, uint64_t size_bytes, uint8_t *sleep_type_a, uint8_t *sleep_type_b)
{
    for (uint64_t at = 0; at + AML_NAME_BYTES <= size_bytes; at++) {
        if (aml[at] != '_' || __builtin_memcmp(aml + at, "_S5_", AML_NAME_BYTES) != 0 || !aml_is_name(aml, at))
            continue;
        struct aml_reader package = {.next = aml + at + AML_NAME_BYTES, .end = aml + size_bytes};
        if (aml_sleep_package(package, sleep_type_a, sleep_type_b))
            return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

void power_init(struct power *power, const struct acpi_fadt *fadt, const struct acpi_table *dsdt)
{
    __builtin_memset(power, 0, sizeof(*power));
    if (fadt != NULL) {
        power->fadt = *fadt;
        power->has_fadt = true;
    }
    if (dsdt == NULL || !dsdt->valid)
        return;
    enum status status = power_find_s5(dsdt->bytes + AML_HEADER_BYTES, prange_bytes(dsdt->extent) - AML_HEADER_BYTES,
                                       &power->sleep_type_a, &power->sleep_type_b);
    power->has_s5 = status == STATUS_OK;
}

static bool power_is_port(struct acpi_register place)
{
    return place.address != 0 && place.space == ACPI_SPACE_IO && place.address <= UINT16_MAX;
}

/* Legacy machines start with ACPI off; SMI firmware turns it on (4.8.3.2.1). Sleeping is tried even if it does not. */
static void power_enable_acpi(const struct acpi_fadt *fadt)
{
    uint16_t control = (uint16_t)fadt->pm1a_control.address;
    if (fadt->smi_command_port == 0 || fadt->smi_command_port > UINT16_MAX || fadt->acpi_enable == 0)
        return;
    if ((io_read16(control) & PM1_CONTROL_SCI_ENABLED) != 0)
        return;
    io_write8((uint16_t)fadt->smi_command_port, fadt->acpi_enable);
    uint64_t start = cpu_tsc();
    while ((io_read16(control) & PM1_CONTROL_SCI_ENABLED) == 0 && cpu_tsc() - start < LINGER_TICKS)
        continue;
}

static void power_write_pm1(uint16_t port, uint8_t sleep_type)
{
    uint16_t control = io_read16(port) & (uint16_t) ~(PM1_CONTROL_SLEEP_MASK | PM1_CONTROL_SLEEP_START);
    control |= (uint16_t)(sleep_type << PM1_CONTROL_SLEEP_SHIFT);
    io_write16(port, control);
    io_write16(port, control | PM1_CONTROL_SLEEP_START);
}

static enum status power_off_reduced(const struct power *power)
{
    if (!power_is_port(power->fadt.sleep_control))
        return STATUS_NOT_FOUND;
    io_write8((uint16_t)power->fadt.sleep_control.address,
              (uint8_t)(power->sleep_type_a << SLEEP_CONTROL_SHIFT | SLEEP_CONTROL_START));
    return power_linger();
}

enum status power_off_acpi(const struct power *power)
{
    const struct acpi_fadt *fadt = &power->fadt;
    if (!power->has_fadt || !power->has_s5)
        return STATUS_NOT_FOUND;
    if (fadt->hardware_reduced)
        return power_off_reduced(power);
    if (!power_is_port(fadt->pm1a_control))
        return STATUS_NOT_FOUND;
    power_enable_acpi(fadt);
    if (power_is_port(fadt->pm1a_event))
        io_write16((uint16_t)fadt->pm1a_event.address, PM1_STATUS_WAKE);
    power_write_pm1((uint16_t)fadt->pm1a_control.address, power->sleep_type_a);
    if (power_is_port(fadt->pm1b_control))
        power_write_pm1((uint16_t)fadt->pm1b_control.address, power->sleep_type_b);
    return power_linger();
}

/* The address holds device << 32, function << 16 and offset, on bus 0 (5.2.3.2). */
static void power_write_pci(uint64_t place, uint8_t value)
{
    uint32_t device = (uint32_t)(place >> 32) & 0x1F;
    uint32_t function = (uint32_t)(place >> 16) & 0x7;
    uint32_t offset = (uint32_t)place & 0xFF;
    io_write32(PORT_PCI_ADDRESS, PCI_ADDRESS_ENABLE | device << 11 | function << 8 | (offset & ~3u));
    io_write8((uint16_t)(PORT_PCI_DATA + (offset & 3)), value);
}

enum status power_reset_acpi(const struct power *power)
{
    const struct acpi_fadt *fadt = &power->fadt;
    if (!power->has_fadt || !fadt->reset_supported)
        return STATUS_NOT_FOUND;
    if (fadt->reset.space == ACPI_SPACE_IO)
        io_write8((uint16_t)fadt->reset.address, fadt->reset_value);
    else if (fadt->reset.space == ACPI_SPACE_PCI)
        power_write_pci(fadt->reset.address, fadt->reset_value);
    else
        return STATUS_UNSUPPORTED; /* in memory: it would have to be mapped, and 0xCF9 works on those machines */
    return power_linger();
}

enum status power_reset_cf9(void)
{
    io_write8(PORT_RESET_CONTROL, RESET_CONTROL_SYSTEM);
    io_write8(PORT_RESET_CONTROL, RESET_CONTROL_SYSTEM | RESET_CONTROL_CPU);
    return power_linger();
}

enum status power_reset_keyboard(void)
{
    i8042_pulse_reset();
    return power_linger();
}
