/* Monitor commands about the machine: cpus, acpi, pci, time, boot. */
#include "kernel/console.h"
#include "kernel/irq.h"
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/monitor.h"
#include "kernel/runtime.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/timeline.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"

/* ---- cpus ---- */

static void print_features(const struct cpu_features *cpu)
{
    const struct {
        bool present;
        const char *name;
    } features[] = {
        {cpu->nx,             "nx"           },
        {cpu->smep,           "smep"         },
        {cpu->smap,           "smap"         },
        {cpu->umip,           "umip"         },
        {cpu->pge,            "pge"          },
        {cpu->gigabyte_pages, "1gib-pages"   },
        {cpu->la57,           "la57"         },
        {cpu->x2apic,         "x2apic"       },
        {cpu->tsc_deadline,   "tsc-deadline" },
        {cpu->tsc_invariant,  "tsc-invariant"},
        {cpu->mce,            "mce"          },
        {cpu->hypervisor,     "hypervisor"   },
    };
    print("features:");
    for (size_t i = 0; i < ARRAY_COUNT(features); i++)
        if (features[i].present)
            print(" %s", features[i].name);
    print("\n");
}

static void run_cpus(const struct words *words)
{
    (void)words;
    const struct cpu_features *cpu = cpu_features();
    print("cpu: %s%s%s, family %u model %u stepping %u\n", cpu->vendor, cpu->brand[0] != '\0' ? " " : "", cpu->brand,
          cpu->family, cpu->model, cpu->stepping);
    print_features(cpu);
    for (unsigned i = 0; i < smp_cpu_count(); i++)
        print("cpu %u: apic id %u, %s, %llu interrupts\n", i, smp_cpu(i)->apic_id, i == 0 ? "boot cpu" : "running",
              smp_cpu(i)->interrupt_count);
    const struct acpi_madt *madt = &machine_facts()->madt;
    if (madt->cpus_disabled + madt->cpus_repeated != 0)
        print("not used: %u disabled, %u listed twice\n", madt->cpus_disabled, madt->cpus_repeated);
    print("cpus: %u running, %u missing, %s mode, started in %llu us\n", smp_cpu_count(), smp_missing_count(),
          apic_is_x2apic() ? "x2apic" : "xapic", smp_start_us());
}

/* ---- acpi ---- */

static void print_acpi_tables(const struct acpi *acpi)
{
    for (uint32_t i = 0; i < acpi->table_count; i++) {
        const struct acpi_table *table = &acpi->tables[i];
        print("  %c%c%c%c 0x%llx %6llu bytes, revision %u%s\n", table->signature[0], table->signature[1],
              table->signature[2], table->signature[3], table->extent.start.value, prange_bytes(table->extent),
              table->revision, table->valid ? "" : ", NOT VALID: not used");
    }
}

static void print_register(const char *name, const struct acpi_register *where)
{
    if (where->address != 0)
        print("%s: %s 0x%llx, %u bits\n", name, where->space == ACPI_SPACE_IO ? "port" : "address", where->address,
              where->width_bits);
}

static void print_power(const struct machine *machine)
{
    if (!machine->has_fadt)
        return;
    const struct acpi_fadt *fadt = &machine->fadt;
    print_register("pm timer", &fadt->pm_timer);
    print_register("pm1a control", &fadt->pm1a_control);
    if (fadt->reset_supported)
        print_register("reset", &fadt->reset);
    if (machine->power.has_s5)
        print("s5: sleep types %u, %u\n", machine->power.sleep_type_a, machine->power.sleep_type_b);
    else
        print("s5: none\n");
}

static void run_acpi(const struct words *words)
{
    (void)words;
    const struct machine *machine = machine_facts();
    if (!machine->has_acpi) {
        print("acpi: none\n");
        return;
    }
    print("acpi: revision %u, '%s', %u tables, %u not valid\n", machine->acpi.rsdp_revision, machine->acpi.oem_id,
          machine->acpi.table_count, machine->acpi.bad_count);
    print_acpi_tables(&machine->acpi);
    if (machine->has_madt)
        print("madt: %u cpus, %u i/o apics, %u overrides, local apics at 0x%llx\n", machine->madt.cpu_count,
              machine->madt.ioapic_count, machine->madt.override_count, machine->madt.local_apic_address);
    print_power(machine);
    for (uint32_t i = 0; i < machine->affinity_count; i++) {
        const struct acpi_affinity *entry = &machine->affinities[i];
        if (entry->is_memory)
            print("domain %u: [0x%llx, 0x%llx)\n", entry->domain, entry->range.start.value, entry->range.end.value);
        else
            print("domain %u: apic id %u\n", entry->domain, entry->apic_id);
    }
}

/* ---- pci ---- */

