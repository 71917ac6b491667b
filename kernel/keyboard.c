/*
 * Events of all keyboards in, keys out.
 *
 * What repeats is the place that went down last, not its character: Shift that is pressed meanwhile counts, as on every
 * system. Repeats are made when a key is asked for, so a command that runs for seconds is not followed by hundreds.
 */
#include "kernel/keyboard.h"

#include "kernel/base/string.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/x86/interrupts.h"

#define RING_COUNT 64u

/* What one interrupt or poll takes from a keyboard at most: one that never runs dry does not hold the CPU. */
#define BURST_MAX 256u

#define REPEAT_DELAY_US    500000u
#define REPEAT_INTERVAL_US (1000000u / 30)

/* A keyboard that does not take its lights within this has none; how often it is asked. */
#define LIGHTS_US       500000u
#define LIGHTS_RETRY_US 20000u

static struct {
    struct keyboard *keyboards;
    struct keymap keymap;
    struct repeat {
        const struct keyboard *keyboard; /* NULL: nothing repeats */
        uint8_t usage;
        uint64_t due_us;
    } repeat;
    uint32_t written; /* keys, ever; both wrap together */
    uint32_t read;
    int keys[RING_COUNT];
} state = {.keymap.layout = key_layouts};

/* Both counters only ever rise; their difference is right even when they have wrapped. */
static uint32_t room(void)
{
    return RING_COUNT - (state.written - state.read);
}

void keyboard_type(int key)
{
    if (key != KEY_NONE && room() != 0)
        state.keys[state.written++ % RING_COUNT] = key;
}

static bool press(uint8_t usage)
{
    int keys[KEYMAP_KEYS_MAX];
    unsigned count = keymap_press(&state.keymap, usage, keys);
    for (unsigned i = 0; i < count; i++)
        keyboard_type(keys[i]);
    return count != 0;
}

static void update_modifiers(void)
{
    state.keymap.modifiers = 0;
    for (const struct keyboard *keyboard = state.keyboards; keyboard != NULL; keyboard = keyboard->next)
        state.keymap.modifiers |= keyboard->down[USAGE_MODIFIERS / 8];
}

static void release_all(struct keyboard *keyboard)
{
    memset(keyboard->down, 0, sizeof(keyboard->down));
    if (state.repeat.keyboard == keyboard)
        state.repeat.keyboard = NULL;
    update_modifiers();
}

void keyboard_event(struct keyboard *keyboard, struct key_event event)
{
    uint64_t flags = interrupts_save_and_disable();
    uint8_t bit = (uint8_t)(1u << event.usage % 8);
    bool was_down = (keyboard->down[event.usage / 8] & bit) != 0;
    if (event.usage == USAGE_ROLL_OVER) {
        release_all(keyboard);
        keyboard->lights = KEYBOARD_LIGHTS_UNKNOWN;
    } else if (event.down != was_down) { /* else the keyboard repeats it, or another one has it */
        keyboard->down[event.usage / 8] ^= bit;
        update_modifiers();
        if (event.down && event.usage < USAGE_MODIFIERS && press(event.usage))
            state.repeat = (struct repeat){keyboard, event.usage, time_now_us() + REPEAT_DELAY_US};
        else if (!event.down && state.repeat.keyboard == keyboard && state.repeat.usage == event.usage)
            state.repeat.keyboard = NULL;
    }
    interrupts_restore(flags);
}

void keyboard_add(struct keyboard *keyboard)
{
    uint64_t flags = interrupts_save_and_disable();
    keyboard->lights = KEYBOARD_LIGHTS_UNKNOWN;
    keyboard->next = state.keyboards;
    state.keyboards = keyboard;
    interrupts_restore(flags);
}

void keyboard_remove(struct keyboard *keyboard)
{
    uint64_t flags = interrupts_save_and_disable();
    struct keyboard **at = &state.keyboards;
    while (*at != NULL && *at != keyboard)
        at = &(*at)->next;
    if (*at != NULL)
        *at = keyboard->next;
    release_all(keyboard);
    interrupts_restore(flags);
}

/*
 * A full ring leaves bytes in the devices, which hold their senders back; keyboard_read_key fetches them when it has
 * emptied the ring, although no further edge of an interrupt comes.
 */
void keyboard_poll(void)
{
    uint64_t flags = interrupts_save_and_disable();
    for (struct keyboard *keyboard = state.keyboards; keyboard != NULL; keyboard = keyboard->next) {
        bool more = keyboard->poll != NULL;
        for (uint32_t i = 0; i < BURST_MAX && more && room() >= KEYMAP_KEYS_MAX; i++)
            more = keyboard->poll(keyboard);
    }
    interrupts_restore(flags);
}

int keyboard_read_key(void)
{
    int key = KEY_NONE;
    uint64_t flags = interrupts_save_and_disable();
    /* Only when empty: the interrupt has brought what there was, and asking a device costs a microsecond a port. */
    if (state.written == state.read)
        keyboard_poll();
    /* After the devices were asked: the key may have gone up by now. */
    if (state.written == state.read && state.repeat.keyboard != NULL && time_now_us() >= state.repeat.due_us) {
        state.repeat.due_us = time_now_us() + REPEAT_INTERVAL_US;
        (void)press(state.repeat.usage);
    }
    if (state.written != state.read)
        key = state.keys[state.read++ % RING_COUNT];
    interrupts_restore(flags);
    return key;
}

static bool lights_wait(const struct keyboard *keyboard)
{
    bool given_up = time_now_us() >= keyboard->lights_deadline;
    return keyboard->lights != state.keymap.locks || (!keyboard->lights_set && !given_up);
}

void keyboard_update_lights(void)
{
    uint8_t locks = state.keymap.locks;
    for (struct keyboard *keyboard = state.keyboards; keyboard != NULL; keyboard = keyboard->next) {
        if (keyboard->set_lights == NULL || !lights_wait(keyboard))
            continue;
        if (keyboard->lights != locks)
            keyboard->lights_deadline = time_now_us() + LIGHTS_US;
        keyboard->lights = locks;
        keyboard->lights_set = keyboard->set_lights(keyboard, locks);
    }
}

uint64_t keyboard_due_us(void)
{
    uint64_t flags = interrupts_save_and_disable();
    uint64_t now_us = time_now_us();
    uint64_t due_us = UINT64_MAX;
    if (state.repeat.keyboard != NULL)
        due_us = state.repeat.due_us > now_us ? state.repeat.due_us - now_us : 0;
    for (const struct keyboard *keyboard = state.keyboards; keyboard != NULL; keyboard = keyboard->next)
        if (keyboard->set_lights != NULL && lights_wait(keyboard))
            due_us = min_u64(due_us, LIGHTS_RETRY_US);
    interrupts_restore(flags);
    return due_us;
}

void keyboard_set_layout(const char *name)
{
    const struct key_layout *layout = key_layout_find(name);
    if (layout == NULL) {
        log_warn("keymap: there is no '%s'; there are: %s", name, key_layout_names);
        return;
    }
    uint64_t flags = interrupts_save_and_disable();
    state.keymap.layout = layout;
    state.keymap.accent = 0;
    interrupts_restore(flags);
}

const struct keymap *keyboard_keymap(void)
{
    return &state.keymap;
}

const struct keyboard *keyboard_first(void)
{
    return state.keyboards;
}
