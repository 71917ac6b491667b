/* drivers/pci.c over a configuration space in memory (ECAM), and over one behind the two ports. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/pci.h"
#include "kernel/x86/io.h"

#define BUSES          4u
#define FUNCTION_BYTES 4096u

static uint8_t *ecam; /* BUSES * 1 MiB; all ones where nobody is */
static uint32_t port_address;

/* Ports 0xCF8 and 0xCFC reach the same functions. */
static uint8_t *port_target(void)
{
    uint32_t bus = port_address >> 16 & 0xFF;
    if ((port_address & 0x80000000) == 0 || bus >= BUSES)
        return NULL;
    return ecam + bus * PCI_ECAM_BUS_BYTES + (port_address >> 8 & 0xFF) * FUNCTION_BYTES + (port_address & 0xFC);
}

uint32_t fake_port_read(uint16_t port, unsigned size_bytes)
{
    uint32_t value = UINT32_MAX;
    assert_int_equal(port, 0xCFC);
    assert_int_equal(size_bytes, 4);
    if (port_target() != NULL)
        memcpy(&value, port_target(), sizeof(value));
    return value;
}

void fake_port_write(uint16_t port, uint32_t value, unsigned size_bytes)
{
    assert_int_equal(size_bytes, 4);
    if (port == 0xCF8)
        port_address = value;
    else if (port_target() != NULL)
        memcpy(port_target(), &value, sizeof(value));
}

static uint8_t *place(unsigned bus, unsigned device, unsigned function)
{
    return ecam + bus * PCI_ECAM_BUS_BYTES + (device << 3 | function) * FUNCTION_BYTES;
}

static void add_function(unsigned bus, unsigned device, unsigned function, uint32_t class_and_subclass, uint8_t header)
{
    uint32_t words[4] = {
        0x12348086u,
        0xF9000000u | 0x0007u, /* status bits that a careless write would clear; command: all on */
        class_and_subclass << 16,
        (uint32_t)header << 16,
    };
    memset(place(bus, device, function), 0, 256);
    memcpy(place(bus, device, function), words, sizeof(words));
}

static uint32_t command_of(unsigned bus, unsigned device, unsigned function)
{
    uint32_t value;
    memcpy(&value, place(bus, device, function) + PCI_COMMAND, sizeof(value));
    return value;
}

/* Bus 0: host bridge, display, a three-function device, a bridge to bus 1. Bus 3: a root bus that nothing leads to. */
static int set_up(void **state)
{
    (void)state;
    ecam = malloc(BUSES * PCI_ECAM_BUS_BYTES);
    memset(ecam, 0xFF, BUSES * PCI_ECAM_BUS_BYTES);
    add_function(0, 0, 0, 0x0600, 0x00);
    add_function(0, 1, 0, 0x0300, 0x00);
    add_function(0, 2, 0, 0x0C03, 0x80);
    add_function(0, 2, 5, 0x0106, 0x80);
    add_function(0, 2, 7, 0x0200, 0x80);
    add_function(0, 28, 0, 0x0604, 0x01);
    add_function(1, 0, 0, 0x0108, 0x00);
    add_function(1, 0, 3, 0x0200, 0x00); /* an echo: function 0 says that it is alone */
    add_function(3, 31, 0, 0x0200, 0x00);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(ecam);
    return 0;
}

static void start(struct pci *pci, struct pci_function *functions, uint32_t capacity, bool by_ports)
{
    struct pci_segment segment = {.ecam = by_ports ? NULL : ecam, .first_bus = 0, .last_bus = BUSES - 1};
    *pci = (struct pci){.functions = functions, .capacity = capacity};
    assert_int_equal(pci_add_segment(pci, segment), STATUS_OK);
}

static void all_functions_are_found(void **state)
{
    (void)state;
    for (unsigned by_ports = 0; by_ports < 2; by_ports++) {
        struct pci pci;
        struct pci_function functions[16];
        start(&pci, functions, 16, by_ports != 0);
        pci_quiesce(&pci);
        assert_int_equal(pci.function_count, 8);
        assert_int_equal(pci.dropped_count, 0);
        assert_int_equal(functions[3].address.device, 2);
        assert_int_equal(functions[3].address.function, 5);
        assert_int_equal(functions[3].vendor_id, 0x8086);
        assert_int_equal(functions[3].device_id, 0x1234);
        assert_int_equal(functions[3].class_code, 0x01);
        assert_int_equal(functions[3].subclass, 0x06);
        assert_int_equal(functions[7].address.bus, 3);
    }
}

