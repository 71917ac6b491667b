/* kernel/keyboard.c: several keyboards as one, key repeat by a clock of the test's, locks and lights, plugging. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "kernel/keyboard.h"
#include "kernel/log.h"
#include "kernel/time.h"

#define MS 1000u

enum { A = 0x04, B = 0x05, C = 0x06, CARET_DE = 0x35, SHIFT = 0xE1 };

static uint64_t now_us = 1000 * MS;
static char printed[256];

uint64_t time_now_us(void)
{
    return now_us;
}

void log_write(enum log_level level, const char *format, ...)
{
    assert_int_equal(level, LOG_WARN);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(printed, sizeof(printed), format, arguments);
    va_end(arguments);
}

/* A keyboard whose lights take as many calls as `slow` says. */
static struct lit {
    struct keyboard keyboard;
    unsigned slow;
    unsigned calls;
    uint8_t shown;
    const struct key_event *waiting; /* what poll brings, up to usage 0 */
} one, two;

static bool set_lights(struct keyboard *keyboard, uint8_t locks)
{
    struct lit *lit = (struct lit *)keyboard;
    if (++lit->calls <= lit->slow)
        return false;
    lit->shown = locks;
    return true;
}

static bool poll(struct keyboard *keyboard)
{
    struct lit *lit = (struct lit *)keyboard;
    if (lit->waiting == NULL || lit->waiting->usage == 0)
        return false;
    keyboard_event(keyboard, *lit->waiting++);
    return true;
}

static void plug(struct lit *lit)
{
    *lit = (struct lit){.keyboard = {.name = "test", .poll = poll, .set_lights = set_lights}, .shown = 0xEE};
    keyboard_add(&lit->keyboard);
}

static int set_up(void **state)
{
    (void)state;
    keyboard_set_layout("us");
    plug(&one);
    return 0;
}

/* Leaves nothing behind: no key, no lock, no keyboard. */
static int tear_down(void **state)
{
    (void)state;
    static const struct {
        uint8_t lock;
        uint8_t usage;
    } locks[] = {{LOCK_NUM, USAGE_NUM_LOCK}, {LOCK_CAPS, USAGE_CAPS_LOCK}, {LOCK_SCROLL, USAGE_SCROLL_LOCK}};
    for (size_t i = 0; i < ARRAY_COUNT(locks); i++) {
        keyboard_event(&one.keyboard, (struct key_event){locks[i].usage, false});
        if ((keyboard_keymap()->locks & locks[i].lock) != 0)
            keyboard_event(&one.keyboard, (struct key_event){locks[i].usage, true});
    }
    while (keyboard_first() != NULL)
        keyboard_remove((struct keyboard *)(uintptr_t)keyboard_first());
    while (keyboard_read_key() != KEY_NONE)
        ;
    return 0;
}

static void down(struct lit *lit, uint8_t usage)
{
    keyboard_event(&lit->keyboard, (struct key_event){usage, true});
}

static void up(struct lit *lit, uint8_t usage)
{
    keyboard_event(&lit->keyboard, (struct key_event){usage, false});
}

static unsigned count_keys(int wanted)
{
    unsigned count = 0;
    for (int key; (key = keyboard_read_key()) != KEY_NONE; count++)
        assert_int_equal(key, wanted);
    return count;
}

static void a_held_key_repeats_after_half_a_second_thirty_times_a_second(void **state)
{
    (void)state;
    down(&one, A);
    assert_int_equal(count_keys('a'), 1);
    keyboard_update_lights();
    assert_int_equal(keyboard_due_us(), 500 * MS);
    now_us += 500 * MS - 1;
    assert_int_equal(keyboard_read_key(), KEY_NONE);
    now_us += 1;
    assert_int_equal(keyboard_due_us(), 0);
    assert_int_equal(count_keys('a'), 1);
    assert_int_equal(keyboard_due_us(), 1000 * MS / 30);
    unsigned count = 0;
    for (unsigned ms = 0; ms < 1000; ms++) {
        now_us += MS;
        count += count_keys('a');
    }
    assert_in_range(count, 29, 30); /* the clock of this test ticks in milliseconds */
    up(&one, A);
    now_us += 5000 * MS;
    assert_int_equal(count_keys('a'), 0);
    assert_true(keyboard_due_us() == UINT64_MAX);
}