static void run_pci(const struct words *words)
{
    (void)words;
    const struct pci *pci = &machine_facts()->pci;
    for (uint32_t i = 0; i < pci->function_count; i++) {
        const struct pci_function *function = &pci->functions[i];
        print("%04x:%02x:%02x.%u %04x:%04x %02x%02x.%02x %s%s\n", function->address.segment, function->address.bus,
              function->address.device, function->address.function, function->vendor_id, function->device_id,
              function->class_code, function->subclass, function->interface,
              pci_class_name(function->class_code, function->subclass), function->silenced ? ", silenced" : "");
    }
    print("pci: %u functions, %u silenced, %u not listed\n", pci->function_count, pci->silenced_count,
          pci->dropped_count);
}

/* ---- time ---- */

static void print_firmware_time(void)
{
    struct efi_time now;
    enum status status = runtime_get_time(&now);
    const char *reason = runtime_off_reason(RUNTIME_GET_TIME);
    if (status != STATUS_OK) {
        print("firmware: no time (%s)\n", reason != NULL ? reason : status_name(status));
        return;
    }
    print("firmware: %04u-%02u-%02u %02u:%02u:%02u", now.year, now.month, now.day, now.hour, now.minute, now.second);
    if (now.timezone == EFI_UNSPECIFIED_TIMEZONE)
        print(", time zone unknown\n");
    else
        print(", %d minutes east of UTC\n", now.timezone);
}

static void run_time(const struct words *words)
{
    (void)words;
    struct time_facts facts = time_facts();
    print_firmware_time();
    print("tsc: %llu Hz by %s%s\n", facts.tsc_hz, facts.source, facts.tsc_invariant ? ", invariant" : "");
    print("timer: %s, %llu interrupts; %llu unexpected interrupts\n", facts.timer, facts.timer_interrupts,
          irq_unexpected_count());
    uint64_t uptime_us = time_us_of_tsc(cpu_tsc() - memory_handoff()->marks[HANDOFF_MARK_ENTRY]);
    print("uptime: %llu.%06llu s\n", uptime_us / 1000000, uptime_us % 1000000);
}

/* ---- boot ---- */

static const char *virtual_map_text(const struct handoff *handoff)
{
    switch ((enum handoff_virtual_map)handoff->virtual_map) {
    case HANDOFF_VIRTUAL_MAP_OK:
        return "ok, 1:1";
    case HANDOFF_VIRTUAL_MAP_NOT_CALLED:
        return "not called";
    case HANDOFF_VIRTUAL_MAP_FAILED:
        return "failed";
    case HANDOFF_VIRTUAL_MAP_FAULTED:
        return "faulted";
    }
    return "?";
}

static void print_warnings(uint32_t warnings)
{
    static const struct {
        uint32_t bit;
        const char *text;
    } texts[] = {
        {HANDOFF_WARNING_COMMAND_LINE_CUT,    "the command line was cut"                        },
        {HANDOFF_WARNING_TABLES_CUT,          "more configuration tables than are kept"         },
        {HANDOFF_WARNING_WATCHDOG,            "the boot watchdog could not be disarmed"         },
        {HANDOFF_WARNING_TRAMPOLINE_TAKEN,    "the trampoline page was taken from boot services"},
        {HANDOFF_WARNING_NO_TRAMPOLINE,       "no page for a trampoline: one CPU"               },
        {HANDOFF_WARNING_RUNTIME_BIT_MISSING, "runtime memory without the RUNTIME attribute"    },
        {HANDOFF_WARNING_EXIT_INTERRUPTS,     "the firmware left interrupts on"                 },
        {HANDOFF_WARNING_DESCRIPTOR_SIZE,     "the firmware left DescriptorSize 0"              },
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        if ((warnings & texts[i].bit) != 0)
            print("warning: %s\n", texts[i].text);
}

static void run_boot(const struct words *words)
{
    (void)words;
    const struct handoff *handoff = memory_handoff();
    print("firmware: %s, revision 0x%x\n", handoff->firmware_vendor, handoff->firmware_revision);
    print("command line: %s\n", handoff->command_line);
    print("exit attempts: %u\n", handoff->exit_attempts);
    print("SetVirtualAddressMap: %s", virtual_map_text(handoff));
    if (handoff->virtual_map == HANDOFF_VIRTUAL_MAP_FAILED)
        print(", EFI status %llx", handoff->virtual_map_status);
    if (handoff->virtual_map == HANDOFF_VIRTUAL_MAP_FAULTED)
        print(", vector %llu at 0x%llx", handoff->virtual_map_vector, handoff->virtual_map_rip);
    print("\n");
    print_warnings(handoff->warnings);
    timeline_print();
}

const struct command commands_machine[] = {
    {"boot", "",   "how the boot went, phase by phase",         run_boot},
    {"cpus", "",   "the CPUs, running and missing",             run_cpus},
    {"acpi", "",   "ACPI's tables and what they say",           run_acpi},
    {"pci",  "",   "PCI functions, and which were silenced",    run_pci },
    {"time", "",   "the firmware's clock, the TSC, the uptime", run_time},
    {NULL,   NULL, NULL,                                        NULL    },
};
