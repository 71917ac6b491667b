/*
 * drivers/pci_bar.c, pci_msi.c and the walk over capabilities: one function, whose registers keep only the bits that
 * hardware would.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/pci_bar.h"
#include "drivers/pci_msi.h"
#include "kernel/x86/io.h"

#define WORDS   64u
#define PLACE   0x80001800u /* 0:3.0, as port 0xCF8 has it */
#define BAR0    4u          /* words */
#define COMMAND 1u
#define ALL_ON  (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER)

static struct {
    uint32_t words[WORDS];
    uint32_t writable[WORDS];
    uint32_t address;
    bool decoded_while_sized; /* a base address register was all ones while the function answered there */
    uint32_t lost[WORDS];     /* status bits that were written as ones */
} device;

static const struct pci_address where = {.device = 3};
static struct pci pci;
static struct pci_function function;

uint32_t fake_port_read(uint16_t port, unsigned size_bytes)
{
    assert_int_equal(port, 0xCFC);
    assert_int_equal(size_bytes, 4);
    return (device.address & ~0xFFu) == PLACE ? device.words[(device.address & 0xFC) / 4] : UINT32_MAX;
}

void fake_port_write(uint16_t port, uint32_t value, unsigned size_bytes)
{
    assert_int_equal(size_bytes, 4);
    if (port == 0xCF8) {
        device.address = value;
        return;
    }
    assert_int_equal(device.address & ~0xFFu, PLACE);
    unsigned word = (device.address & 0xFC) / 4;
    if (word >= BAR0 && word < BAR0 + 6 && value == UINT32_MAX)
        device.decoded_while_sized |= (device.words[COMMAND] & 3) != 0;
    if (word == COMMAND)
        device.lost[word] |= value & 0xFFFF0000;
    device.words[word] = (device.words[word] & ~device.writable[word]) | (value & device.writable[word]);
}

static void put_bar(unsigned index, uint32_t value, uint32_t writable)
{
    device.words[BAR0 + index] = value;
    device.writable[BAR0 + index] = writable;
}

/* A capability at `offset`; the lower half of its first word, and its control, which is all writable. */
static void put_capability(unsigned offset, uint8_t id, uint8_t next, uint16_t control)
{
    device.words[offset / 4] = (uint32_t)control << 16 | (uint32_t)next << 8 | id;
    device.writable[offset / 4] = 0xFFFF0000;
}

static int set_up(void **state)
{
    (void)state;
    memset(&device, 0, sizeof(device));
    device.words[COMMAND] = PCI_STATUS_CAPABILITIES | ALL_ON;
    device.writable[COMMAND] = 0xFFFF;
    device.words[0x34 / 4] = 0x40;
    pci = (struct pci){.functions = &function, .capacity = 1};
    function = (struct pci_function){.address = where, .class_code = 0x0C, .subclass = 0x03, .interface = 0x30};
    pci.function_count = 1;
    assert_int_equal(pci_add_segment(&pci, (struct pci_segment){.last_bus = 255}), STATUS_OK);
    return 0;
}

/* ---- Base address registers ---- */

/* Memory of 64 bits above 4 GiB, ports, nothing, prefetchable memory of 32 bits. */
static void put_bars(void)
{
    put_bar(0, 0x80000004, 0xFFFF0000);
    put_bar(1, 0x00000008, 0xFFFFFFFF);
    put_bar(2, 0x0000C001, 0x0000FFE0);
    put_bar(4, 0xFE000008, 0xFFF00000);
}

static void bars_are_decoded(void **state)
{
    (void)state;
    put_bars();
    struct pci_bar bar = {0};
    assert_true(pci_next_bar(&pci, where, &bar));
    assert_int_equal(bar.index, 0);
    assert_int_equal(bar.base, 0x880000000);
    assert_true(bar.wide && !bar.is_io && !bar.prefetchable);
    assert_true(pci_next_bar(&pci, where, &bar));
    assert_int_equal(bar.index, 2);
    assert_int_equal(bar.base, 0xC000);
    assert_true(bar.is_io && !bar.wide);
    assert_true(pci_next_bar(&pci, where, &bar));
    assert_int_equal(bar.index, 4);
    assert_int_equal(bar.base, 0xFE000000);
    assert_true(bar.prefetchable && !bar.wide);
    assert_false(pci_next_bar(&pci, where, &bar));
}

static unsigned count_bars(void)
{
    unsigned count = 0;
    for (struct pci_bar bar = {0}; pci_next_bar(&pci, where, &bar);)
        count++;
    return count;
}