/* A PS/2 keyboard sends a held key again and again: that is no second source of repeats. */
static void what_a_keyboard_repeats_is_ignored(void **state)
{
    (void)state;
    down(&one, A);
    for (unsigned i = 0; i < 10; i++)
        down(&one, A);
    assert_int_equal(count_keys('a'), 1);
    up(&one, A);
    up(&one, A);
    down(&one, A);
    assert_int_equal(count_keys('a'), 1);
}

static void the_last_key_repeats_with_the_modifiers_of_the_moment(void **state)
{
    (void)state;
    down(&one, A);
    down(&one, B);
    assert_int_equal(keyboard_read_key(), 'a');
    assert_int_equal(keyboard_read_key(), 'b');
    now_us += 600 * MS;
    assert_int_equal(count_keys('b'), 1);
    up(&one, A); /* another key that goes up does not stop it */
    down(&one, SHIFT);
    now_us += 100 * MS;
    assert_int_equal(count_keys('B'), 1);
    up(&one, B);
    now_us += 100 * MS;
    assert_int_equal(keyboard_read_key(), KEY_NONE); /* nor does the first start again */
}

static void who_was_busy_gets_one_repeat_and_not_all(void **state)
{
    (void)state;
    down(&one, A);
    assert_int_equal(count_keys('a'), 1);
    now_us += 10000 * MS;
    assert_int_equal(count_keys('a'), 1);
}

/* The key went up while nobody looked: the device knows. */
static void a_repeat_asks_the_devices_first(void **state)
{
    (void)state;
    static const struct key_event gone[] = {{A, false}, {0, false}};
    down(&one, A);
    assert_int_equal(count_keys('a'), 1);
    now_us += 600 * MS;
    one.waiting = gone;
    assert_int_equal(keyboard_read_key(), KEY_NONE);
}

static void locks_and_dead_keys_do_not_repeat(void **state)
{
    (void)state;
    keyboard_set_layout("de");
    down(&one, CARET_DE);
    down(&one, USAGE_CAPS_LOCK);
    now_us += 600 * MS;
    assert_int_equal(keyboard_read_key(), KEY_NONE);
    assert_int_equal(keyboard_keymap()->locks, LOCK_CAPS);
    down(&one, USAGE_CAPS_LOCK); /* the hardware's repeat of it toggles nothing */
    assert_int_equal(keyboard_keymap()->locks, LOCK_CAPS);
    up(&one, USAGE_CAPS_LOCK);
    down(&one, USAGE_CAPS_LOCK);
    assert_int_equal(keyboard_keymap()->locks, 0);
    up(&one, USAGE_CAPS_LOCK);
}

static void keyboards_share_modifiers_and_locks(void **state)
{
    (void)state;
    plug(&two);
    down(&one, SHIFT);
    down(&two, A);
    assert_int_equal(keyboard_read_key(), 'A');
    up(&one, SHIFT);
    down(&two, SHIFT);
    down(&one, SHIFT);
    up(&one, SHIFT);
    down(&two, B);
    assert_int_equal(keyboard_read_key(), 'B'); /* the other one still holds it */
    up(&two, SHIFT);
    down(&one, USAGE_CAPS_LOCK);
    down(&two, C);
    assert_int_equal(keyboard_read_key(), 'C');
    keyboard_update_lights();
    assert_int_equal(one.shown, LOCK_CAPS);
    assert_int_equal(two.shown, LOCK_CAPS);
}

static void a_keyboard_that_is_pulled_out_lets_go(void **state)
{
    (void)state;
    plug(&two);
    down(&two, SHIFT);
    down(&two, A);
    assert_int_equal(count_keys('A'), 1);
    keyboard_remove(&two.keyboard);
    now_us += 1000 * MS;
    assert_int_equal(keyboard_read_key(), KEY_NONE);
    down(&one, B);
    assert_int_equal(count_keys('b'), 1);
    keyboard_remove(&two.keyboard); /* again does no harm */
    assert_ptr_equal(keyboard_first(), &one.keyboard);
    keyboard_add(&two.keyboard); /* back in: nothing is down, and its lights are not known */
    assert_int_equal(two.keyboard.down[A / 8], 0);
    keyboard_update_lights();
    assert_int_equal(two.shown, 0);
}

