/* What drivers/pci_*.c decode, mapped and wired: see device.h. */
#include "kernel/device.h"

#include "drivers/pci_bar.h"
#include "drivers/pci_msi.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/x86/percpu.h"

/* Where memory behind a base address register is. STATUS_NOT_FOUND: there is none, or firmware gave it no place. */
static enum status find_memory(const struct pci_function *function, unsigned bar_index, uint64_t *base,
                               uint64_t *size_bytes)
{
    const struct pci *pci = &machine_facts()->pci;
    for (struct pci_bar bar = {0}; pci_next_bar(pci, function->address, &bar);) {
        if (bar.index != bar_index || bar.is_io)
            continue;
        *base = bar.base;
        return pci_size_bar(pci, function, &bar, size_bytes);
    }
    return STATUS_NOT_FOUND;
}

volatile void *device_take(struct pci_function *function, unsigned bar_index, uint64_t *size_bytes)
{
    const struct pci *pci = &machine_facts()->pci;
    uint64_t base = 0;
    enum status status = find_memory(function, bar_index, &base, size_bytes);
    volatile void *registers = status == STATUS_OK ? machine_map_registers(base, *size_bytes) : NULL;
    if (registers == NULL) {
        log_warn("pci: %04x:%04x: registers %u at 0x%llx: %s", function->vendor_id, function->device_id, bar_index,
                 base, status == STATUS_OK ? "not to be mapped" : status_name(status));
        return NULL;
    }
    function->driven = true;
    pci_stop_messages(pci, function->address);
    (void)pci_change_command(pci, function->address, PCI_COMMAND_BUS_MASTER, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_OFF);
    return registers;
}

/* The table of MSI-X, or NULL: it has none, or not where its memory is. */
static volatile void *map_message_table(const struct pci_function *function, const struct pci_messages *messages)
{
    uint64_t base;
    uint64_t bar_bytes;
    uint64_t table_bytes = pci_msix_table_bytes(messages);
    if (messages->msix == 0 || find_memory(function, messages->table_bar, &base, &bar_bytes) != STATUS_OK)
        return NULL;
    if (messages->table_offset + table_bytes > bar_bytes)
        return NULL;
    return machine_map_registers(base + messages->table_offset, table_bytes);
}

enum status device_route(const struct pci_function *function, uint8_t vector)
{
    const struct pci *pci = &machine_facts()->pci;
    /* Read once: what is mapped for the table is what is written of it. */
    struct pci_messages messages = pci_find_messages(pci, function->address);
    volatile void *table = map_message_table(function, &messages);
    return pci_start_messages(pci, function->address, &messages, table, this_cpu()->apic_id, vector);
}

/* Firmware may have turned the bridges off in the exit, which pass on what the function wants of memory. */
static void open_bridges(const struct pci *pci, struct pci_address to)
{
    for (const struct pci_function *bridge = NULL; (bridge = pci_next_of_class(pci, bridge, PCI_CLASS_PCI_BRIDGE));) {
        uint32_t buses = pci_read32(pci, bridge->address, PCI_BRIDGE_BUSES);
        bool leads = (uint8_t)(buses >> 8) <= to.bus && to.bus <= (uint8_t)(buses >> 16);
        if (leads && bridge->address.segment == to.segment)
            (void)pci_change_command(pci, bridge->address, 0, PCI_COMMAND_BUS_MASTER | PCI_COMMAND_MEMORY);
    }
}

void device_start_mastering(struct pci_function *function)
{
    open_bridges(&machine_facts()->pci, function->address);
    (void)pci_change_command(&machine_facts()->pci, function->address, 0, PCI_COMMAND_BUS_MASTER);
}

void device_stop_mastering(struct pci_function *function)
{
    (void)pci_change_command(&machine_facts()->pci, function->address, PCI_COMMAND_BUS_MASTER, 0);
}