static void bars_end_where_the_header_says(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++)
        put_bar(i, 0xFE000000 + (i << 16), 0xFFFF0000);
    assert_int_equal(count_bars(), 6);
    device.words[3] = 0x01 << 16; /* a bridge has two, and other registers behind them */
    assert_int_equal(count_bars(), 2);
    device.words[3] = 0x02 << 16;
    assert_int_equal(count_bars(), 0);
    device.words[3] = 0x80 << 16;       /* several functions, and a device */
    put_bar(5, 0xFE000004, 0xFFFF0000); /* 64 bits, and no register left for the upper half */
    assert_int_equal(count_bars(), 5);
}

static void bars_are_sized_and_put_back(void **state)
{
    (void)state;
    put_bars();
    uint32_t before[WORDS];
    memcpy(before, device.words, sizeof(before));
    static const uint64_t expected[] = {0x10000, 0x20, 0x100000};
    unsigned i = 0;
    for (struct pci_bar bar = {0}; pci_next_bar(&pci, where, &bar); i++) {
        uint64_t size_bytes;
        assert_int_equal(pci_size_bar(&pci, &function, &bar, &size_bytes), STATUS_OK);
        assert_int_equal(size_bytes, expected[i]);
    }
    assert_int_equal(i, 3);
    assert_memory_equal(device.words, before, sizeof(before));
    assert_false(device.decoded_while_sized);
    assert_int_equal(device.lost[COMMAND], 0);
    device.words[COMMAND] = PCI_COMMAND_IO; /* what was off stays off */
    struct pci_bar bar = {0};
    uint64_t size_bytes;
    assert_true(pci_next_bar(&pci, where, &bar));
    assert_int_equal(pci_size_bar(&pci, &function, &bar, &size_bytes), STATUS_OK);
    assert_int_equal(device.words[COMMAND], PCI_COMMAND_IO);
}

static void displays_and_bridges_are_not_sized(void **state)
{
    (void)state;
    put_bars();
    struct pci_bar bar = {0};
    uint64_t size_bytes;
    assert_true(pci_next_bar(&pci, where, &bar));
    function.class_code = PCI_CLASS_DISPLAY;
    assert_int_equal(pci_size_bar(&pci, &function, &bar, &size_bytes), STATUS_UNSUPPORTED);
    function.class_code = PCI_CLASS_BRIDGE;
    assert_int_equal(pci_size_bar(&pci, &function, &bar, &size_bytes), STATUS_UNSUPPORTED);
    assert_int_equal(device.address & 0xFF, BAR0 * 4 + 4); /* nothing was asked since */
}

static void senseless_sizes_are_refused(void **state)
{
    (void)state;
    uint64_t size_bytes;
    put_bar(0, 0xFE000000, 0); /* keeps no bit: no size */
    struct pci_bar bar = {0};
    assert_true(pci_next_bar(&pci, where, &bar));
    put_bar(0, 0, 0);
    assert_int_equal(pci_size_bar(&pci, &function, &bar, &size_bytes), STATUS_INVALID);
    put_bar(0, 0xFE010000, 0xFF0F0000); /* no power of two */
    assert_int_equal(pci_size_bar(&pci, &function, &bar, &size_bytes), STATUS_INVALID);
    put_bar(0, 0xFE010000, 0xFFF00000); /* not at a multiple of its size */
    bar.base = 0xFE010000;
    device.writable[BAR0] = 0xFFFC0000;
    assert_int_equal(pci_size_bar(&pci, &function, &bar, &size_bytes), STATUS_INVALID);
}

/* ---- Capabilities ---- */

static void capabilities_are_found(void **state)
{
    (void)state;
    put_capability(0x40, 0x01, 0x51, 0); /* the two low bits of a pointer mean nothing */
    put_capability(0x50, 0x05, 0xF8, 0);
    put_capability(0xF8, 0x10, 0, 0);
    assert_int_equal(pci_find_capability(&pci, where, 0x01), 0x40);
    assert_int_equal(pci_find_capability(&pci, where, 0x05), 0x50);
    assert_int_equal(pci_find_capability(&pci, where, 0x10), 0xF8);
    assert_int_equal(pci_find_capability(&pci, where, 0x11), 0);
    device.words[COMMAND] &= ~PCI_STATUS_CAPABILITIES;
    assert_int_equal(pci_find_capability(&pci, where, 0x05), 0);
}

