/*
 * Configuration access and enumeration.
 *
 *     ECAM, bus 0's base +  | 27:20 bus | 19:15 device | 14:12 function | 11:0 register |   PCI Express 7.2.2
 *     port 0xCF8     | 31: 1 | 23:16 bus | 15:11 device | 10:8  function | 7:2  register |   then 0xCFC is the register
 *
 * So ECAM has a page for each function and 1 MiB for each bus; the ports reach the first 256 bytes, in segment 0.
 *
 * Every bus of a segment is looked at, not only those that bridges lead to: machines with several host bridges have
 * root buses that no bridge announces, and rule 11 is about every function. Absent ones cost one read each.
 *
 * Rules: a function is silenced the moment it is found, before it is listed, so a full list loses names and no silence.
 * Bridges keep mastering, or what is behind them (a display) stops; a display keeps it, because the picture may come
 * from memory that firmware set aside. No BAR is sized here: writing all ones there moves a frame buffer that is being
 * drawn on.
 */
#include "drivers/pci.h"

#include "drivers/pci_msi.h"
#include "kernel/base/check.h"
#include "kernel/x86/io.h"

/* PCI Local Bus 3.0, 3.2.2.3.2: configuration mechanism 1. */
#define PORT_ADDRESS   0xCF8u
#define PORT_DATA      0xCFCu
#define ADDRESS_ENABLE 0x80000000u

#define DEVICES_PER_BUS 32u
#define FUNCTIONS_MAX   8u

#define FUNCTIONS_PER_BUS_SHIFT 8u

#define CONFIG_BYTES         256u
#define VENDOR_NONE          0xFFFFu
#define HEADER_MULTIFUNCTION 0x80u
#define COMMAND_MASK         0xFFFFu /* the status bits above are cleared by writing ones: write zeros */

/* PCI Local Bus 3.0, 6.7: a byte says where the list begins; each entry has its ID, then where the next one is. */
#define CAPABILITIES_POINTER 0x34u
#define CAPABILITIES_START   0x40u /* behind the header */
#define CAPABILITIES_MAX     ((CONFIG_BYTES - CAPABILITIES_START) / 4)
#define CAPABILITY_MASK      0xFCu /* the lowest two bits of an offset are reserved */
#define HEADER_TYPE_MASK     0x7Fu
#define HEADER_BRIDGE        0x01u

/* Subclass 1 of class 0, "VGA-compatible": displays older than the class codes (PCI 3.0, appendix D). */
#define CLASS_UNCLASSIFIED        0x00u
#define SUBCLASS_UNCLASSIFIED_VGA 0x01u

/* The register's place in the ECAM, or NULL and the ports set to it. `function` counts from bus 0, as ECAM does. */
static ALWAYS_INLINE volatile uint8_t *pci_locate(const struct pci_segment *segment, uint32_t function, uint32_t offset)
{
    if (segment->ecam != NULL) /* `ecam` is the mapping of first_bus */
        return segment->ecam + ((uint64_t)function << 12) - segment->first_bus * PCI_ECAM_BUS_BYTES + offset;
    io_write32(PORT_ADDRESS, ADDRESS_ENABLE | function << 8 | offset);
    return NULL;
}

/*
 * 32-bit accesses only: some chipsets' ECAM has no other, and the ports have one address register for all widths.
 */
static ALWAYS_INLINE uint32_t pci_read_at(const struct pci_segment *segment, uint32_t function, uint32_t offset)
{
    volatile uint8_t *ecam = pci_locate(segment, function, offset);
    return ecam != NULL ? mmio_read32(ecam) : io_read32(PORT_DATA);
}

