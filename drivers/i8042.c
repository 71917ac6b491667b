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
#define COMMAND_TEST_FIRST    0xABu
#define COMMAND_DISABLE_FIRST 0xADu
#define COMMAND_ENABLE_FIRST  0xAEu
#define COMMAND_PULSE_RESET   0xFEu

#define CONFIG_FIRST_INTERRUPT  0x01u
#define CONFIG_MOUSE_INTERRUPT  0x02u
#define CONFIG_FIRST_DISABLED   0x10u
#define CONFIG_MOUSE_DISABLED   0x20u
#define CONFIG_FIRST_TRANSLATED 0x40u /* to scan code set 1 */

#define KEYBOARD_SET_LIGHTS      0xEDu
#define KEYBOARD_SCAN_CODE_SET   0xF0u
#define KEYBOARD_ENABLE_SCANNING 0xF4u
#define KEYBOARD_RESET           0xFFu
#define KEYBOARD_STARTED         0xAAu /* it was plugged in, or reset, and its self-test has passed */
#define KEYBOARD_ACKNOWLEDGE     0xFAu
#define KEYBOARD_RESEND          0xFEu

#define SCAN_CODE_SET_2 2u
#define RESENDS_MAX     3u

/* The exchange that sets the lights; struct i8042's step. */
enum { STEP_IDLE, STEP_COMMAND, STEP_LIGHTS };

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
    for (uint32_t i = 0; *status == STATUS_OK && (io_read8(PORT_STATUS) & mask) != wanted; i++)
        if (i == poll_count)
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
    for (uint32_t i = 0; *status == STATUS_OK && (io_read8(PORT_STATUS) & STATUS_OUTPUT_FULL) != 0; i++) {
        (void)io_read8(PORT_DATA);
        if (i == DRAIN_MAX)
            *status = STATUS_DEVICE;
    }
}

static void i8042_write_config(enum status *status, uint8_t config)
{
    i8042_send(status, PORT_COMMAND, COMMAND_WRITE_CONFIG);
    i8042_send(status, PORT_DATA, config);
}

/* A byte to the keyboard, and its word that it has it. */
static void i8042_tell_keyboard(enum status *status, uint8_t byte)
{
    for (uint32_t i = 0; i < RESENDS_MAX; i++) {
        i8042_send(status, PORT_DATA, byte);
        uint8_t answer = i8042_receive(status, WAIT_POLLS);
        if (*status != STATUS_OK || answer == KEYBOARD_ACKNOWLEDGE)
            return;
    }
    *status = STATUS_DEVICE;
}

/*
 * Keyboards that are not plugged in do not acknowledge; one may be, later, and then works: no error. One that is there
 * and confused is reset by the last byte; it takes half a second for that, starts to send by itself, and says so with a
 * byte that comes like a key (scancode.h), so nobody waits for it.
 */
static void i8042_start_keyboard(const struct i8042 *i8042)
{
    enum status status = STATUS_OK;
    if (!i8042->translated) { /* with translation there is only set 2: firmware has used it, or the reset chose it */
        i8042_tell_keyboard(&status, KEYBOARD_SCAN_CODE_SET);
        i8042_tell_keyboard(&status, SCAN_CODE_SET_2);
    }
    i8042_tell_keyboard(&status, KEYBOARD_ENABLE_SCANNING);
    enum status reset = STATUS_OK;
    if (status != STATUS_OK)
        i8042_send(&reset, PORT_DATA, KEYBOARD_RESET);
}

static uint8_t i8042_ask(enum status *status, uint8_t command, uint32_t poll_count)
{
    i8042_send(status, PORT_COMMAND, command);
    return i8042_receive(status, poll_count);
}

enum status i8042_init(struct i8042 *i8042)
{
    enum status status = STATUS_OK;
    *i8042 = (struct i8042){0};
    if (io_read8(PORT_STATUS) == STATUS_ABSENT)
        return STATUS_NOT_FOUND;
    i8042_send(&status, PORT_COMMAND, COMMAND_DISABLE_FIRST); /* both ports quiet and nothing in the buffer, ... */
    i8042_send(&status, PORT_COMMAND, COMMAND_DISABLE_MOUSE);
    i8042_drain(&status);
    uint8_t config = i8042_ask(&status, COMMAND_READ_CONFIG, WAIT_POLLS); /* ... so that answers are answers */

