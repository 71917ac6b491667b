/* drivers/power.c: the scan for _S5 over AML bytes, and what is written where to go down. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/power.h"
#include "kernel/x86/cpu.h"

/* What was written, in order. Reads give 0, but for PM1a control once SMI firmware was asked, and the event status. */
static struct {
    struct {
        uint16_t port;
        uint32_t value;
    } writes[16];
    unsigned write_count;
    bool acpi_on;
    bool acpi_stays_off;
    uint16_t events[2]; /* PM1a, PM1b */
} ports;

static struct acpi acpi; /* the tables of this machine */
static uint8_t aml[4][64];

static uint64_t tsc;

uint64_t fake_tsc(void)
{
    return tsc += (uint64_t)1 << 24;
}

uint32_t fake_port_read(uint16_t port, unsigned size_bytes)
{
    (void)size_bytes;
    if (port == 0x64)
        return 0xFF; /* no keyboard controller */
    if (port == 0x600 || port == 0x700)
        return ports.events[port == 0x700];
    return port == 0x604 && ports.acpi_on ? 0x0001 : 0;
}

void fake_port_write(uint16_t port, uint32_t value, unsigned size_bytes)
{
    (void)size_bytes;
    assert_true(ports.write_count < ARRAY_COUNT(ports.writes));
    ports.writes[ports.write_count].port = port;
    ports.writes[ports.write_count++].value = value;
    ports.acpi_on |= port == 0xB2 && !ports.acpi_stays_off;
    if (port == 0x600 || port == 0x700)
        ports.events[port == 0x700] &= (uint16_t)~value;
}

static int set_up(void **state)
{
    (void)state;
    memset(&ports, 0, sizeof(ports));
    memset(&acpi, 0, sizeof(acpi));
    return 0;
}

static void assert_write(unsigned index, uint16_t port, uint32_t value)
{
    assert_true(index < ports.write_count);
    assert_int_equal(ports.writes[index].port, port);
    assert_int_equal(ports.writes[index].value, value);
}

/* Exact copies on the heap: ASan sees a scan that leaves the table. */
static enum status find(const uint8_t *bytes, size_t size_bytes, uint8_t *a, uint8_t *b)
{
    uint8_t *copy = malloc(size_bytes + (size_bytes == 0));
    memcpy(copy, bytes, size_bytes);
    enum status status = power_find_s5(copy, size_bytes, a, b);
    free(copy);
    return status;
}

#define FIND(a, b, ...) find((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), (a), (b))

static void s5_is_found_however_it_is_encoded(void **state)
{
    (void)state;
    uint8_t a;
    uint8_t b;
    /* QEMU's: bytes without prefix where they are 0 or 1 */
    assert_int_equal(FIND(&a, &b, 8, '_', 'S', '5', '_', 0x12, 6, 4, 0, 0, 0, 0), STATUS_OK);
    assert_int_equal(a, 0);
    assert_int_equal(b, 0);
    /* a laptop's: byte constants */
    assert_int_equal(FIND(&a, &b, 8, '_', 'S', '5', '_', 0x12, 10, 4, 0x0A, 7, 0x0A, 5, 0, 0), STATUS_OK);
    assert_int_equal(a, 7);
    assert_int_equal(b, 5);
    /* under the root, two bytes of package length, a word and a double word */
    assert_int_equal(FIND(&a, &b, 8, '\\', '_', 'S', '5', '_', 0x12, 0x4A, 0, 2, 0x0B, 6, 0, 0x0C, 3, 0, 0, 0),
                     STATUS_OK);
    assert_int_equal(a, 6);
    assert_int_equal(b, 3);
    /* one element only */
    assert_int_equal(FIND(&a, &b, 8, '_', 'S', '5', '_', 0x12, 4, 1, 0x0A, 5), STATUS_OK);
    assert_int_equal(b, 5);
    /* a use of the name before its definition */
    assert_int_equal(FIND(&a, &b, 0x70, '_', 'S', '5', '_', 0x60, 8, '_', 'S', '5', '_', 0x12, 6, 2, 1, 1), STATUS_OK);
    assert_int_equal(a, 1);
}

