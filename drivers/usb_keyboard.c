/* The difference of two boot reports. HID Usage Tables 1.12, 10: usages below 4 are no keys, from E0 on modifiers. */
#include "drivers/usb_keyboard.h"


#define USAGE_FIRST_KEY 0x04u
#define REPORT_KEYS     2u /* where they begin */

unsigned usb_keyboard_report(struct usb_keyboard *keyboard, const uint8_t *report, size_t size_bytes,
                             struct key_event events[USB_KEYBOARD_EVENTS_MAX])
{
    struct usb_keyboard now = {0};
    unsigned count = 0;
    if (size_bytes < USB_KEYBOARD_REPORT_BYTES)
        return 0;
    for (unsigned i = REPORT_KEYS; i < USB_KEYBOARD_REPORT_BYTES; i++) {
        if (report[i] >= USAGE_FIRST_KEY && report[i] < USAGE_MODIFIERS)
            now.down[report[i] / 8] |= (uint8_t)(1u << report[i] % 8);
    }
    if (report[REPORT_KEYS] == USAGE_ROLL_OVER)
        now = *keyboard;
    now.down[USAGE_MODIFIERS / 8] = report[0];
    for (unsigned i = 0; i < 256; i++) {
        uint8_t usage = (uint8_t)(USAGE_MODIFIERS + i); /* which wraps */
        bool down = (now.down[usage / 8] >> usage % 8 & 1) != 0;
        if (down != ((keyboard->down[usage / 8] >> usage % 8 & 1) != 0))
            events[count++] = (struct key_event){.usage = usage, .down = down};
    }
    *keyboard = now;
    return count;
}