    /* A self-test that fails is tolerated, as Linux does: laptops exist that fail and then work. No answer is not. */
    /* 55h means passed, FCh failed, FFh that there is nobody. */
    if (i8042_ask(&status, COMMAND_SELF_TEST, SELF_TEST_WAIT_POLLS) == STATUS_ABSENT)
        status = STATUS_DEVICE;
    /* For the report only: the same laptops, and some do not know the command. */
    enum status test = status;
    i8042->port_test = i8042_ask(&test, COMMAND_TEST_FIRST, WAIT_POLLS);

    config &= (uint8_t) ~(CONFIG_FIRST_INTERRUPT | CONFIG_MOUSE_INTERRUPT | CONFIG_FIRST_DISABLED);
    config |= CONFIG_FIRST_TRANSLATED | CONFIG_MOUSE_DISABLED;
    i8042_write_config(&status, config); /* not before: the self-test may reset it */
    /* Some cannot translate, and say so by not keeping the bit. */
    config = i8042_ask(&status, COMMAND_READ_CONFIG, WAIT_POLLS);
    i8042->translated = (config & CONFIG_FIRST_TRANSLATED) != 0;
    i8042_send(&status, PORT_COMMAND, COMMAND_ENABLE_FIRST);
    if (status == STATUS_OK)
        i8042_start_keyboard(i8042);
    i8042_drain(&status);
    /* The interrupt last: answers to commands would raise it too, and be taken for keys. */
    config &= (uint8_t)~CONFIG_FIRST_DISABLED;
    i8042_write_config(&status, config | CONFIG_FIRST_INTERRUPT);
    return status;
}

bool i8042_read(struct i8042 *i8042, uint8_t *scan_code)
{
    /* STATUS_ABSENT has the output-full bit set: without the first test an absent controller would type for ever. */
    uint8_t status = io_read8(PORT_STATUS);
    if (status == STATUS_ABSENT || (status & STATUS_OUTPUT_FULL) == 0)
        return false;
    *scan_code = io_read8(PORT_DATA);
    bool from_mouse = (status & STATUS_FROM_MOUSE) != 0;
    bool answers = i8042->step != STEP_IDLE && (*scan_code == KEYBOARD_ACKNOWLEDGE || *scan_code == KEYBOARD_RESEND);
    /* In set 1 Shift goes up by KEYBOARD_STARTED's byte: then the lights are set once more, which nobody sees. */
    if (!from_mouse && (answers || *scan_code == KEYBOARD_STARTED))
        __atomic_store_n(&i8042->answer, *scan_code, __ATOMIC_RELAXED);
    return !answers && !from_mouse;
}

bool i8042_set_lights(struct i8042 *i8042, uint8_t lights)
{
    uint8_t answer = __atomic_load_n(&i8042->answer, __ATOMIC_RELAXED);
    if (i8042->step == STEP_IDLE || i8042->lights != lights || answer == KEYBOARD_STARTED)
        i8042->step = STEP_COMMAND;
    else if (answer == KEYBOARD_ACKNOWLEDGE)
        i8042->step = i8042->step == STEP_COMMAND ? STEP_LIGHTS : STEP_IDLE;
    else if (answer != KEYBOARD_RESEND)
        return false; /* it has not answered yet */
    i8042->lights = lights;
    if (i8042->step == STEP_IDLE)
        return true;
    enum status status = STATUS_OK;
    __atomic_store_n(&i8042->answer, 0, __ATOMIC_RELAXED);
    /* From the order of USB, Num Caps Scroll, to that of PS/2: Scroll Num Caps. */
    uint8_t swapped = (lights << 1 | lights >> 2) & 0x07;
    i8042_send(&status, PORT_DATA, i8042->step == STEP_COMMAND ? KEYBOARD_SET_LIGHTS : swapped);
    return false;
}

void i8042_pulse_reset(void)
{
    enum status status = io_read8(PORT_STATUS) == STATUS_ABSENT ? STATUS_NOT_FOUND : STATUS_OK;
    i8042_send(&status, PORT_COMMAND, COMMAND_PULSE_RESET);
    i8042_wait(&status, 0, 1, WAIT_POLLS); /* never true: time for the reset to take effect */
}
