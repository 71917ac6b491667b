/* drivers/serial.c against a model of a 16550: present, absent, without FIFO, stuck. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/serial.h"
#include "kernel/x86/cpu.h"

#define PORT 0x3F8u

/* The chip. */
static struct {
    bool absent;
    uint8_t absent_reads;
    bool has_fifo;
    bool stuck;
    uint8_t scratch;
    uint8_t line_control;
    uint8_t interrupt_enable;
    uint8_t modem_control;
    uint8_t divisor[2];
    unsigned fifo_used; /* since the line was last idle */
    unsigned status_reads;
    const char *received; /* what the other side typed */
    char sent[4096];
    unsigned sent_count;
} chip;

static uint64_t tsc;

uint64_t fake_tsc(void)
{
    return tsc += (uint64_t)1 << 20;
}

static uint32_t chip_line_status(void)
{
    chip.status_reads++;
    uint32_t status = chip.received != NULL && *chip.received != '\0' ? 0x01 : 0;
    if (chip.stuck)
        return status;
    chip.fifo_used = 0; /* time has passed: it is sent */
    return status | 0x60;
}

uint32_t fake_port_read(uint16_t port, unsigned size_bytes)
{
    assert_int_equal(size_bytes, 1);
    if (chip.absent)
        return chip.absent_reads;
    switch (port - PORT) {
    case 0:
        return (uint8_t)*chip.received++;
    case 2:
        return chip.has_fifo ? 0xC1 : 0x01;
    case 5:
        return chip_line_status();
    case 7:
        return chip.scratch;
    default:
        return 0;
    }
}

static void chip_transmit(uint8_t byte)
{
    assert_true(++chip.fifo_used <= (chip.has_fifo ? 16u : 1u)); /* more would be lost */
    chip.sent[chip.sent_count++] = (char)byte;
}

void fake_port_write(uint16_t port, uint32_t value, unsigned size_bytes)
{
    assert_int_equal(size_bytes, 1);
    bool divisor = (chip.line_control & 0x80) != 0;
    if (chip.absent)
        return;
    switch (port - PORT) {
    case 0:
        if (divisor)
            chip.divisor[0] = (uint8_t)value;
        else
            chip_transmit((uint8_t)value);
        break;
    case 1:
        if (divisor)
            chip.divisor[1] = (uint8_t)value;
        else
            chip.interrupt_enable = (uint8_t)value;
        break;
    case 3:
        chip.line_control = (uint8_t)value;
        break;
    case 4:
        chip.modem_control = (uint8_t)value;
        break;
    case 7:
        chip.scratch = (uint8_t)value;
        break;
    default:
        break;
    }
}

static int set_up(void **state)
{
    (void)state;
    memset(&chip, 0, sizeof(chip));
    chip.has_fifo = true;
    return 0;
}

static void write_text(struct serial *serial, const char *text)
{
    for (; *text != '\0'; text++)
        serial_write(serial, (uint8_t)*text);
}

static void it_is_programmed_to_115200_8n1(void **state)
{
    (void)state;
    struct serial serial;
    assert_int_equal(serial_init(&serial, PORT), STATUS_OK);
    assert_int_equal(chip.divisor[0], 1);
    assert_int_equal(chip.divisor[1], 0);
    assert_int_equal(chip.line_control, 0x03);
    assert_int_equal(chip.interrupt_enable, 0);
    serial_enable_receive_interrupt(&serial);
    assert_int_equal(chip.interrupt_enable, 0x01);
    assert_int_equal(chip.modem_control & 0x08, 0x08);
}

static void an_absent_port_is_normal(void **state)
{
    (void)state;
    static const uint8_t reads[] = {0xFF, 0x00};
    for (size_t i = 0; i < ARRAY_COUNT(reads); i++) {
        struct serial serial;
        uint8_t byte;
        chip.absent = true;
        chip.absent_reads = reads[i];
        assert_int_equal(serial_init(&serial, PORT), STATUS_NOT_FOUND);
        write_text(&serial, "nobody hears this");
        assert_false(serial_read(&serial, &byte));
        serial_enable_receive_interrupt(&serial);
    }
}

/* The status is asked once for each 16 bytes: on a PC each read of it costs a microsecond. */
static void the_fifo_is_filled_without_asking(void **state)
{
    (void)state;
    struct serial serial;
    assert_int_equal(serial_init(&serial, PORT), STATUS_OK);
    chip.status_reads = 0;
    write_text(&serial, "0123456789abcdef0123456789abcdef");
    assert_int_equal(chip.sent_count, 32);
    assert_int_equal(chip.status_reads, 2);
}

static void a_chip_without_fifo_gets_single_bytes(void **state)
{
    (void)state;
    struct serial serial;
    chip.has_fifo = false;
    assert_int_equal(serial_init(&serial, PORT), STATUS_OK);
    write_text(&serial, "abc");
    assert_int_equal(chip.sent_count, 3);
}

static void a_stuck_transmitter_costs_a_bounded_time(void **state)
{
    (void)state;
    struct serial serial;
    assert_int_equal(serial_init(&serial, PORT), STATUS_OK);
    chip.stuck = true;
    for (int i = 0; i < 1000; i++)
        serial_write(&serial, 'x');
    assert_int_equal(serial.strikes, 3);
    unsigned reads = chip.status_reads;
    for (int i = 0; i < 1000; i++)
        serial_write(&serial, 'x');
    assert_int_equal(chip.status_reads - reads, 1000); /* asked once a byte, never waited for */
    assert_int_equal(chip.sent_count, 0);
    chip.stuck = false; /* and if it comes back, so do we */
    serial_write(&serial, 'y');
    assert_int_equal(chip.sent_count, 1);
}

static void received_bytes_are_read_without_waiting(void **state)
{
    (void)state;
    struct serial serial;
    uint8_t byte;
    assert_int_equal(serial_init(&serial, PORT), STATUS_OK);
    assert_false(serial_read(&serial, &byte));
    chip.received = "ok";
    assert_true(serial_read(&serial, &byte));
    assert_int_equal(byte, 'o');
    assert_true(serial_read(&serial, &byte));
    assert_false(serial_read(&serial, &byte));
    chip.absent = true; /* unplugged, as USB docks are */
    chip.absent_reads = 0xFF;
    assert_false(serial_read(&serial, &byte));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_is_programmed_to_115200_8n1, set_up),
        cmocka_unit_test_setup(an_absent_port_is_normal, set_up),
        cmocka_unit_test_setup(the_fifo_is_filled_without_asking, set_up),
        cmocka_unit_test_setup(a_chip_without_fifo_gets_single_bytes, set_up),
        cmocka_unit_test_setup(a_stuck_transmitter_costs_a_bounded_time, set_up),
        cmocka_unit_test_setup(received_bytes_are_read_without_waiting, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