/* MCFG may split a segment into several bus ranges; they must not overlap. */
enum status pci_add_segment(struct pci *pci, struct pci_segment segment)
{
    if (segment.last_bus < segment.first_bus || (segment.ecam == NULL && segment.number != 0))
        return STATUS_INVALID;
    for (uint32_t i = 0; i < pci->segment_count; i++) {
        const struct pci_segment *other = &pci->segments[i];
        bool overlap = segment.first_bus <= other->last_bus && other->first_bus <= segment.last_bus;
        if (other->number == segment.number && overlap)
            return STATUS_INVALID;
    }
    if (pci->segment_count == PCI_SEGMENTS_MAX)
        return STATUS_LIMIT;
    pci->segments[pci->segment_count++] = segment;
    return STATUS_OK;
}

/* The function's number in its segment, and the segment, or NULL where the address is in none. */
static const struct pci_segment *pci_reach(const struct pci *pci, struct pci_address address, uint32_t offset,
                                           uint32_t *function)
{
    CHECK(offset < CONFIG_BYTES && offset % 4 == 0);
    CHECK(address.device < DEVICES_PER_BUS && address.function < FUNCTIONS_MAX);
    *function = (uint32_t)address.bus << FUNCTIONS_PER_BUS_SHIFT | (uint32_t)address.device << 3 | address.function;
    for (uint32_t i = 0; i < pci->segment_count; i++) {
        const struct pci_segment *segment = &pci->segments[i];
        if (segment->number == address.segment && address.bus >= segment->first_bus && address.bus <= segment->last_bus)
            return segment;
    }
    return NULL;
}

uint32_t pci_read32(const struct pci *pci, struct pci_address address, uint32_t offset)
{
    uint32_t function;
    const struct pci_segment *segment = pci_reach(pci, address, offset, &function);
    return segment != NULL ? pci_read_at(segment, function, offset) : UINT32_MAX;
}

void pci_write32(const struct pci *pci, struct pci_address address, uint32_t offset, uint32_t value)
{
    uint32_t function;
    const struct pci_segment *segment = pci_reach(pci, address, offset, &function);
    if (segment == NULL)
        return;
    volatile uint8_t *ecam = pci_locate(segment, function, offset);
    if (ecam != NULL)
        mmio_write32(ecam, value);
    else
        io_write32(PORT_DATA, value);
}

bool pci_keeps_mastering(const struct pci_function *function)
{
    if (function->class_code == CLASS_UNCLASSIFIED)
        return function->subclass == SUBCLASS_UNCLASSIFIED_VGA;
    return function->class_code == PCI_CLASS_BRIDGE || function->class_code == PCI_CLASS_DISPLAY;
}

uint32_t pci_change_command(const struct pci *pci, struct pci_address address, uint32_t clear, uint32_t set)
{
    uint32_t command = pci_read32(pci, address, PCI_COMMAND) & COMMAND_MASK;
    uint32_t wanted = (command & ~clear) | set;
    if (wanted != command) {
        pci_write32(pci, address, PCI_COMMAND, wanted);
        (void)pci_read32(pci, address, PCI_COMMAND); /* the write has arrived when the read comes back */
    }
    return command;
}

/*
 * Bounded, for a list may lead in circles, or anywhere where the device is gone and reads as ones. Cardbus bridges have
 * their pointer elsewhere, and nothing that we want.
 */
uint32_t pci_find_capability(const struct pci *pci, struct pci_address address, uint8_t id)
{
    uint32_t header_type = pci_read32(pci, address, PCI_HEADER_TYPE) >> 16 & HEADER_TYPE_MASK;
    if ((pci_read32(pci, address, PCI_COMMAND) & PCI_STATUS_CAPABILITIES) == 0 || header_type > HEADER_BRIDGE)
        return 0;
    uint32_t at = pci_read32(pci, address, CAPABILITIES_POINTER) & CAPABILITY_MASK;
    for (uint32_t left = CAPABILITIES_MAX; left > 0 && at >= CAPABILITIES_START; left--) {
        uint32_t entry = pci_read32(pci, address, at);
        if ((uint8_t)entry == id)
            return at;
        at = entry >> 8 & CAPABILITY_MASK;
    }
    return 0;
}