static void quiesce_spares_bridges_and_displays(void **state)
{
    (void)state;
    struct pci pci;
    struct pci_function functions[16];
    start(&pci, functions, 16, false);
    pci_quiesce(&pci);
    assert_int_equal(pci.silenced_count, 5);
    assert_int_equal(command_of(0, 0, 0) & 7, 7);
    assert_int_equal(command_of(0, 1, 0) & 7, 7);
    assert_int_equal(command_of(0, 28, 0) & 7, 7);
    /* Its line is off, too. Status was written as zeros: nothing cleared by writing ones. */
    assert_int_equal(command_of(0, 2, 0), 0x403);
    assert_int_equal(command_of(0, 2, 7) & 7, 3);
    assert_int_equal(command_of(1, 0, 0) & 7, 3);
    assert_int_equal(command_of(3, 31, 0) & 7, 3);
    assert_true(functions[2].silenced);
    assert_false(functions[0].silenced);
    pci_quiesce(&pci);
    assert_int_equal(pci.silenced_count, 0); /* nobody has it any more */
    assert_int_equal(pci.function_count, 8);
}

static void a_full_table_still_silences_everything(void **state)
{
    (void)state;
    struct pci pci;
    struct pci_function functions[2];
    start(&pci, functions, 2, false);
    pci_quiesce(&pci);
    assert_int_equal(pci.function_count, 2);
    assert_int_equal(pci.dropped_count, 6);
    assert_int_equal(pci.silenced_count, 5);
    assert_int_equal(command_of(3, 31, 0) & 7, 3);
}

static void segments_are_checked(void **state)
{
    (void)state;
    struct pci pci = {0};
    assert_int_equal(pci_add_segment(&pci, (struct pci_segment){.number = 1}), STATUS_INVALID); /* no ECAM */
    struct pci_segment backwards = {.ecam = ecam, .first_bus = 2, .last_bus = 1};
    assert_int_equal(pci_add_segment(&pci, backwards), STATUS_INVALID);
    struct pci_segment low = {.ecam = ecam, .first_bus = 0, .last_bus = 1};
    struct pci_segment overlapping = {.ecam = ecam, .first_bus = 1, .last_bus = 3};
    struct pci_segment high = {.ecam = ecam + 2 * PCI_ECAM_BUS_BYTES, .first_bus = 2, .last_bus = 3};
    assert_int_equal(pci_add_segment(&pci, low), STATUS_OK);
    assert_int_equal(pci_add_segment(&pci, overlapping), STATUS_INVALID);
    assert_int_equal(pci_add_segment(&pci, high), STATUS_OK);
    for (uint16_t number = 1; pci.segment_count < PCI_SEGMENTS_MAX; number++) {
        struct pci_segment more = {.ecam = ecam, .number = number};
        assert_int_equal(pci_add_segment(&pci, more), STATUS_OK);
    }
    assert_int_equal(pci_add_segment(&pci, (struct pci_segment){.ecam = ecam, .number = 99}), STATUS_LIMIT);

    struct pci_address inside = {.bus = 3, .device = 31};
    assert_int_equal(pci_read32(&pci, inside, PCI_VENDOR_ID), 0x12348086);
    struct pci_address outside = {.bus = 200};
    assert_int_equal(pci_read32(&pci, outside, PCI_VENDOR_ID), UINT32_MAX);
    pci_write32(&pci, outside, PCI_COMMAND, 0);
}

static void an_empty_machine_is_no_error_of_ours(void **state)
{
    (void)state;
    struct pci pci;
    struct pci_function functions[1];
    memset(ecam, 0xFF, BUSES * PCI_ECAM_BUS_BYTES);
    memset(place(2, 0, 0), 0, 256); /* reads as zeros: nobody either */
    start(&pci, functions, 1, false);
    pci_quiesce(&pci);
    assert_int_equal(pci.function_count, 0);
    assert_int_equal(pci.silenced_count, 0);
}

static void classes_have_names(void **state)
{
    (void)state;
    assert_string_equal(pci_class_name(0x02, 0x00), "Ethernet controller");
    assert_string_equal(pci_class_name(0x02, 0x55), "network controller");
    assert_string_equal(pci_class_name(0xEE, 0x00), "device");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_functions_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quiesce_spares_bridges_and_displays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_table_still_silences_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(segments_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_machine_is_no_error_of_ours, set_up, tear_down),
        cmocka_unit_test(classes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
