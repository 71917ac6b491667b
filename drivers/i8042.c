/*
 * Probing and programming the controller. Sources: IBM PS/2 Hardware Interface Technical Reference, Keyboard and
 * Auxiliary Device Controller; Intel 8042 as cloned since.
 */
#include "drivers/i8042.h"

#include "kernel/x86/io.h"

#define PORT_DATA    0x60u
#define PORT_STATUS  0x64u /* read */
#define PORT_COMMAND 0x64u /* write */

#define STATUS_OUTPUT_FULL 0x01u /* a byte for us */
#define STATUS_INPUT_FULL  0x02u /* our last byte is not taken yet */
#define STATUS_FROM_MOUSE  0x20u
#define STATUS_ABSENT      0xFFu /* what an undriven bus reads as */

#define COMMAND_READ_CONFIG   0x20u
#define COMMAND_WRITE_CONFIG  0x60u
#define COMMAND_DISABLE_MOUSE 0xA7u
#define COMMAND_SELF_TEST     0xAAu
#define COMMAND_DISABLE_FIRST 0xADu
#define COMMAND_ENABLE_FIRST  0xAEu
#define COMMAND_PULSE_RESET   0xFEu

#define SELF_TEST_PASSED 0x55u

#define CONFIG_FIRST_INTERRUPT  0x01u
#define CONFIG_MOUSE_INTERRUPT  0x02u
#define CONFIG_FIRST_DISABLED   0x10u
#define CONFIG_FIRST_TRANSLATED 0x40u /* to scan code set 1 */

#define KEYBOARD_ENABLE_SCANNING 0xF4u
#define KEYBOARD_RESEND          0xFEu

/*
 * Polls before a wait gives up. A read of these ports takes about a microsecond on a PC (it goes to the LPC bus), so
 * this is 0.1 s, and less in a virtual machine, whose controller answers at once. The self-test may take longer.
 */
#define WAIT_POLLS           100000u
#define SELF_TEST_WAIT_POLLS (5 * WAIT_POLLS)

/* More bytes than any controller holds: a drain that does not end there is talking to an absent one. */
#define DRAIN_MAX 64u

static enum status i8042_wait(uint8_t mask, uint8_t wanted, uint32_t poll_count)
{
    for (uint32_t i = 0; i < poll_count; i++) {
        if ((io_read8(PORT_STATUS) & mask) == wanted)
            return STATUS_OK;
    }
    return STATUS_TIMEOUT;
}

static enum status i8042_send(uint16_t port, uint8_t byte)
{
    enum status status = i8042_wait(STATUS_INPUT_FULL, 0, WAIT_POLLS);
    if (status == STATUS_OK)
        io_write8(port, byte);
    return status;
}

static enum status i8042_receive(uint8_t *byte, uint32_t poll_count)
{
    enum status status = i8042_wait(STATUS_OUTPUT_FULL, STATUS_OUTPUT_FULL, poll_count);
    if (status == STATUS_OK)
        *byte = io_read8(PORT_DATA);
    return status;
}

static enum status i8042_drain(void)
{
    for (uint32_t i = 0; i < DRAIN_MAX; i++) {
        if ((io_read8(PORT_STATUS) & STATUS_OUTPUT_FULL) == 0)
            return STATUS_OK;
        (void)io_read8(PORT_DATA);
    }
    return STATUS_DEVICE;
}

static enum status i8042_read_config(uint8_t *config)
{
    enum status status = i8042_send(PORT_COMMAND, COMMAND_READ_CONFIG);
    return status == STATUS_OK ? i8042_receive(config, WAIT_POLLS) : status;
}

static enum status i8042_write_config(uint8_t config)
{
    enum status status = i8042_send(PORT_COMMAND, COMMAND_WRITE_CONFIG);
    return status == STATUS_OK ? i8042_send(PORT_DATA, config) : status;
}

/* Both ports quiet and nothing in the buffer, so that answers are answers. */
static enum status i8042_silence(void)
{
    enum status status = i8042_send(PORT_COMMAND, COMMAND_DISABLE_FIRST);
    if (status == STATUS_OK)
        status = i8042_send(PORT_COMMAND, COMMAND_DISABLE_MOUSE);
    return status == STATUS_OK ? i8042_drain() : status;
}

/* An answer other than "passed" is tolerated, as Linux does: laptops exist that fail and then work. None is not. */
static enum status i8042_self_test(void)
{
    uint8_t answer;
    enum status status = i8042_send(PORT_COMMAND, COMMAND_SELF_TEST);
    if (status == STATUS_OK)
        status = i8042_receive(&answer, SELF_TEST_WAIT_POLLS);
    return status == STATUS_OK && answer == STATUS_ABSENT ? STATUS_DEVICE : status;
}

/* Keyboards that are not plugged in do not acknowledge; one may be, later, and then works. */
static void i8042_enable_scanning(void)
{
    uint8_t answer;
    if (i8042_send(PORT_DATA, KEYBOARD_ENABLE_SCANNING) != STATUS_OK)
        return;
    if (i8042_receive(&answer, WAIT_POLLS) == STATUS_OK && answer == KEYBOARD_RESEND)
        (void)i8042_send(PORT_DATA, KEYBOARD_ENABLE_SCANNING);
}

enum status i8042_init(void)
{
    uint8_t config = 0;
    if (io_read8(PORT_STATUS) == STATUS_ABSENT)
        return STATUS_NOT_FOUND;
    enum status status = i8042_silence();
    if (status == STATUS_OK)
        status = i8042_read_config(&config);
    if (status == STATUS_OK)
        status = i8042_self_test(); /* may reset the configuration: it is written afterwards */
    if (status != STATUS_OK)
        return status;

    config &= (uint8_t) ~(CONFIG_FIRST_INTERRUPT | CONFIG_MOUSE_INTERRUPT | CONFIG_FIRST_DISABLED);
    config |= CONFIG_FIRST_TRANSLATED;
    status = i8042_write_config(config);
    if (status == STATUS_OK)
        status = i8042_send(PORT_COMMAND, COMMAND_ENABLE_FIRST);
    if (status != STATUS_OK)
        return status;
    i8042_enable_scanning();
    status = i8042_drain();
    return status == STATUS_OK ? i8042_write_config(config | CONFIG_FIRST_INTERRUPT) : status;
}

bool i8042_read(uint8_t *scan_code)
{
    uint8_t status = io_read8(PORT_STATUS);
    if (status == STATUS_ABSENT || (status & STATUS_OUTPUT_FULL) == 0)
        return false;
    *scan_code = io_read8(PORT_DATA);
    return (status & STATUS_FROM_MOUSE) == 0;
}

void i8042_pulse_reset(void)
{
    if (io_read8(PORT_STATUS) == STATUS_ABSENT)
        return;
    if (i8042_send(PORT_COMMAND, COMMAND_PULSE_RESET) == STATUS_OK)
        (void)i8042_wait(0, 1, WAIT_POLLS); /* never true: time for the reset to take effect */
}
