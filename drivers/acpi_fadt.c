/*
 * The FADT, 5.2.9 (table 5.9 has the offsets). Old revisions end early; each 64-bit "X" field replaces the field that
 * came before it where it is there and sensible.
 *
 *     revision 1   116 bytes   ports as 32-bit numbers, no reset register
 *     from 3 on    244         generic addresses ("X_..."): a space, a width, a 64-bit address
 *     from 5 on    268         sleep control and status, for hardware-reduced machines, which have no PM1 block at all
 *
 * A field that the table is too short for reads as 0 (acpi_read.h), which is "absent" for each of them, so revisions
 * are not asked for: real tables claim one and have the length of another.
 */
#include "drivers/acpi_read.h"

#define FADT_BYTES_V1 116u

enum {
    FADT_FACS = 36,
    FADT_DSDT = 40,
    FADT_SCI_INT = 46,
    FADT_SMI_CMD = 48,
    FADT_ACPI_ENABLE = 52,
    FADT_FLAGS = 112,
    FADT_RESET_REG = 116,
    FADT_RESET_VALUE = 128,
    FADT_X_FACS = 132,
    FADT_X_DSDT = 140,
    FADT_SLEEP_CONTROL = 244,
};

/* Where the table tells of a block of registers. */
struct fadt_place {
    uint8_t port;      /* 4 bytes */
    uint8_t wide;      /* the generic address that replaces it */
    uint8_t length;    /* 1 byte */
    uint8_t bytes_min; /* what the block holds, whatever its length says */
};
static const struct fadt_place fadt_pm1a_event = {56, 148, 88, 4}; /* two registers of 16 bits */
static const struct fadt_place fadt_pm1b_event = {60, 160, 88, 4};
static const struct fadt_place fadt_pm1a_control = {64, 172, 89, 0};
static const struct fadt_place fadt_pm1b_control = {68, 184, 89, 0};
static const struct fadt_place fadt_pm_timer = {76, 208, 91, 0};
static const struct fadt_place fadt_events[ACPI_EVENT_BLOCKS] = {
    {80, 220, 92, 0},
    {84, 232, 93, 0}
};

/* Table 5.10 */
#define FLAG_PWR_BUTTON      ((uint32_t)1 << 4)
#define FLAG_TMR_VAL_EXT     ((uint32_t)1 << 8)
#define FLAG_RESET_REG_SUP   ((uint32_t)1 << 10)
#define FLAG_HW_REDUCED_ACPI ((uint32_t)1 << 20)

#define PORT_LIMIT 0x10000u

/* Ports below are the mainboard's own devices (DMA, timer, keyboard, ...): a PM block said to be there is a lie. */
#define PORT_FIXED_FIRST 0x100u

/* 5.2.3.2: a generic address structure of 12 bytes. */
static struct acpi_register fadt_generic(const struct acpi_table *table, uint32_t offset)
{
    return (struct acpi_register){
        .address = acpi_field(table, offset + 4, 8),
        .space = (uint8_t)acpi_field(table, offset, 1),
    };
}

static uint16_t fadt_believable(uint64_t port)
{
    return port >= PORT_FIXED_FIRST && port < PORT_LIMIT ? (uint16_t)port : 0;
}

static uint64_t fadt_address(const struct acpi_table *table, uint32_t wide_offset, uint32_t offset)
{
    uint64_t wide = acpi_field(table, wide_offset, 8);
    return wide != 0 ? wide : acpi_field(table, offset, 4);
}

/* The X field, else the old one. Registers that reach beyond the last port would be the first ones. */
static struct acpi_block fadt_block(const struct acpi_table *table, const struct fadt_place *place)
{
    uint8_t size_bytes = (uint8_t)max_u64(acpi_field(table, place->length, 1), place->bytes_min);
    struct acpi_register wide = fadt_generic(table, place->wide);
    uint16_t port = wide.space == ACPI_SPACE_IO ? fadt_believable(wide.address) : 0;
    if (port == 0)
        port = fadt_believable(acpi_field(table, place->port, 4));
    return (struct acpi_block){(uint32_t)port + size_bytes <= PORT_LIMIT ? port : 0, size_bytes};
}

static void fadt_read_fixed_hardware(const struct acpi_table *table, struct acpi_fadt *fadt)
{
    fadt->pm1_event_bytes = fadt_block(table, &fadt_pm1a_event).size_bytes;
    fadt->pm1a_event_port = fadt_block(table, &fadt_pm1a_event).port;
    fadt->pm1b_event_port = fadt_block(table, &fadt_pm1b_event).port;
    fadt->pm1a_control_port = fadt_block(table, &fadt_pm1a_control).port;
    fadt->pm1b_control_port = fadt_block(table, &fadt_pm1b_control).port;
    fadt->pm_timer_port = fadt_block(table, &fadt_pm_timer).port;
    for (unsigned i = 0; i < ACPI_EVENT_BLOCKS; i++)
        fadt->general_events[i] = fadt_block(table, &fadt_events[i]);
    uint64_t smi_command = acpi_field(table, FADT_SMI_CMD, 4);
    fadt->smi_command_port = smi_command < PORT_LIMIT ? (uint16_t)smi_command : 0;
    fadt->acpi_enable = (uint8_t)acpi_field(table, FADT_ACPI_ENABLE, 1);
    fadt->sci_interrupt = (uint16_t)acpi_field(table, FADT_SCI_INT, 2);
}

enum status acpi_fadt_parse(const struct acpi_table *table, struct acpi_fadt *fadt)
{
    __builtin_memset(fadt, 0, sizeof(*fadt));
    if (!acpi_table_is(table, "FACP", FADT_BYTES_V1))
        return STATUS_INVALID;
    uint64_t flags = acpi_field(table, FADT_FLAGS, 4);
    fadt->dsdt = fadt_address(table, FADT_X_DSDT, FADT_DSDT);
    fadt->facs = fadt_address(table, FADT_X_FACS, FADT_FACS);
    fadt->pm_timer_wide = (flags & FLAG_TMR_VAL_EXT) != 0;
    fadt->hardware_reduced = (flags & FLAG_HW_REDUCED_ACPI) != 0;
    fadt->button_is_method = (flags & FLAG_PWR_BUTTON) != 0;
    if (fadt->hardware_reduced)
        fadt->sleep_control = fadt_generic(table, FADT_SLEEP_CONTROL);
    else
        fadt_read_fixed_hardware(table, fadt);
    fadt->reset = fadt_generic(table, FADT_RESET_REG);
    fadt->reset_value = (uint8_t)acpi_field(table, FADT_RESET_VALUE, 1);
    fadt->reset_supported = (flags & FLAG_RESET_REG_SUP) != 0 && fadt->reset.address != 0;
    return STATUS_OK;
}
