/*
 * Monitor commands about the machine: cpus, acpi, pci, time, boot.
 *
 * They print what was found out during the boot, and nothing that is not there: every part may be absent.
 */
#include "drivers/pci_bar.h"
#include "drivers/pci_msi.h"
#include "kernel/console.h"
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/monitor.h"
#include "kernel/runtime.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/timeline.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/errata.h"

/* ---- cpus ---- */

/* What the CPU says that it is immune to: SDM 4, table 2-2, IA32_ARCH_CAPABILITIES, the bits that end in _NO. */
static const char *const immunities[] = {
    [0] = "rdcl", [4] = "ssb", [5] = "mds", [6] = "pschange", [8] = "taa", [13] = "sbdr", [14] = "fbsdp",
    [15] = "psdp", [20] = "bhi", [24] = "pbrsb", [26] = "gds", [27] = "rfds",
};

static void print_errata(const struct cpu_features *cpu)
{
    for (unsigned i = 0; i < ERRATA_COUNT; i++)
        if ((cpu->errata & 1u << i) != 0)
            print("erratum: %s\n", errata_texts[i]);
    print("immune to:%s", cpu->immunities == 0 ? " nothing that it tells" : "");
    for (unsigned i = 0; i < ARRAY_COUNT(immunities); i++)
        if (immunities[i] != NULL && (cpu->immunities >> i & 1) != 0)
            print(" %s", immunities[i]);
    print("\n");
}

void command_cpus(void)
{
    const struct cpu_features *cpu = cpu_features();
    print("cpu: %s%s%s, signature 0x%x\n", cpu->vendor, cpu->brand[0] != '\0' ? " " : "", cpu->brand, cpu->signature);
    /* Only those that the kernel uses or a report of a problem turns on. */
    print("features:%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s\n", cpu->nx ? " nx" : "", cpu->smep ? " smep" : "",
          cpu->smap ? " smap" : "", cpu->umip ? " umip" : "", cpu->pge ? " pge" : "",
          cpu->gigabyte_pages ? " 1gib-pages" : "", cpu->la57 ? " la57" : "", cpu->x2apic ? " x2apic" : "",
          cpu->tsc_deadline ? " tsc-deadline" : "", cpu->tsc_invariant ? " tsc-invariant" : "", cpu->mce ? " mce" : "",
          cpu->hypervisor ? " hypervisor" : "", cpu->cet_stacks ? " cet-ss" : "", cpu->cet_branches ? " cet-ibt" : "",
          cpu->lass ? " lass" : "");
    print_errata(cpu);
    for (unsigned i = 0; i < smp_cpu_count(); i++)
        print("cpu %u: apic id %u, microcode 0x%x, %s, %llu interrupts\n", i, smp_cpu(i)->apic_id,
              smp_cpu(i)->microcode, i == 0 ? "boot cpu" : "running", smp_cpu(i)->interrupt_count);
    const struct acpi_madt *madt = &machine_facts()->madt;
    if (madt->cpus_disabled + madt->cpus_repeated != 0)
        print("not used: %u disabled, %u listed twice\n", madt->cpus_disabled, madt->cpus_repeated);
    print("cpus: %u running, %u missing, %s mode, started in %llu us\n", smp_cpu_count(), smp_facts().missing_count,
          apic_is_x2apic() ? "x2apic" : "xapic", smp_facts().start_us);
}

/* ---- acpi ---- */

void command_acpi(void)
{
    const struct machine *machine = machine_facts();
    if (!machine->has_acpi) {
        print("acpi: none\n");
        return;
    }
    print("acpi: revision %u, '%s', %u tables, %u not valid\n", machine->acpi.tables[0].revision, machine->acpi.oem_id,
          machine->acpi.table_count, machine->acpi.bad_count);
    for (uint32_t i = 0; i < machine->acpi.table_count; i++) {
        const struct acpi_table *table = &machine->acpi.tables[i];
        print("  %.4s 0x%llx %6llu bytes, revision %u%s\n", table->signature, table->extent.start.value,
              prange_bytes(table->extent), table->revision, table->valid ? "" : ", NOT VALID: not used");
    }
    if (machine->has_madt)
        print("madt: %u cpus, %u i/o apics, %u overrides\n", machine->madt.cpu_count, machine->madt.ioapic_count,
              machine->madt.override_count);
    if (machine->has_fadt) {
        const struct acpi_fadt *fadt = &machine->power.fadt; /* with the ports that a FADT left out */
        print("ports: pm timer 0x%x, pm1a control 0x%x\n", fadt->pm_timer_port, fadt->pm1a_control_port);
        if (fadt->reset_supported)
            print("reset: %s 0x%llx\n", fadt->reset.space == ACPI_SPACE_IO ? "port" : "address", fadt->reset.address);
    }
    if (machine->power.has_s5)
        print("s5: sleep types %u, %u\n", machine->power.sleep_type_a, machine->power.sleep_type_b);
}

/* ---- pci ---- */

static void print_place(const struct pci_function *function)
{
    const struct pci_address *address = &function->address;
    print("%04x:%02x:%02x.%u ", address->segment, address->bus, address->device, address->function);
}