static void what_is_not_s5_is_not_found(void **state)
{
    (void)state;
    uint8_t a;
    uint8_t b;
    assert_int_equal(find((const uint8_t *)"", 0, &a, &b), STATUS_NOT_FOUND);
    assert_int_equal(FIND(&a, &b, '_', 'S', '5', '_', 0x12, 6, 2, 0, 0), STATUS_NOT_FOUND);          /* no NameOp */
    assert_int_equal(FIND(&a, &b, 8, '_', 'S', '5', '_', 0x14, 6, 2, 0, 0), STATUS_NOT_FOUND);       /* a method */
    assert_int_equal(FIND(&a, &b, 8, '_', 'S', '5', '_', 0x12, 6, 0, 0, 0), STATUS_NOT_FOUND);       /* empty */
    assert_int_equal(FIND(&a, &b, 8, '_', 'S', '5', '_', 0x12, 6, 2, 0x0A, 8, 0), STATUS_NOT_FOUND); /* over 3 bits */
    assert_int_equal(FIND(&a, &b, 8, '_', 'S', '5', '_', 0x12, 6, 2, 0x0B, 1, 1, 0), STATUS_NOT_FOUND);
    assert_int_equal(FIND(&a, &b, 8, '_', 'S', '5', '_', 0x12, 6, 2, 'X', 0), STATUS_NOT_FOUND);
}

static void a_cut_table_is_safe(void **state)
{
    (void)state;
    static const uint8_t whole[] = {8, '_', 'S', '5', '_', 0x12, 0xC9, 0, 0, 0, 2, 0x0C, 5, 0, 0, 0, 0x0A, 5};
    uint8_t a;
    uint8_t b;
    for (size_t size_bytes = 0; size_bytes < sizeof(whole); size_bytes++)
        assert_int_equal(find(whole, size_bytes, &a, &b), STATUS_NOT_FOUND);
    assert_int_equal(find(whole, sizeof(whole), &a, &b), STATUS_OK);
}

/* One more table, which has _S5 with types `a` and 6, or nothing when `a` is over 7. */
static void add_table(const char *signature, uint8_t a)
{
    static const uint8_t package[] = {8, '_', 'S', '5', '_', 0x12, 8, 2, 0x0A, 5, 0x0A, 6};
    uint8_t *bytes = aml[acpi.table_count];
    memset(bytes, 0, sizeof(aml[0]));
    memcpy(bytes + 36, package, sizeof(package));
    bytes[36 + 9] = a;
    struct acpi_table *table = &acpi.tables[acpi.table_count++];
    *table = (struct acpi_table){.valid = true, .extent = PRANGE(0, 64), .bytes = bytes};
    memcpy(table->signature, signature, sizeof(table->signature));
}

static void soft_off_enables_acpi_and_writes_both_registers(void **state)
{
    (void)state;
    struct power power;
    add_table("DSDT", 5);
    struct acpi_fadt fadt = {
        .pm1a_event_port = 0x600,
        .pm1a_control_port = 0x604,
        .pm1b_control_port = 0x704,
        .smi_command_port = 0xB2,
        .acpi_enable = 0xF1,
    };
    power_init(&power, &fadt, &acpi);
    assert_int_equal(power_off_acpi(&power), STATUS_TIMEOUT); /* this machine stays on */
    assert_int_equal(ports.write_count, 6);
    assert_write(0, 0xB2, 0xF1);
    assert_write(1, 0x600, 0x8000);
    assert_write(2, 0x604, 0x0001 | 5 << 10);
    assert_write(3, 0x604, 0x0001 | 5 << 10 | 1 << 13);
    assert_write(4, 0x704, 6 << 10);
    assert_write(5, 0x704, 6 << 10 | 1 << 13);
}