static void broken_lists_end(void **state)
{
    (void)state;
    put_capability(0x40, 0x01, 0x50, 0);
    put_capability(0x50, 0x02, 0x40, 0); /* in a circle */
    assert_int_equal(pci_find_capability(&pci, where, 0x05), 0);
    put_capability(0x50, 0x02, 0x08, 0); /* into the header, whose class register reads as an ID there */
    device.words[2] = 0x05;
    assert_int_equal(pci_find_capability(&pci, where, 0x05), 0);
    for (unsigned i = 1; i < WORDS; i++)
        device.words[i] = UINT32_MAX; /* gone */
    device.words[3] = 0;
    assert_int_equal(pci_find_capability(&pci, where, 0x05), 0);
    assert_int_equal(pci_find_capability(&pci, (struct pci_address){.device = 4}, 0x05), 0);
}

static void functions_are_found_by_class(void **state)
{
    (void)state;
    assert_ptr_equal(pci_next_of_class(&pci, NULL, PCI_CLASS_XHCI), &function);
    assert_null(pci_next_of_class(&pci, &function, PCI_CLASS_XHCI));
    function.interface = 0x20;
    assert_null(pci_next_of_class(&pci, NULL, PCI_CLASS_XHCI));
}

/* ---- Messages ---- */

static enum status start_msi(uint32_t apic_id, uint8_t vector)
{
    struct pci_messages messages = pci_find_messages(&pci, where);
    return pci_start_messages(&pci, where, &messages, NULL, apic_id, vector);
}

static enum status start_msix(volatile void *table, uint32_t apic_id, uint8_t vector)
{
    struct pci_messages messages = pci_find_messages(&pci, where);
    return pci_start_messages(&pci, where, &messages, table, apic_id, vector);
}

static uint32_t word(unsigned offset)
{
    return device.words[offset / 4];
}

static void writable_from(unsigned offset, unsigned words)
{
    for (unsigned i = 0; i < words; i++)
        device.writable[offset / 4 + i] = UINT32_MAX;
}

static void msi_is_set_up_in_every_form(void **state)
{
    (void)state;
    static const struct {
        uint16_t control;
        unsigned data;
        unsigned mask; /* 0: none */
    } forms[] = {
        {0x0000, 8,  0 },
        {0x0080, 12, 0 },
        {0x0100, 8,  12},
        {0x0180, 12, 16}
    };
    for (unsigned i = 0; i < ARRAY_COUNT(forms); i++) {
        set_up(NULL);
        /* Firmware left it on, with 8 messages, to a CPU of its own. */
        put_capability(0x40, 0x05, 0, forms[i].control | 0x0031);
        writable_from(0x44, 4);
        device.words[0x44 / 4] = 0xFEEFF00C;
        device.words[0x48 / 4] = 0xDEAD;
        assert_int_equal(start_msi(7, 0x31), STATUS_OK);
        assert_int_equal(word(0x40) >> 16, forms[i].control | 0x0001);
        assert_int_equal(word(0x44), 0xFEE07000);
        assert_int_equal(word(0x40 + forms[i].data), 0x31);
        if (forms[i].data == 12)
            assert_int_equal(word(0x48), 0);
        if (forms[i].mask != 0)
            assert_int_equal(word(0x40 + forms[i].mask), 0xFFFFFFFE);
        assert_true((word(4) & PCI_COMMAND_INTX_OFF) != 0);
        pci_stop_messages(&pci, where);
        assert_int_equal(word(0x40) >> 16 & 1, 0);
    }
}

static void msi_that_does_not_fit_is_none(void **state)
{
    (void)state;
    device.words[0x34 / 4] = 0xF0;
    put_capability(0xF0, 0x05, 0, 0x0000);
    assert_int_equal(pci_find_messages(&pci, where).msi, 0xF0); /* 12 bytes: it ends in time */
    put_capability(0xF0, 0x05, 0, 0x0080);
    assert_int_equal(pci_find_messages(&pci, where).msi, 0xF0);
    put_capability(0xF0, 0x05, 0, 0x0180); /* its mask would be beyond the space */
    assert_int_equal(pci_find_messages(&pci, where).msi, 0);
    assert_int_equal(start_msi(0, 0x31), STATUS_NOT_FOUND);
    device.words[0x34 / 4] = 0xF8;
    put_capability(0xF8, 0x11, 0, 0x0000);
    assert_int_equal(pci_find_messages(&pci, where).msix, 0);
}

static void cpus_beyond_the_address_are_refused(void **state)
{
    (void)state;
    put_capability(0x40, 0x05, 0, 0x0000);
    writable_from(0x44, 2);
    assert_int_equal(start_msi(255, 0x31), STATUS_LIMIT); /* would be every CPU */
    assert_int_equal(start_msi(256, 0x31), STATUS_LIMIT);
    assert_int_equal(word(0x44), 0);
    assert_int_equal(start_msi(254, 0x31), STATUS_OK);
    expect_assert_failure((void)start_msi(0, 31));
}

