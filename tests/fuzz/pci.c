/*
 * One PCI function whose configuration space is any bytes, and keeps any bits of what is written. Holds: every walk
 * ends; nothing is asked beyond the space; sizing leaves everything as it was and never decodes meanwhile; the table of
 * MSI-X is not left; what is stopped is off.
 *
 * Input: 64 words of 4 bytes, then 64 words that say which bits of them can be written; then the vector, less 32.
 */
#include "drivers/pci_bar.h"
#include "drivers/pci_msi.h"
#include "tests/fuzz/input.h"

#define WORDS   64u
#define PLACE   0x80000000u /* 0:0.0, as port 0xCF8 has it */
#define COMMAND (PCI_COMMAND / 4)
#define BAR_END 10u /* words */

static uint32_t words[WORDS];
static uint32_t writable[WORDS];
static uint32_t address_port;
static bool sizing;
static const struct pci_address where;

uint32_t fake_port_read(uint16_t port, unsigned size_bytes)
{
    CHECK(port == 0xCFC && size_bytes == 4);
    return address_port - PLACE < sizeof(words) ? words[(address_port - PLACE) / 4] : UINT32_MAX;
}

void fake_port_write(uint16_t port, uint32_t value, unsigned size_bytes)
{
    CHECK(size_bytes == 4);
    if (port == 0xCF8) {
        address_port = value;
        return;
    }
    CHECK(port == 0xCFC && address_port - PLACE < sizeof(words));
    uint32_t at = (address_port - PLACE) / 4;
    if (sizing && at != COMMAND)
        CHECK(at >= 4 && at < BAR_END && (words[COMMAND] & writable[COMMAND] & 3) == 0);
    if (at == COMMAND) /* status bits go when they are written as ones */
        CHECK((value & 0xFFFF0000) == 0);
    uint32_t bits = at == COMMAND ? writable[at] & 0xFFFF : writable[at];
    words[at] = (words[at] & ~bits) | (value & bits);
}

static void check_bars(const struct pci *pci, const struct pci_function *function)
{
    uint32_t before[WORDS];
    memcpy(before, words, sizeof(words));
    int last = -1;
    for (struct pci_bar bar = {0}; pci_next_bar(pci, where, &bar); last = bar.index) {
        uint64_t size_bytes;
        CHECK(bar.index > last && bar.index + bar.wide < 6 && bar.base != 0);
        CHECK(!bar.is_io || bar.base < 0x10000);
        sizing = true;
        if (pci_size_bar(pci, function, &bar, &size_bytes) == STATUS_OK)
            CHECK(size_bytes != 0 && (size_bytes & (size_bytes - 1)) == 0 && bar.base % size_bytes == 0);
        sizing = false;
        CHECK(memcmp(before, words, sizeof(words)) == 0);
    }
}

static bool is_on(uint8_t at, unsigned bit)
{
    return at != 0 && (words[at / 4] & writable[at / 4] & (uint32_t)1 << bit) != 0;
}

static void check_messages(const struct pci *pci, uint8_t vector)
{
    struct pci_messages messages = pci_find_messages(pci, where);
    CHECK(messages.msi == 0 || (messages.msi >= 0x40 && messages.msi <= 0xF4));
    CHECK(messages.msix == 0 || (messages.msix >= 0x40 && messages.msix <= 0xF4));
    CHECK(messages.table_count <= 2048);
    uint32_t *table = malloc(pci_msix_table_bytes(&messages) + 1);
    CHECK(table != NULL);
    if (pci_start_messages(pci, where, &messages, table, 1, vector) == STATUS_OK)
        CHECK(table[0] == 0xFEE01000 && table[2] == vector && table[3] == 0);
    free(table);
    (void)pci_start_messages(pci, where, &messages, NULL, 1, vector);
    messages = pci_find_messages(pci, where); /* what was written may have changed the list */
    pci_stop_messages(pci, where);
    struct pci_messages after = pci_find_messages(pci, where);
    if (messages.msi == after.msi && messages.msix == after.msix)
        CHECK(!is_on(after.msi, 16) && !is_on(after.msix, 31));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct input input = {bytes, size_bytes};
    struct pci_function functions[8];
    struct pci pci = {.functions = functions, .capacity = 8};
    for (uint32_t i = 0; i < WORDS; i++)
        words[i] = (uint32_t)input_number(&input, 4);
    for (uint32_t i = 0; i < WORDS; i++)
        writable[i] = (uint32_t)input_number(&input, 4);
    uint8_t vector = (uint8_t)(32 + input_number(&input, 1) % 224);
    /* The lowest bits of a base say what it is, and the header what there is: in no device do they change. */
    writable[3] = 0;
    for (uint32_t i = 4; i < BAR_END; i++)
        writable[i] &= 0xFFFFFFF0u;
    CHECK(pci_add_segment(&pci, (struct pci_segment){.last_bus = 0}) == STATUS_OK);
    pci_quiesce(&pci);
    if (pci.function_count == 0)
        return 0;
    check_bars(&pci, &functions[0]);
    check_messages(&pci, vector);
    return 0;
}
