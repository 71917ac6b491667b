/* The monitor command keymap: which layout is in force, how the locks stand, and which keyboards there are. */
#include "kernel/console.h"
#include "kernel/keyboard.h"
#include "kernel/monitor.h"

static const char *on(uint8_t lock)
{
    return (keyboard_keymap()->locks & lock) != 0 ? "on" : "off";
}

static const char *lights(const struct keyboard *keyboard)
{
    if (keyboard->set_lights == NULL)
        return "no lights";
    return keyboard->lights_set ? "lights as the locks" : "lights not set";
}

void command_keymap(const struct words *words)
{
    if (words->count == 2)
        keyboard_set_layout(words->word[1]);
    else if (words->count > 2)
        monitor_bad_argument(words, words->word[2]);
    if (words->count != 1)
        return;
    for (uint32_t i = 0; i < key_layout_count; i++)
        print("%c %-8s %s\n", &key_layouts[i] == keyboard_keymap()->layout ? '*' : ' ', key_layouts[i].name,
              key_layouts[i].title);
    print("locks: num %s, caps %s, scroll %s\n", on(LOCK_NUM), on(LOCK_CAPS), on(LOCK_SCROLL));
    unsigned count = 0;
    for (const struct keyboard *keyboard = keyboard_first(); keyboard != NULL; keyboard = keyboard->next) {
        if (keyboard->name == NULL)
            continue;
        print("keyboard: %s, %s\n", keyboard->name, lights(keyboard));
        count++;
    }
    if (count == 0)
        print("keyboard: none\n");
}
