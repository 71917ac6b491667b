/* Driver, decoder and keyboard tied together: bytes of the controller become events. */
#include "kernel/ps2.h"

#include "drivers/i8042.h"
#include "drivers/scancode.h"
#include "kernel/keyboard.h"
#include "kernel/log.h"

static struct i8042 i8042;
static struct scancode scancode;

static bool poll(struct keyboard *keyboard)
{
    uint8_t byte;
    struct key_event event;
    if (!i8042_read(&i8042, &byte))
        return false;
    if (scancode_feed(&scancode, byte, &event))
        keyboard_event(keyboard, event);
    return true;
}

static bool set_lights(struct keyboard *keyboard, uint8_t locks)
{
    (void)keyboard;
    return i8042_set_lights(&i8042, locks);
}

enum status ps2_start(void)
{
    static struct keyboard keyboard = {.poll = poll, .set_lights = set_lights};
    enum status status = i8042_init(&i8042);
    if (status != STATUS_OK)
        return status;
    if (i8042.port_test != 0)
        log_info("i8042: the test of the keyboard's port says 0x%x", i8042.port_test);
    scancode = (struct scancode){.set_2 = !i8042.translated};
    keyboard.name = i8042.translated ? "PS/2" : "PS/2, not translated";
    keyboard_add(&keyboard);
    return STATUS_OK;
}