struct pci_function *pci_next_of_class(const struct pci *pci, const struct pci_function *after, uint32_t class_code)
{
    for (size_t i = after == NULL ? 0 : (size_t)(after - pci->functions) + 1; i < pci->function_count; i++) {
        struct pci_function *function = &pci->functions[i];
        if ((uint32_t)(function->class_code << 16 | function->subclass << 8 | function->interface) == class_code)
            return function;
    }
    return NULL;
}

/*
 * Interrupts go off with it: a line that firmware's driver left asserted may be one that the kernel listens to (ACPI's
 * is shared on many machines), and a message would come the moment that a driver of ours turns mastering on again.
 */
static void pci_silence(const struct pci *pci, struct pci_function *function)
{
    bool keeps = pci_keeps_mastering(function);
    uint32_t command = pci_change_command(pci, function->address, keeps ? 0 : PCI_COMMAND_BUS_MASTER,
                                          keeps ? 0 : PCI_COMMAND_INTX_OFF);
    function->was_master = (command & PCI_COMMAND_BUS_MASTER) != 0;
    if (!function->was_master)
        return;
    pci_stop_messages(pci, function->address); /* of those that keep mastering, too: no vector of theirs is ours */
    if (!keeps)
        function->silenced = (pci_read32(pci, function->address, PCI_COMMAND) & PCI_COMMAND_BUS_MASTER) == 0;
}

/* Silences and lists the function. */
static void pci_take_function(struct pci *pci, struct pci_address address)
{
    uint32_t identity = pci_read32(pci, address, PCI_VENDOR_ID);
    /* Config offset 8: class, subclass, interface, revision, from the top byte down (PCI 3.0, 6.2.1). */
    uint32_t class_register = pci_read32(pci, address, PCI_CLASS);
    struct pci_function function = {
        .address = address,
        .vendor_id = (uint16_t)identity,
        .device_id = (uint16_t)(identity >> 16),
        .class_code = (uint8_t)(class_register >> 24),
        .subclass = (uint8_t)(class_register >> 16),
        .interface = (uint8_t)(class_register >> 8),
    };
    pci_silence(pci, &function);
    pci->silenced_count += function.silenced;
    if (pci->function_count < pci->capacity)
        pci->functions[pci->function_count++] = function;
    else
        pci->dropped_count++;
}

/* Nearly all of 8,192 devices are absent: one read each, and nothing else. */
static void pci_take_segment(struct pci *pci, struct pci_segment segment)
{
    uint32_t end = ((uint32_t)segment.last_bus + 1) << FUNCTIONS_PER_BUS_SHIFT;
    uint32_t number = (uint32_t)segment.first_bus << FUNCTIONS_PER_BUS_SHIFT;
    for (bool alone = true; number < end; number += alone ? FUNCTIONS_MAX : 1) {
        uint16_t vendor = (uint16_t)pci_read_at(&segment, number, PCI_VENDOR_ID);
        bool absent = vendor == VENDOR_NONE || vendor == 0; /* as some that are absent read */
        /* Without the bit, a device may answer at all eight functions with its only one (PCI 3.0, 3.2.2.3.4). */
        if (number % FUNCTIONS_MAX == 0)
            alone = absent || (pci_read_at(&segment, number, PCI_HEADER_TYPE) >> 16 & HEADER_MULTIFUNCTION) == 0;
        if (!absent)
            pci_take_function(pci, (struct pci_address){segment.number, (uint8_t)(number >> FUNCTIONS_PER_BUS_SHIFT),
                                                        number / FUNCTIONS_MAX % DEVICES_PER_BUS,
                                                        number % FUNCTIONS_MAX});
    }
}

void pci_quiesce(struct pci *pci)
{
    pci->function_count = 0;
    pci->dropped_count = 0;
    pci->silenced_count = 0;
    for (uint32_t i = 0; i < pci->segment_count; i++)
        pci_take_segment(pci, pci->segments[i]);
}
