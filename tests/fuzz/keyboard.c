/*
 * Three keyboards at once, two of them sending bytes of scan code sets 1 and 2, one events, through kernel/keyboard.c
 * and drivers/keymap.c in every layout. Holds: keys are characters or those of enum key; modifiers are those of the
 * keyboards that are plugged in; what repeats, repeats once at a time; when all keyboards are gone, nothing is down,
 * and nothing repeats.
 *
 * Input: pairs of bytes, what happens and with what.
 */
#include "drivers/scancode.h"
#include "kernel/keyboard.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "tests/fuzz/input.h"

#define KEYBOARDS 3u

static struct {
    struct keyboard keyboards[KEYBOARDS];
    bool plugged[KEYBOARDS];
    uint8_t modifiers[KEYBOARDS]; /* what should be down */
    struct scancode scancodes[2];
    uint64_t now_us;
} model;

uint64_t time_now_us(void)
{
    return model.now_us;
}

void log_write(enum log_level level, const char *format, ...)
{
    (void)level, (void)format;
}

static bool set_lights(struct keyboard *keyboard, uint8_t locks)
{
    CHECK(locks <= (LOCK_NUM | LOCK_CAPS | LOCK_SCROLL));
    return keyboard == &model.keyboards[0]; /* the other one never does */
}

static void plug(unsigned which, bool in)
{
    struct keyboard *keyboard = &model.keyboards[which];
    if (in && !model.plugged[which]) {
        *keyboard = (struct keyboard){.name = "fuzz", .set_lights = which < 2 ? set_lights : NULL};
        keyboard_add(keyboard);
    } else if (!in) {
        keyboard_remove(keyboard);
        model.modifiers[which] = 0;
    }
    model.plugged[which] = in;
}

static void tell(unsigned which, struct key_event event)
{
    if (!model.plugged[which])
        return;
    keyboard_event(&model.keyboards[which], event);
    if (event.usage == USAGE_ROLL_OVER)
        model.modifiers[which] = 0;
    uint8_t bit = (uint8_t)(1u << (event.usage & 7));
    if (event.usage >= USAGE_MODIFIERS && event.usage < USAGE_MODIFIERS + 8)
        model.modifiers[which] = (uint8_t)(event.down ? model.modifiers[which] | bit : model.modifiers[which] & ~bit);
}

/* Reads keys until there are none, which comes: what repeats does so once while time stands still. */
static unsigned read_keys(void)
{
    unsigned count = 0;
    for (int key; (key = keyboard_read_key()) != KEY_NONE; count++) {
        CHECK((key > 0 && key < KEY_DEAD) || (key >= KEY_UP && key <= KEY_PAGE_DOWN));
        CHECK(count < 100);
    }
    return count;
}

static void take(uint8_t what, uint8_t with)
{
    struct key_event event;
    unsigned which = what >> 4 & 1;
    switch (what & 7) {
    case 0:
    case 1:
        if (scancode_feed(&model.scancodes[which], with, &event))
            tell(which, event);
        break;
    case 2:
        tell(2, (struct key_event){with, (what & 0x80) != 0});
        break;
    case 3:
        model.now_us += (uint64_t)with * 4000;
        break;
    case 4:
        (void)read_keys();
        break;
    case 5:
        plug(with % KEYBOARDS, (what & 0x80) != 0);
        break;
    case 6:
        keyboard_set_layout(with < key_layout_count ? key_layouts[with].name : "none");
        break;
    default:
        keyboard_update_lights();
    }
    CHECK(keyboard_keymap()->modifiers == (model.modifiers[0] | model.modifiers[1] | model.modifiers[2]));
    CHECK(keyboard_due_us() <= 500000 || keyboard_due_us() == UINT64_MAX);
}

/* State outlives an input: each begins with the same layout and no locks, so that one alone shows the same again. */
static void begin(void)
{
    static const uint8_t locks[] = {USAGE_NUM_LOCK, USAGE_CAPS_LOCK, USAGE_SCROLL_LOCK}; /* LOCK_NUM is bit 0, ... */
    uint64_t now_us = model.now_us;
    memset(&model, 0, sizeof(model));
    model.now_us = now_us;
    model.scancodes[1].set_2 = true;
    for (unsigned i = 0; i < KEYBOARDS; i++)
        plug(i, true);
    for (unsigned i = 0; i < ARRAY_COUNT(locks); i++) {
        if ((keyboard_keymap()->locks & 1u << i) != 0)
            tell(0, (struct key_event){locks[i], true});
        tell(0, (struct key_event){locks[i], false});
    }
    keyboard_set_layout(key_layouts[0].name);
    CHECK(keyboard_keymap()->locks == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    begin();
    for (size_t i = 0; i + 1 < size_bytes; i += 2)
        take(bytes[i], bytes[i + 1]);
    for (unsigned i = 0; i < KEYBOARDS; i++)
        plug(i, false);
    (void)read_keys();
    model.now_us += 10000000;
    CHECK(read_keys() == 0);
    CHECK(keyboard_first() == NULL && keyboard_keymap()->modifiers == 0 && keyboard_due_us() == UINT64_MAX);
    return 0;
}