static void soft_off_is_looked_for_in_other_tables_too(void **state)
{
    (void)state;
    struct power power;
    struct acpi_fadt fadt = {.pm1a_control_port = 0x604};
    add_table("SSDT", 0xFF);
    add_table("SSDT", 3);
    add_table("SSDT", 4);
    power_init(&power, &fadt, &acpi);
    assert_true(power.has_s5);
    assert_int_equal(power.sleep_type_a, 3); /* the first that says it */
    add_table("DSDT", 7);
    power_init(&power, &fadt, &acpi);
    assert_int_equal(power.sleep_type_a, 7); /* the DSDT goes before them, wherever it stands */
    acpi.tables[3].valid = false;
    acpi.tables[1].valid = false;
    power_init(&power, &fadt, &acpi);
    assert_int_equal(power.sleep_type_a, 4);
    memcpy(acpi.tables[2].signature, "OEM1", 4);
    power_init(&power, &fadt, &acpi);
    assert_false(power.has_s5);
}

/* ---- The power button ---- */

static const struct acpi_fadt button_fadt = {
    .pm1a_event_port = 0x600,
    .pm1b_event_port = 0x700,
    .pm1_event_bytes = 4,
    .pm1a_control_port = 0x604,
    .smi_command_port = 0xB2,
    .acpi_enable = 0xF1,
    .general_events = {{0x620, 4}, {0, 8}},
};

static void button_is_all_that_interrupts(void **state)
{
    (void)state;
    struct power power = {.fadt = button_fadt};
    assert_int_equal(power_button_start(&power), STATUS_OK);
    assert_int_equal(ports.write_count, 7);
    assert_write(0, 0xB2, 0xF1); /* ACPI on */
    assert_write(1, 0x622, 0);   /* general events off: the upper half of their block */
    assert_write(2, 0x623, 0);
    assert_write(3, 0x600, 0x0100); /* a press of before forgotten */
    assert_write(4, 0x700, 0x0100);
    assert_write(5, 0x602, 0x0100); /* the button's alone on */
    assert_write(6, 0x702, 0x0100);
    ports.write_count = 0;
    assert_int_equal(power_button_start(&power), STATUS_OK); /* ACPI is on already: nobody is asked again */
    assert_write(0, 0x622, 0);
}

static void presses_are_taken_once(void **state)
{
    (void)state;
    struct power power = {.fadt = button_fadt};
    for (unsigned block = 0; block < 2; block++) {
        ports.events[block] = 0x0101; /* and the timer, which is not enabled and stays as it is */
        assert_true(power_button_take(&power));
        assert_int_equal(ports.events[block], 0x0001);
        assert_false(power_button_take(&power));
    }
}

static void buttons_that_are_no_fixed_event(void **state)
{
    (void)state;
    struct power power = {.fadt = button_fadt};
    power.fadt.button_is_method = true;
    assert_int_equal(power_button_start(&power), STATUS_UNSUPPORTED);
    power.fadt = button_fadt;
    power.fadt.hardware_reduced = true;
    assert_int_equal(power_button_start(&power), STATUS_UNSUPPORTED);
    power.fadt = (struct acpi_fadt){0};
    assert_int_equal(power_button_start(&power), STATUS_NOT_FOUND);
    assert_int_equal(ports.write_count, 0);
    power.fadt = button_fadt;
    ports.acpi_stays_off = true;
    assert_int_equal(power_button_start(&power), STATUS_TIMEOUT);
    assert_int_equal(ports.write_count, 1);
    power.fadt.smi_command_port = 0; /* no such command: it is always on */
    assert_int_equal(power_button_start(&power), STATUS_OK);
}

/* ---- Ways down ---- */

static void hardware_reduced_machines_use_sleep_control(void **state)
{
    (void)state;
    struct power power;
    add_table("DSDT", 5);
    struct acpi_fadt fadt = {.hardware_reduced = true, .sleep_control = {.address = 0x3F0, .space = ACPI_SPACE_IO}};
    power_init(&power, &fadt, &acpi);
    assert_int_equal(power_off_acpi(&power), STATUS_TIMEOUT);
    assert_int_equal(ports.write_count, 1);
    assert_write(0, 0x3F0, 5 << 2 | 1 << 5);

    uint8_t sleep_control = 0;
    power.fadt.sleep_control.space = ACPI_SPACE_MEMORY;
    assert_int_equal(power_off_acpi(&power), STATUS_UNSUPPORTED); /* nobody mapped it */
    power.sleep_control = &sleep_control;
    assert_int_equal(power_off_acpi(&power), STATUS_TIMEOUT);
    assert_int_equal(sleep_control, 5 << 2 | 1 << 5);
    assert_int_equal(ports.write_count, 1);
}