/* Where its registers are, as they stand: sizes would have to be tried out, on devices that may be in use. */
static void print_resources(const struct pci *pci, const struct pci_function *function)
{
    for (struct pci_bar bar = {0}; pci_next_bar(pci, function->address, &bar);)
        print("    %u: %s 0x%llx%s%s\n", bar.index, bar.is_io ? "ports" : "memory", bar.base,
              bar.wide ? ", 64 bits" : "", bar.prefetchable ? ", prefetchable" : "");
    struct pci_messages messages = pci_find_messages(pci, function->address);
    if (messages.msi != 0)
        print("    msi\n");
    if (messages.msix != 0)
        print("    msi-x: %u vectors\n", messages.table_count);
}

/* What became of a function that could write to memory when the kernel took over. */
static const char *fate(const struct pci_function *function)
{
    if (function->driven)
        return "silenced, and given to a driver";
    if (function->silenced)
        return "silenced";
    if (!pci_keeps_mastering(function))
        return "STILL A BUS MASTER: does not obey";
    return function->class_code == PCI_CLASS_BRIDGE ? "kept: passes on what is behind it" : "kept: fetches its picture";
}

void command_pci(void)
{
    const struct pci *pci = &machine_facts()->pci;
    for (uint32_t i = 0; i < pci->function_count; i++) {
        const struct pci_function *function = &pci->functions[i];
        print_place(function);
        print("%04x:%04x %02x%02x.%02x %s%s\n", function->vendor_id, function->device_id, function->class_code,
              function->subclass, function->interface, pci_class_name(function->class_code, function->subclass),
              function->silenced ? ", silenced" : "");
        print_resources(pci, function);
    }
    print("bus masters that the firmware left:\n");
    for (uint32_t i = 0; i < pci->function_count; i++) {
        const struct pci_function *function = &pci->functions[i];
        if (!function->was_master)
            continue;
        print("  ");
        print_place(function);
        print("%s: %s\n", pci_class_name(function->class_code, function->subclass), fate(function));
    }
    print("pci: %u functions, %u silenced, %u not listed\n", pci->function_count, pci->silenced_count,
          pci->dropped_count);
}

/* ---- time ---- */

static void print_firmware_time(void)
{
    struct efi_time now;
    enum status status = runtime_get_time(&now);
    if (status != STATUS_OK) {
        print("firmware: no time (%s)\n", runtime_failure(RUNTIME_GET_TIME, status));
        return;
    }
    print("firmware: %04u-%02u-%02u %02u:%02u:%02u", now.year, now.month, now.day, now.hour, now.minute, now.second);
    if (now.timezone == EFI_UNSPECIFIED_TIMEZONE)
        print(", time zone unknown\n");
    else
        print(", %d minutes east of UTC\n", now.timezone);
}

/* Three clocks: the firmware's, which knows the date; the TSC, which all waits go by; the timer, which wakes CPUs. */
void command_time(void)
{
    struct time_facts facts = time_facts();
    print_firmware_time();
    print("tsc: %llu Hz by %s, within %llu ppm%s\n", facts.tsc_hz, facts.source, facts.error_ppm,
          cpu_features()->tsc_invariant ? ", invariant" : "");
    print("timer: %s, %llu interrupts\n", facts.timer, facts.timer_interrupts);
    uint64_t uptime_us = time_us_of_tsc(cpu_tsc() - memory_handoff()->marks[HANDOFF_MARK_ENTRY]);
    print("uptime: %llu.%06llu s\n", uptime_us / 1000000, uptime_us % 1000000);
}

/* ---- boot ---- */

/* What the bits of handoff.warnings mean, from bit 0. */
static const char *const warnings[] = {
    "the command line was cut or is not ASCII", "more configuration tables than are kept",
    "the boot watchdog could not be disarmed",  "the trampoline page was taken from boot services",
    "no page for a trampoline: one CPU",        "runtime memory without the RUNTIME attribute",
    "the firmware left interrupts on",          "the firmware left DescriptorSize 0",
};
_Static_assert(HANDOFF_WARNING_DESCRIPTOR_SIZE == 1u << (ARRAY_COUNT(warnings) - 1), "one text a bit");

void command_boot(void)
{
    const struct handoff *handoff = memory_handoff();
    print("firmware: %s, revision 0x%x\n", handoff->firmware_vendor, handoff->firmware_revision);
    print("command line: %s\n", handoff->command_line);
    print("exit attempts: %u\n", handoff->exit_attempts);
    static const char *const outcomes[] = {"not called", "ok, 1:1", "failed", "faulted"}; /* handoff_virtual_map */
    print("SetVirtualAddressMap: %s\n", outcomes[handoff->virtual_map % ARRAY_COUNT(outcomes)]);
    if (handoff->virtual_map >= HANDOFF_VIRTUAL_MAP_FAILED)
        print("  EFI status %llx, vector %llu at 0x%llx\n", handoff->virtual_map_status, handoff->virtual_map_vector,
              handoff->virtual_map_rip);
    for (size_t i = 0; i < ARRAY_COUNT(warnings); i++)
        if ((handoff->warnings & 1u << i) != 0)
            print("warning: %s\n", warnings[i]);
    timeline_print();
}
