/* boot/gather.c: firmware with everything and with nothing. */
#include "tests/unit/boot_fake.h"

#include <string.h>

#include "boot/gather.h"

static struct efi_configuration_table tables[HANDOFF_TABLE_MAX + 8];

static int setup(void **state)
{
    (void)state;
    fake_reset();
    memset(tables, 0, sizeof(tables));
    fake_add_protocol(&fake, (struct efi_guid)EFI_GUID_LOADED_IMAGE, &fake.loaded_image);
    return 0;
}

static struct handoff *gathered(void)
{
    struct boot boot = fake_boot();
    assert_true(gather(&boot));
    return boot.handoff;
}

static void without_anything(void **state)
{
    (void)state;
    struct handoff *handoff = gathered();
    assert_int_equal(handoff->screen.format, HANDOFF_PIXEL_NONE);
    assert_int_equal(handoff->acpi_rsdp, 0);
    assert_int_equal(handoff->table_count, 0);
    assert_int_equal(handoff->entropy_sources, 0);
    assert_int_equal(handoff->runtime_services_supported, UINT32_MAX);
    assert_int_equal(handoff->warnings, 0);
    assert_int_equal(fake.watchdog_calls, 1);
}

static void without_a_console(void **state)
{
    (void)state;
    fake.system_table.console_out = NULL;
    gathered();
    assert_string_equal(fake.text, "");
}

static void without_a_loaded_image(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    fake.protocol_count = 0;
    assert_false(gather(&boot));
    assert_non_null(strstr(fake.text, "keel: cannot start:"));
}

static void add_table(struct efi_guid guid, void *table)
{
    tables[fake.system_table.configuration_table_count++] = (struct efi_configuration_table){guid, table};
    fake.system_table.configuration_tables = tables;
}

static void newer_acpi_is_preferred(void **state)
{
    (void)state;
    static char old, new;
    add_table((struct efi_guid)EFI_GUID_ACPI_10, &old);
    assert_int_equal(gathered()->acpi_rsdp, (uintptr_t)&old);
    add_table((struct efi_guid)EFI_GUID_ACPI_20, &new);
    assert_int_equal(gathered()->acpi_rsdp, (uintptr_t)&new);
    assert_int_equal(buffers_handoff.table_count, 2);
    assert_int_equal(buffers_handoff.tables[1].address, (uintptr_t)&new);
}

static void too_many_tables_are_cut(void **state)
{
    (void)state;
    static char rsdp;
    for (unsigned i = 0; i < HANDOFF_TABLE_MAX; i++)
        add_table((struct efi_guid)EFI_GUID_SMBIOS, NULL);
    add_table((struct efi_guid)EFI_GUID_ACPI_20, &rsdp);
    struct handoff *handoff = gathered();
    assert_int_equal(handoff->table_count, HANDOFF_TABLE_MAX);
    assert_int_equal(handoff->warnings, HANDOFF_WARNING_TABLES_CUT);
    assert_int_equal(handoff->acpi_rsdp, (uintptr_t)&rsdp);
}

static void masked_runtime_services(void **state)
{
    (void)state;
    static struct efi_rt_properties_table properties = {1, sizeof(properties), EFI_RT_SUPPORTED_GET_TIME};
    add_table((struct efi_guid)EFI_GUID_RT_PROPERTIES, &properties);
    assert_int_equal(gathered()->runtime_services_supported, EFI_RT_SUPPORTED_GET_TIME);
}

static void watchdog_that_cannot_be_disarmed(void **state)
{
    (void)state;
    fake.watchdog_status = EFI_UNSUPPORTED;
    assert_int_equal(gathered()->warnings, HANDOFF_WARNING_WATCHDOG);
}

static void vendor_is_bounded_ascii(void **state)
{
    (void)state;
    static uint16_t vendor[200];
    for (unsigned i = 0; i < ARRAY_COUNT(vendor); i++)
        vendor[i] = i == 3 ? 0x4E2D : 'v';
    fake.system_table.firmware_vendor = vendor;
    struct handoff *handoff = gathered();
    assert_int_equal(strlen(handoff->firmware_vendor), HANDOFF_VENDOR_BYTES - 1);
    assert_int_equal(handoff->firmware_vendor[3], '?');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_anything, setup),
        cmocka_unit_test_setup(without_a_console, setup),
        cmocka_unit_test_setup(without_a_loaded_image, setup),
        cmocka_unit_test_setup(newer_acpi_is_preferred, setup),
        cmocka_unit_test_setup(too_many_tables_are_cut, setup),
        cmocka_unit_test_setup(masked_runtime_services, setup),
        cmocka_unit_test_setup(watchdog_that_cannot_be_disarmed, setup),
        cmocka_unit_test_setup(vendor_is_bounded_ascii, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
