/* boot/exit.c and boot/firmware_map.c: the exit loop in front of firmware that does not agree, and maps that lie. */
#include "tests/unit/boot_fake.h"

#include "boot/exit.h"

static struct exit_outcome run(void)
{
    struct boot boot = fake_boot();
    return exit_boot_services(boot.system_table, boot.image_handle, &boot.map);
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x100000, 256, EFI_MEMORY_WB);
    return 0;
}

static void agrees_at_once(void **state)
{
    (void)state;
    struct exit_outcome outcome = run();
    assert_int_equal(outcome.result, EXIT_DONE);
    assert_int_equal(outcome.attempts, 1);
    assert_int_equal(fake.map_calls, 1);
    assert_false(outcome.interrupts_were_on);
}

static void stale_keys_are_retried(void **state)
{
    (void)state;
    static const unsigned stale[] = {1, 3, 15};
    for (size_t i = 0; i < ARRAY_COUNT(stale); i++) {
        setup(state);
        fake.stale_count = stale[i];
        struct exit_outcome outcome = run();
        assert_int_equal(outcome.result, EXIT_DONE);
        assert_int_equal(outcome.attempts, stale[i] + 1);
        assert_int_equal(fake.map_calls, stale[i] + 1);
        assert_int_equal(fake.other_calls_after_exit, 0);
    }
}

static void never_agreeing_ends(void **state)
{
    (void)state;
    fake.stale_count = UINT32_MAX;
    struct exit_outcome outcome = run();
    assert_int_equal(outcome.result, EXIT_NEVER_AGREED);
    assert_int_equal(fake.exit_calls, EXIT_ATTEMPTS_MAX);
    assert_int_equal(outcome.status, EFI_INVALID_PARAMETER);
    assert_int_equal(fake.other_calls_after_exit, 0);
}

static void another_error_is_not_retried(void **state)
{
    (void)state;
    fake.stale_count = 2;
    fake.exit_failure = EFI_DEVICE_ERROR;
    struct exit_outcome outcome = run();
    assert_int_equal(outcome.result, EXIT_ERROR);
    assert_int_equal(outcome.status, EFI_DEVICE_ERROR);
    assert_int_equal(fake.exit_calls, 3);
}

static void too_small_before_the_first_exit_refuses(void **state)
{
    (void)state;
    fake.map_fails_at = 1;
    fake.map_failure = EFI_BUFFER_TOO_SMALL;
    struct exit_outcome outcome = run();
    assert_int_equal(outcome.result, EXIT_REFUSED);
    assert_int_equal(outcome.map_status, STATUS_LIMIT);
    assert_int_equal(fake.exit_calls, 0);
}

static void too_small_after_it_is_the_end(void **state)
{
    (void)state;
    fake.stale_count = 1;
    fake.map_fails_at = 2;
    fake.map_failure = EFI_BUFFER_TOO_SMALL;
    struct exit_outcome outcome = run();
    assert_int_equal(outcome.result, EXIT_NO_MAP);
    assert_int_equal(outcome.status, EFI_BUFFER_TOO_SMALL);
    assert_int_equal(outcome.attempts, 1);
    assert_int_equal(fake.exit_calls, 1);
}

/* A service table that is another one after each call: pointers into the old one would be null. */
static void moving_table_is_followed(void **state)
{
    (void)state;
    fake.table_moves = true;
    fake.stale_count = 4;
    assert_int_equal(run().result, EXIT_DONE);
    assert_int_equal(fake.exit_calls, 5);
}

static void vanished_table_is_the_end(void **state)
{
    (void)state;
    fake.table_dies = true;
    fake.stale_count = 1;
    assert_int_equal(run().result, EXIT_NO_MAP);
}

static void interrupts_left_on_are_noticed(void **state)
{
    (void)state;
    fake.interrupts_on = true;
    assert_true(run().interrupts_were_on);
    assert_false(fake.interrupts_on);
}

static void moving_stride_is_followed(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    for (unsigned i = 0; i < 3; i++)
        fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x200000, 1, EFI_MEMORY_WB);
    fake.stride_grows = 8;
    fake.stale_count = 2;
    struct exit_outcome outcome = exit_boot_services(boot.system_table, boot.image_handle, &boot.map);
    assert_int_equal(outcome.result, EXIT_DONE);
    assert_int_equal(boot.map.descriptor_size, 40 + 2 * 8);
    assert_int_equal(firmware_map_count(&boot.map), 4 * 40 / 56);
}

static enum status get(struct boot *boot)
{
    return firmware_map_get(boot->system_table, &boot->map);
}

