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

/* Each step of the dialogue does nothing once *status is bad, so that the dialogue reads straight on. */
static void i8042_wait(enum status *status, uint8_t mask, uint8_t wanted, uint32_t poll_count)
{
    if (*status != STATUS_OK)
        return;
    for (uint32_t i = 0; i < poll_count; i++) {
        if ((io_read8(PORT_STATUS) & mask) == wanted)
            return;
    }
    *status = STATUS_TIMEOUT;
}

static void i8042_send(enum status *status, uint16_t port, uint8_t byte)
{
    i8042_wait(status, STATUS_INPUT_FULL, 0, WAIT_POLLS);
    if (*status == STATUS_OK)
        io_write8(port, byte);
}

static uint8_t i8042_receive(enum status *status, uint32_t poll_count)
{
    i8042_wait(status, STATUS_OUTPUT_FULL, STATUS_OUTPUT_FULL, poll_count);
    return *status == STATUS_OK ? io_read8(PORT_DATA) : 0;
}

static void i8042_drain(enum status *status)
{
    for (uint32_t i = 0; i < DRAIN_MAX && *status == STATUS_OK; i++) {
        if ((io_read8(PORT_STATUS) & STATUS_OUTPUT_FULL) == 0)
            return;
        (void)io_read8(PORT_DATA);
    }
    if (*status == STATUS_OK)
        *status = STATUS_DEVICE;
}

static void i8042_write_config(enum status *status, uint8_t config)
{
    i8042_send(status, PORT_COMMAND, COMMAND_WRITE_CONFIG);
    i8042_send(status, PORT_DATA, config);
}

/* Keyboards that are not plugged in do not acknowledge; one may be, later, and then works: no error. */
static void i8042_enable_scanning(void)
{
    enum status status = STATUS_OK;
    i8042_send(&status, PORT_DATA, KEYBOARD_ENABLE_SCANNING);
    if (i8042_receive(&status, WAIT_POLLS) == KEYBOARD_RESEND)
        i8042_send(&status, PORT_DATA, KEYBOARD_ENABLE_SCANNING);
}

enum status i8042_init(void)
{
    enum status status = STATUS_OK;
    if (io_read8(PORT_STATUS) == STATUS_ABSENT)
        return STATUS_NOT_FOUND;
    i8042_send(&status, PORT_COMMAND, COMMAND_DISABLE_FIRST); /* both ports quiet and nothing in the buffer, ... */
    i8042_send(&status, PORT_COMMAND, COMMAND_DISABLE_MOUSE);
    i8042_drain(&status);
    i8042_send(&status, PORT_COMMAND, COMMAND_READ_CONFIG); /* ... so that answers are answers */
    uint8_t config = i8042_receive(&status, WAIT_POLLS);

    /* A self-test that fails is tolerated, as Linux does: laptops exist that fail and then work. No answer is not. */
    i8042_send(&status, PORT_COMMAND, COMMAND_SELF_TEST);
    /* 55h means passed, FCh failed, FFh that there is nobody. */
    if (i8042_receive(&status, SELF_TEST_WAIT_POLLS) == STATUS_ABSENT)
        status = STATUS_DEVICE;

    config &= (uint8_t) ~(CONFIG_FIRST_INTERRUPT | CONFIG_MOUSE_INTERRUPT | CONFIG_FIRST_DISABLED);
    config |= CONFIG_FIRST_TRANSLATED;
    i8042_write_config(&status, config); /* not before: the self-test may reset it */
    i8042_send(&status, PORT_COMMAND, COMMAND_ENABLE_FIRST);
    if (status == STATUS_OK)
        i8042_enable_scanning();
    i8042_drain(&status);
    /* The interrupt last: answers to commands would raise it too, and be taken for keys. */
    i8042_write_config(&status, config | CONFIG_FIRST_INTERRUPT);
    return status;
}

bool i8042_read(uint8_t *scan_code)
{
    /* STATUS_ABSENT has the output-full bit set: without the first test an absent controller would type for ever. */
    uint8_t status = io_read8(PORT_STATUS);
    if (status == STATUS_ABSENT || (status & STATUS_OUTPUT_FULL) == 0)
        return false;
    *scan_code = io_read8(PORT_DATA);
    return (status & STATUS_FROM_MOUSE) == 0;
}

void i8042_pulse_reset(void)
{
    enum status status = io_read8(PORT_STATUS) == STATUS_ABSENT ? STATUS_NOT_FOUND : STATUS_OK;
    i8042_send(&status, PORT_COMMAND, COMMAND_PULSE_RESET);
    i8042_wait(&status, 0, 1, WAIT_POLLS); /* never true: time for the reset to take effect */
}
