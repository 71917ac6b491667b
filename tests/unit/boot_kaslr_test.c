/* boot/kaslr.c: it works with every source and with none, and the command line's word is found where it is one. */
#include "tests/unit/boot_fake.h"

#include <string.h>

#include "boot/kaslr.h"
#include "mm/layout.h"

static efi_status rng_status;
static uint8_t rng_byte;

static efi_status EFIAPI get_rng(struct efi_rng *self, const struct efi_guid *algorithm, uint64_t size_bytes,
                                 uint8_t *out)
{
    (void)self;
    assert_null(algorithm);
    for (uint64_t i = 0; i < size_bytes; i++)
        out[i] = (uint8_t)(rng_byte + i);
    return rng_status;
}

static struct efi_rng rng = {.get_rng = get_rng};

static int setup(void **state)
{
    (void)state;
    fake_reset();
    rng_status = EFI_SUCCESS;
    rng_byte = 1;
    return 0;
}

static uint64_t good(unsigned number)
{
    return 0x1234567 * (number + 1);
}

static uint64_t all_ones(unsigned number)
{
    (void)number;
    return UINT64_MAX;
}

/* 512 MiB, and marks as a TSC leaves them. */
static struct handoff *chosen(const char *command_line)
{
    static struct boot boot;
    boot = fake_boot();
    fake.map_bytes = 0;
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0, 512 * MIB / PAGE_SIZE, EFI_MEMORY_WB);
    assert_int_equal(firmware_map_get(boot.system_table, &boot.map), STATUS_OK);
    boot.image.size_bytes = MIB;
    strcpy(boot.handoff->command_line, command_line);
    boot.handoff->entropy_sources = 0;
    kaslr_gather(&boot);
    boot.handoff->marks[HANDOFF_MARK_EXIT] = 12345;
    kaslr_choose(&boot);
    for (unsigned i = 0; i < ARRAY_COUNT(boot.entropy.v); i++)
        assert_true(boot.entropy.v[i] == 0); /* no trace of it stays behind */
    return boot.handoff;
}

static bool same(const struct layout *a, const struct layout *b)
{
    return a->image == b->image || a->direct_map == b->direct_map || a->vspace == b->vspace;
}

static void every_source_changes_everything(void **state)
{
    (void)state;
    struct handoff none = *chosen("");
    assert_int_equal(none.entropy_sources, 0);
    fake.random = good;
    struct handoff cpu = *chosen("");
    assert_int_equal(cpu.entropy_sources, HANDOFF_ENTROPY_CPU);
    fake.random = NULL;
    fake_add_protocol(&rng, (struct efi_guid)EFI_GUID_RNG, &rng);
    struct handoff firmware = *chosen("");
    assert_int_equal(firmware.entropy_sources, HANDOFF_ENTROPY_FIRMWARE);
    rng_byte = 2;
    struct handoff other = *chosen("");
    fake.random = good;
    assert_int_equal(chosen("")->entropy_sources, HANDOFF_ENTROPY_FIRMWARE | HANDOFF_ENTROPY_CPU);
    assert_false(same(&none.layout, &cpu.layout) || same(&none.layout, &firmware.layout));
    assert_false(same(&firmware.layout, &other.layout));
    assert_true(none.stack_cookie != cpu.stack_cookie && firmware.stack_cookie != other.stack_cookie);
}

static void bad_sources_do_not_count(void **state)
{
    (void)state;
    fake.random = all_ones;
    rng_status = EFI_DEVICE_ERROR;
    fake_add_protocol(&rng, (struct efi_guid)EFI_GUID_RNG, &rng);
    struct handoff handoff = *chosen("");
    assert_int_equal(handoff.entropy_sources, 0);
    assert_int_not_equal(handoff.layout.image, IMAGE_WINDOW);
    assert_true(handoff.stack_cookie != 0);
}

static void tsc_alone_is_enough(void **state)
{
    (void)state;
    struct layout first = chosen("")->layout;
    buffers_handoff.marks[HANDOFF_MARK_ENTRY] = 1;
    assert_false(same(&first, &chosen("")->layout));
}

static void nokaslr_leaves_it_as_linked(void **state)
{
    (void)state;
    const struct layout linked = LAYOUT_LINKED;
    struct handoff *handoff = chosen("log=debug nokaslr");
    assert_memory_equal(&handoff->layout, &linked, sizeof(linked));
    assert_true(handoff->stack_cookie != 0); /* no address of anything */
}

static void only_the_word_is_the_word(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool refused;
    } rows[] = {
        {"nokaslr", true},
        {"  cpus=1\tnokaslr  test=all", true},
        {"run=\"mem; cpus\" nokaslr", true},
        {"\"nokaslr\"", true}, /* quotes close up, as everywhere */
        {"", false},
        {"run=\"nokaslr\"", false},
        {"run=\"mem nokaslr cpus\"", false},
        {"run=nokaslr", false},
        {"nokaslr=1", false},
        {"nokaslrs", false},
        {"xnokaslr", false},
        {"\"nokaslr", false}, /* never closed: complained of, and not taken */
        {"nokasl r", false},
    };
    char line[HANDOFF_COMMAND_LINE_BYTES] = "";
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        strcpy(line, rows[i].line);
        assert_int_equal(kaslr_refused(line), rows[i].refused);
    }
    /* The longest line, and the word at its end. */
    memset(line, 'x', sizeof(line) - 1);
    strcpy(line + sizeof(line) - sizeof(" nokaslr"), " nokaslr");
    assert_true(kaslr_refused(line));
}

/* A descriptor that wraps: mm may make of it whatever it likes, the direct map has room for all that there can be. */
static void nonsense_leaves_room_for_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct boot boot = fake_boot();
        fake.map_bytes = 0;
        fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x1000, UINT64_MAX >> 12, EFI_MEMORY_WB);
        assert_int_equal(firmware_map_get(boot.system_table, &boot.map), STATUS_OK);
        kaslr_gather(&boot);
        boot.handoff->marks[0] = i;
        kaslr_choose(&boot);
        assert_true(boot.handoff->layout.direct_map + DIRECT_MAP_BYTES <= VSPACE_WINDOW);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_source_changes_everything, setup),
        cmocka_unit_test_setup(bad_sources_do_not_count, setup),
        cmocka_unit_test_setup(tsc_alone_is_enough, setup),
        cmocka_unit_test_setup(nokaslr_leaves_it_as_linked, setup),
        cmocka_unit_test_setup(only_the_word_is_the_word, setup),
        cmocka_unit_test_setup(nonsense_leaves_room_for_all, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