static void msix_uses_its_first_entry_alone(void **state)
{
    (void)state;
    uint32_t table[4][4];
    memset(table, 0, sizeof(table)); /* firmware had unmasked them all */
    put_capability(0x40, 0x11, 0, 0x8003);
    device.words[0x44 / 4] = 0x2004; /* behind register 4, at 0x2000 */
    struct pci_messages messages = pci_find_messages(&pci, where);
    assert_int_equal(messages.msix, 0x40);
    assert_int_equal(messages.table_bar, 4);
    assert_int_equal(messages.table_offset, 0x2000);
    assert_int_equal(messages.table_count, 4);
    assert_int_equal(pci_msix_table_bytes(&messages), sizeof(table));
    assert_int_equal(start_msix(table, 3, 0x32), STATUS_OK);
    assert_int_equal(table[0][0], 0xFEE03000);
    assert_int_equal(table[0][1], 0);
    assert_int_equal(table[0][2], 0x32);
    assert_int_equal(table[0][3], 0);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(table[i][3], 1);
    assert_int_equal(word(0x40) >> 16, 0x8003);
    pci_stop_messages(&pci, where);
    assert_int_equal(word(0x40) >> 16, 0x0003);
    assert_int_equal(start_msix(table, 300, 0x32), STATUS_LIMIT);
    put_capability(0x40, 0x01, 0, 0);
    assert_int_equal(start_msix(table, 0, 0x32), STATUS_NOT_FOUND);
}

static void quiesce_stops_messages(void **state)
{
    (void)state;
    put_capability(0x40, 0x05, 0x50, 0x0081);
    put_capability(0x50, 0x11, 0, 0x8001);
    device.words[0] = 0x12348086;
    device.words[2] = PCI_CLASS_XHCI << 8;
    pci_quiesce(&pci);
    assert_true(function.was_master && function.silenced);
    assert_int_equal(word(0x40) >> 16, 0x0080);
    assert_int_equal(word(0x50) >> 16, 0x0001);
    assert_int_equal(word(4) & 0xFFFF, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_OFF);
}

static void quiesce_leaves_a_display_its_picture(void **state)
{
    (void)state;
    put_bars();
    put_capability(0x40, 0x05, 0, 0x0081);
    device.words[0] = 0x12348086;
    device.words[2] = 0x030000 << 8;
    uint32_t before[WORDS];
    memcpy(before, device.words, sizeof(before));
    pci_quiesce(&pci);
    assert_true(function.was_master && !function.silenced);
    before[0x40 / 4] &= ~0x00010000u; /* its messages alone: they would go to a CPU that knows nothing of them */
    assert_memory_equal(device.words, before, sizeof(before));
}

static void quiesce_notices_who_does_not_obey(void **state)
{
    (void)state;
    device.words[0] = 0x12348086;
    device.words[2] = PCI_CLASS_XHCI << 8;
    device.writable[COMMAND] = 0xFFFF & ~PCI_COMMAND_BUS_MASTER;
    pci_quiesce(&pci);
    assert_true(function.was_master && !function.silenced);
    assert_int_equal(pci.silenced_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(bars_are_decoded, set_up),
        cmocka_unit_test_setup(bars_end_where_the_header_says, set_up),
        cmocka_unit_test_setup(bars_are_sized_and_put_back, set_up),
        cmocka_unit_test_setup(displays_and_bridges_are_not_sized, set_up),
        cmocka_unit_test_setup(senseless_sizes_are_refused, set_up),
        cmocka_unit_test_setup(capabilities_are_found, set_up),
        cmocka_unit_test_setup(broken_lists_end, set_up),
        cmocka_unit_test_setup(functions_are_found_by_class, set_up),
        cmocka_unit_test_setup(msi_is_set_up_in_every_form, set_up),
        cmocka_unit_test_setup(msi_that_does_not_fit_is_none, set_up),
        cmocka_unit_test_setup(cpus_beyond_the_address_are_refused, set_up),
        cmocka_unit_test_setup(msix_uses_its_first_entry_alone, set_up),
        cmocka_unit_test_setup(quiesce_stops_messages, set_up),
        cmocka_unit_test_setup(quiesce_leaves_a_display_its_picture, set_up),
        cmocka_unit_test_setup(quiesce_notices_who_does_not_obey, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