static void without_acpi_nothing_is_written(void **state)
{
    (void)state;
    struct power power;
    power_init(&power, NULL, NULL);
    assert_int_equal(power_off_acpi(&power), STATUS_NOT_FOUND);
    assert_int_equal(power_reset_acpi(&power), STATUS_NOT_FOUND);
    struct acpi_fadt fadt = {.pm1a_control_port = 0x604};
    power_init(&power, &fadt, &acpi);
    assert_int_equal(power_off_acpi(&power), STATUS_NOT_FOUND);
    assert_int_equal(ports.write_count, 0);
}

static void resets_write_what_the_manuals_say(void **state)
{
    (void)state;
    struct power power;
    struct acpi_fadt fadt = {
        .reset = {.address = 0xCF9, .space = ACPI_SPACE_IO},
        .reset_value = 0x0F,
        .reset_supported = true,
    };
    power_init(&power, &fadt, &acpi);
    assert_int_equal(power_reset_acpi(&power), STATUS_TIMEOUT);
    assert_write(0, 0xCF9, 0x0F);
    assert_int_equal(power_reset_cf9(NULL), STATUS_TIMEOUT);
    assert_write(1, 0xCF9, 0x02);
    assert_write(2, 0xCF9, 0x06);
    assert_int_equal(power_reset_keyboard(NULL), STATUS_TIMEOUT);
    assert_int_equal(ports.write_count, 3);

    fadt.reset = (struct acpi_register){.address = (uint64_t)0x1F << 32 | 3 << 16 | 0x43, .space = ACPI_SPACE_PCI};
    power_init(&power, &fadt, &acpi);
    assert_int_equal(power_reset_acpi(&power), STATUS_TIMEOUT);
    assert_write(3, 0xCF8, 0x80000000 | 0x1F << 11 | 3 << 8 | 0x40);
    assert_write(4, 0xCFF, 0x0F);
    uint8_t reset = 0;
    fadt.reset.space = ACPI_SPACE_MEMORY;
    power_init(&power, &fadt, &acpi);
    assert_int_equal(power_reset_acpi(&power), STATUS_UNSUPPORTED); /* nobody mapped it */
    power.reset = &reset;
    assert_int_equal(power_reset_acpi(&power), STATUS_TIMEOUT);
    assert_int_equal(reset, 0x0F);
    fadt.reset = (struct acpi_register){.address = 0x10CF9, .space = ACPI_SPACE_IO};
    power_init(&power, &fadt, &acpi);
    assert_int_equal(power_reset_acpi(&power), STATUS_UNSUPPORTED); /* 0xCF9 is some other port */
    assert_int_equal(ports.write_count, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(s5_is_found_however_it_is_encoded, set_up),
        cmocka_unit_test_setup(what_is_not_s5_is_not_found, set_up),
        cmocka_unit_test_setup(a_cut_table_is_safe, set_up),
        cmocka_unit_test_setup(soft_off_enables_acpi_and_writes_both_registers, set_up),
        cmocka_unit_test_setup(soft_off_is_looked_for_in_other_tables_too, set_up),
        cmocka_unit_test_setup(button_is_all_that_interrupts, set_up),
        cmocka_unit_test_setup(presses_are_taken_once, set_up),
        cmocka_unit_test_setup(buttons_that_are_no_fixed_event, set_up),
        cmocka_unit_test_setup(hardware_reduced_machines_use_sleep_control, set_up),
        cmocka_unit_test_setup(without_acpi_nothing_is_written, set_up),
        cmocka_unit_test_setup(resets_write_what_the_manuals_say, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
