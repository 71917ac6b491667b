/* drivers/ich9.c over the LPC bridge's configuration registers, reached by the two ports. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/ich9.h"
#include "kernel/x86/io.h"

#define LPC_BRIDGE 0x8000F800u /* bus 0, device 31, function 0, as port 0xCF8 has it */
#define ICH9       0x29188086u
#define PMBASE     0x40u
#define ACPI_CNTL  0x44u

static uint32_t registers[64]; /* of the bridge; nobody else is there */
static uint32_t port_address;
static unsigned write_count;

uint32_t fake_port_read(uint16_t port, unsigned size_bytes)
{
    assert_int_equal(port, 0xCFC);
    assert_int_equal(size_bytes, 4);
    return (port_address & ~0xFFu) == LPC_BRIDGE ? registers[(port_address & 0xFF) / 4] : UINT32_MAX;
}

void fake_port_write(uint16_t port, uint32_t value, unsigned size_bytes)
{
    assert_int_equal(size_bytes, 4);
    if (port == 0xCF8) {
        port_address = value;
        return;
    }
    assert_int_equal(port, 0xCFC);
    assert_int_equal(port_address & ~0xFFu, LPC_BRIDGE);
    registers[(port_address & 0xFF) / 4] = value;
    write_count++;
}

static int set_up(void **state)
{
    (void)state;
    memset(registers, 0, sizeof(registers));
    registers[0] = ICH9;
    registers[PMBASE / 4] = 0x1; /* in I/O space, nowhere yet */
    write_count = 0;
    return 0;
}

static bool find(uint16_t *port)
{
    struct pci pci = {0};
    assert_int_equal(pci_add_segment(&pci, (struct pci_segment){.last_bus = 255}), STATUS_OK);
    return ich9_pm_block(&pci, port);
}

static void a_block_that_firmware_left_nowhere_is_placed_and_turned_on(void **state)
{
    (void)state;
    uint16_t port = 0;
    registers[ACPI_CNTL / 4] = 0x12345602; /* the SCI's interrupt and other registers' bits stay */
    assert_true(find(&port));
    assert_int_equal(port, 0x600);
    assert_int_equal(registers[PMBASE / 4], 0x601);
    assert_int_equal(registers[ACPI_CNTL / 4], 0x12345682);
}

static void a_block_that_firmware_placed_stays_there(void **state)
{
    (void)state;
    uint16_t port = 0;
    registers[PMBASE / 4] = 0xB001;
    registers[ACPI_CNTL / 4] = 0x80;
    assert_true(find(&port));
    assert_int_equal(port, 0xB000);
    assert_int_equal(write_count, 0);
}

static void another_bridge_is_left_alone(void **state)
{
    (void)state;
    static const uint32_t identities[] = {0x70008086, UINT32_MAX, 0};
    for (size_t i = 0; i < ARRAY_COUNT(identities); i++) {
        uint16_t port = 0;
        registers[0] = identities[i];
        assert_false(find(&port));
        assert_int_equal(port, 0);
        assert_int_equal(write_count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_block_that_firmware_left_nowhere_is_placed_and_turned_on, set_up),
        cmocka_unit_test_setup(a_block_that_firmware_placed_stays_there, set_up),
        cmocka_unit_test_setup(another_bridge_is_left_alone, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