/* Lost bytes, or a PS/2 keyboard that was plugged in anew. */
static void a_keyboard_that_lost_track_lets_go_and_gets_its_lights_again(void **state)
{
    (void)state;
    down(&one, USAGE_NUM_LOCK);
    keyboard_update_lights();
    down(&one, SHIFT);
    down(&one, A);
    assert_int_equal(count_keys('A'), 1);
    one.shown = 0;
    keyboard_event(&one.keyboard, (struct key_event){USAGE_ROLL_OVER, true});
    now_us += 1000 * MS;
    assert_int_equal(keyboard_read_key(), KEY_NONE);
    keyboard_update_lights();
    assert_int_equal(one.shown, LOCK_NUM);
    down(&one, B);
    assert_int_equal(count_keys('b'), 1);
}

static void lights_that_take_time_are_asked_again(void **state)
{
    (void)state;
    one.slow = 3;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(keyboard_due_us() <= 20 * MS);
        keyboard_update_lights();
        assert_false(one.keyboard.lights_set);
    }
    keyboard_update_lights();
    assert_true(one.keyboard.lights_set);
    assert_int_equal(one.shown, 0);
    assert_true(keyboard_due_us() == UINT64_MAX);
    keyboard_update_lights();
    assert_int_equal(one.calls, 4);
}

static void lights_that_never_answer_are_given_up_until_a_lock_changes(void **state)
{
    (void)state;
    one.slow = UINT32_MAX;
    keyboard_update_lights();
    now_us += 600 * MS;
    keyboard_update_lights();
    assert_int_equal(one.calls, 1);
    assert_true(keyboard_due_us() == UINT64_MAX);
    down(&one, USAGE_SCROLL_LOCK);
    keyboard_update_lights();
    assert_int_equal(one.calls, 2);
    one.slow = 0;
    keyboard_update_lights();
    assert_int_equal(one.shown, LOCK_SCROLL);
}

/* What does not fit stays in the device, whose sender waits; nothing is lost. */
static void a_full_ring_leaves_the_rest_in_the_device(void **state)
{
    (void)state;
    static struct key_event events[401];
    for (size_t i = 0; i < 200; i++) {
        events[2 * i] = (struct key_event){(uint8_t)(A + i % 26), true};
        events[2 * i + 1] = (struct key_event){(uint8_t)(A + i % 26), false};
    }
    one.waiting = events;
    keyboard_poll();
    keyboard_poll();
    assert_true(one.waiting < events + 200);
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(keyboard_read_key(), (int)('a' + i % 26));
    assert_int_equal(keyboard_read_key(), KEY_NONE);
}

static void an_unknown_layout_is_told_with_those_that_there_are(void **state)
{
    (void)state;
    keyboard_set_layout("fr");
    printed[0] = '\0';
    keyboard_set_layout("dvorak");
    assert_string_equal(printed, "keymap: there is no 'dvorak'; there are: us de fr");
    assert_string_equal(keyboard_keymap()->layout->name, "fr");
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_held_key_repeats_after_half_a_second_thirty_times_a_second),
        ROW(what_a_keyboard_repeats_is_ignored),
        ROW(the_last_key_repeats_with_the_modifiers_of_the_moment),
        ROW(who_was_busy_gets_one_repeat_and_not_all),
        ROW(a_repeat_asks_the_devices_first),
        ROW(locks_and_dead_keys_do_not_repeat),
        ROW(keyboards_share_modifiers_and_locks),
        ROW(a_keyboard_that_is_pulled_out_lets_go),
        ROW(a_keyboard_that_lost_track_lets_go_and_gets_its_lights_again),
        ROW(lights_that_take_time_are_asked_again),
        ROW(lights_that_never_answer_are_given_up_until_a_lock_changes),
        ROW(a_full_ring_leaves_the_rest_in_the_device),
        ROW(an_unknown_layout_is_told_with_those_that_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