/* The same five descriptors, laid out with each stride, which the firmware then does not tell. */
static void missing_stride_is_guessed(void **state)
{
    (void)state;
    static const uint64_t strides[] = {40, 48, 56, 64};
    for (size_t i = 0; i < ARRAY_COUNT(strides); i++) {
        fake_reset();
        struct boot boot = fake_boot();
        fake.stride = strides[i];
        fake_add_descriptor(EFI_BOOT_SERVICES_CODE, 0, 1, 0xF);
        fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x1000, 0x9F, 0xF);
        fake_add_descriptor(EFI_RESERVED_MEMORY, 0x9F000, 1, 0);
        fake_add_descriptor(0x80000001, 0x100000, 0x700, 0xF);
        fake_add_descriptor(EFI_MMIO, 0xFFC00000, 0x400, EFI_MEMORY_RUNTIME | EFI_MEMORY_UC);
        fake.stride = 0;
        assert_int_equal(get(&boot), STATUS_OK);
        assert_int_equal(boot.map.descriptor_size, strides[i]);
        assert_true(boot.map.descriptor_size_guessed);
    }
}

static void stride_that_no_guess_explains_is_invalid(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x1234, 1, 0xF);
    fake.stride = 0;
    assert_int_equal(get(&boot), STATUS_INVALID);
}

static void impossible_numbers_are_invalid(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    fake.stride = 32;
    assert_int_equal(get(&boot), STATUS_INVALID);
    fake.stride = 40;
    fake.claimed_bytes = FIRMWARE_MAP_BUFFER_BYTES + 1;
    assert_int_equal(get(&boot), STATUS_INVALID);
    fake.claimed_bytes = 39;
    assert_int_equal(get(&boot), STATUS_INVALID);
    fake.claimed_bytes = (FIRMWARE_MAP_DESCRIPTORS_MAX + 1) * 40;
    assert_int_equal(get(&boot), STATUS_LIMIT);
}

static void rest_of_a_size_that_does_not_divide_is_ignored(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    fake.claimed_bytes = 40 + 39;
    assert_int_equal(get(&boot), STATUS_OK);
    assert_int_equal(firmware_map_count(&boot.map), 1);
}

static void capacity_is_offered_anew_on_every_call(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    assert_int_equal(get(&boot), STATUS_OK);
    for (unsigned i = 0; i < 1000; i++)
        fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x200000 + i * 0x2000, 1, EFI_MEMORY_WB);
    assert_int_equal(get(&boot), STATUS_OK);
    assert_int_equal(firmware_map_count(&boot.map), 1001);
}

static bool range_of(uint64_t start, uint64_t page_count, struct prange *out)
{
    struct efi_memory_descriptor descriptor = {.physical_start = start, .number_of_pages = page_count};
    return firmware_map_range(&descriptor, out);
}

static void ranges_are_pages_or_nothing(void **state)
{
    (void)state;
    struct prange range;
    assert_true(range_of(0x9FC00, 1, &range));
    assert_int_equal(range.start.value, 0x9F000);
    assert_int_equal(range.end.value, 0xA1000);
    assert_false(range_of(0x1000, 0, &range));
    assert_false(range_of(0xFFFFFFFFFFFFF000, 0x0200000000000001, &range));
    assert_false(range_of(0xFFFFFFFFFFFFF000, 1, &range));
    assert_false(range_of(0, UINT64_MAX, &range));
    assert_true(range_of(0xFFFFFFFFFFFFE000 - 0x1000, 1, &range));
    assert_int_equal(range.end.value, 0xFFFFFFFFFFFFE000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(agrees_at_once, setup),
        cmocka_unit_test_setup(stale_keys_are_retried, setup),
        cmocka_unit_test_setup(never_agreeing_ends, setup),
        cmocka_unit_test_setup(another_error_is_not_retried, setup),
        cmocka_unit_test_setup(too_small_before_the_first_exit_refuses, setup),
        cmocka_unit_test_setup(too_small_after_it_is_the_end, setup),
        cmocka_unit_test_setup(moving_table_is_followed, setup),
        cmocka_unit_test_setup(vanished_table_is_the_end, setup),
        cmocka_unit_test_setup(interrupts_left_on_are_noticed, setup),
        cmocka_unit_test_setup(moving_stride_is_followed, setup),
        cmocka_unit_test_setup(missing_stride_is_guessed, setup),
        cmocka_unit_test_setup(stride_that_no_guess_explains_is_invalid, setup),
        cmocka_unit_test_setup(impossible_numbers_are_invalid, setup),
        cmocka_unit_test_setup(rest_of_a_size_that_does_not_divide_is_ignored, setup),
        cmocka_unit_test_setup(capacity_is_offered_anew_on_every_call, setup),
        cmocka_unit_test_setup(ranges_are_pages_or_nothing, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
