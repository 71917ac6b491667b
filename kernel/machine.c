/*
 * The wiring: drivers get their registers mapped and their interrupts routed, and what they find is kept for all.
 *
 *     drivers/     know registers, and nothing of the kernel: no log, no mapping, no vector
 *     this file    asks ACPI where each is, maps it, hands it over, and logs what is missing
 *     mm, irq      give the mapping and the vector
 *
 *     serial -+
 *     i8042  -+- ISA line -> override (MADT) -> I/O APIC -> VECTOR_CONSOLE -> keyboard_poll
 *
 * Rules: one function a step of kernel/main.c, in its order. No device is needed: each failure is one log line and a
 * machine that does without. Addresses come from tables and are input (memory_range).
 */
#include "kernel/machine.h"

#include "drivers/i8042.h"
#include "drivers/ich9.h"
#include "drivers/pic.h"
#include "drivers/pit.h"
#include "drivers/serial.h"
#include "kernel/console.h"
#include "kernel/irq.h"
#include "kernel/keyboard.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/options.h"
#include "kernel/ps2.h"
#include "kernel/smp.h"
#include "kernel/usb.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/interrupts.h"

/* PCI functions listed; more are silenced all the same. */
#define FUNCTIONS_MAX 256u

static struct machine machine;

const struct machine *machine_facts(void)
{
    return &machine;
}

/* RAM is refused: a write there would hit what we own. */
void *machine_map_registers(uint64_t address, uint64_t size_bytes)
{
    struct prange range;
    if (!memory_range(address, size_bytes, &range) || memory_overlaps_ram(range))
        return NULL;
    /* Uncached, whatever the MTRRs say: a cached register is read once and never again. */
    return vspace_map_device(&kernel_mm.vspace, range, PAGING_UNCACHED);
}

void machine_start_serial(void)
{
    if (console_attach_serial(SERIAL_COM1_PORT) != STATUS_OK)
        log_debug("serial: none");
}

/* ---- ACPI ---- */

static void discover_madt(void)
{
    const struct acpi_table *table = acpi_find(&machine.acpi, "APIC");
    if (table == NULL)
        return;
    /* Counted first, so that the list is as long as the machine needs, not as long as a machine might. */
    uint32_t capacity = acpi_madt_cpus(table);
    struct acpi_cpu *cpus = heap_alloc(memory_heap(), capacity * sizeof(*cpus));
    if (cpus == NULL)
        return;
    machine.has_madt = acpi_madt_parse(table, cpus, capacity, &machine.madt) == STATUS_OK;
}

static uint64_t read_hpet(void)
{
    return hpet_counter(&machine.hpet);
}

static void discover_hpet(void)
{
    struct paddr address;
    if (acpi_hpet_parse(acpi_find(&machine.acpi, "HPET"), &address) != STATUS_OK)
        return;
    void *registers = machine_map_registers(address.value, HPET_WINDOW_BYTES);
    if (registers != NULL && hpet_init(&machine.hpet, registers) == STATUS_OK)
        /* Before the PM timer in the list: 10 MHz and more against 3.58, so a reading tells three times as much. */
        machine.clocks[machine.clock_count++] = (struct time_reference){
            "HPET", read_hpet, 1000000000000000ull / machine.hpet.period_fs, machine.hpet.counter_mask};
}

static uint64_t read_pm_timer(void)
{
    return pm_timer_read(&machine.pm_timer);
}

static volatile uint8_t *map_register(const struct acpi_register *place)
{
    return place->space == ACPI_SPACE_MEMORY && place->address != 0 ? machine_map_registers(place->address, 1) : NULL;
}

static void discover_fadt(void)
{
    machine.has_fadt = acpi_fadt_parse(acpi_find(&machine.acpi, "FACP"), &machine.fadt) == STATUS_OK;
    power_init(&machine.power, machine.has_fadt ? &machine.fadt : NULL, &machine.acpi);
    machine.power.reset = map_register(&machine.fadt.reset);
    machine.power.sleep_control = map_register(&machine.fadt.sleep_control);
    if (pm_timer_init(&machine.pm_timer, machine.fadt.pm_timer_port, machine.fadt.pm_timer_wide) == STATUS_OK)
        machine.clocks[machine.clock_count++] =
            (struct time_reference){"ACPI PM timer", read_pm_timer, PM_TIMER_HZ, machine.pm_timer.mask};
}

void machine_discover(void)
{
    struct acpi_reader reader = {memory_map_table, NULL};
    enum status status = acpi_init(&machine.acpi, reader, PADDR(memory_handoff()->acpi_rsdp));
    machine.has_acpi = status == STATUS_OK;
    if (!machine.has_acpi)
        log_warn("acpi: %s; one CPU, no I/O APIC, no soft power-off", status_name(status));
    discover_madt();
    discover_hpet();
    discover_fadt();
}

/* ---- Interrupts ---- */

static void start_local_apic(void)
{
    uint32_t id_max = 0;
    for (uint32_t i = 0; i < machine.madt.cpu_count; i++)
        id_max = (uint32_t)max_u64(id_max, machine.madt.cpus[i].apic_id);
    apic_init(machine_map_registers(apic_registers().value, PAGE_SIZE), id_max); /* at 0, with x2APIC: maps to NULL */
}

static void start_ioapics(void)
{
    for (uint32_t i = 0; i < machine.madt.ioapic_count; i++) {
        const struct acpi_ioapic *from = &machine.madt.ioapics[i];
        void *registers = machine_map_registers(from->address, IOAPIC_WINDOW_BYTES);
        struct ioapic *ioapic = &machine.ioapics[machine.ioapic_count];
        if (registers != NULL && ioapic_init(ioapic, registers, from->gsi_base) == STATUS_OK)
            machine.ioapic_count++;
        else
            log_warn("ioapic: nothing answers at 0x%llx", from->address);
    }
}

/* The I/O APIC that a line of the PC/AT ends at, or NULL. */
static struct ioapic *ioapic_of(const struct acpi_override *line)
{
    for (uint32_t i = 0; i < machine.ioapic_count; i++)
        if (ioapic_has(&machine.ioapics[i], line->gsi))
            return &machine.ioapics[i];
    return NULL;
}

/* To this CPU, by `vector`, or, as `kind` says, as an NMI or not at all. False: no I/O APIC takes it. */
static bool route_line(struct acpi_override line, uint8_t vector, uint32_t kind)
{
    struct ioapic *ioapic = ioapic_of(&line);
    uint32_t signal = kind | (line.level ? IOAPIC_LEVEL : 0u) | (line.active_low ? IOAPIC_ACTIVE_LOW : 0u);
    /* A handler that masks a line must not come between the two accesses that a register takes. */
    uint64_t flags = interrupts_save_and_disable();
    bool routed = ioapic != NULL && ioapic_route(ioapic, line.gsi, vector, this_cpu()->apic_id, signal) == STATUS_OK;
    interrupts_restore(flags);
    return routed;
}

static bool route_isa(uint8_t isa_irq, uint8_t vector, uint32_t kind)
{
    return route_line(acpi_madt_isa(&machine.madt, isa_irq), vector, kind);
}

bool machine_route_sci(uint8_t vector)
{
    uint16_t sci = machine.fadt.sci_interrupt;
    return sci != 0 && route_line(acpi_madt_sci(&machine.madt, sci), vector, 0);
}

void machine_mask_sci(void)
{
    (void)route_line(acpi_madt_sci(&machine.madt, machine.fadt.sci_interrupt), 0, IOAPIC_MASKED);
}

bool machine_start_nmi_ticks(void)
{
    pit_start_ticks();
    return route_isa(PIT_TICK_IRQ, 0, IOAPIC_NMI);
}

void machine_stop_nmi_ticks(void)
{
    (void)route_isa(PIT_TICK_IRQ, 0, IOAPIC_MASKED);
}

void machine_start_interrupts(void)
{
    /* Silence first: what the 8259s would still send has a vector (0x20 on) and no handler, so it is dropped. */
    pic_disable();
    start_local_apic();
    start_ioapics();
    /* Before the line is routed: an interrupt may come the moment that it is. */
    irq_register(VECTOR_CONSOLE, keyboard_poll);
    /*
     * Where no I/O APIC takes the line (an ACPI that is broken or absent), the monitor wakes up by the timer and looks.
     */
    machine.console_polled = !route_isa(SERIAL_COM1_IRQ, VECTOR_CONSOLE, 0);
    interrupts_enable();
}

void machine_start_keyboard(void)
{
    if (options_current()->keymap[0] != '\0')
        keyboard_set_layout(options_current()->keymap);
    enum status status = ps2_start();
    if (status != STATUS_OK)
        log_debug("i8042: %s", status_name(status));
    else if (!route_isa(I8042_KEYBOARD_IRQ, VECTOR_CONSOLE, 0))
        machine.console_polled = true;
}

/* ---- Time ---- */

void machine_start_time(void)
{
    time_init(machine.clocks, machine.clock_count);
}

/* ---- CPUs ---- */

void machine_start_cpus(void)
{
    uint32_t limit = options_current()->cpus != 0 ? options_current()->cpus : UINT32_MAX;
    enum status status = smp_start(&machine.madt, limit, PADDR(memory_handoff()->trampoline));
    if (status != STATUS_OK)
        log_error("smp: %s; one CPU", status_name(status));
}

/* ---- PCI ---- */

static void add_ecam_segments(void)
{
    struct acpi_ecam windows[PCI_SEGMENTS_MAX];
    uint32_t count = acpi_mcfg_parse(acpi_find(&machine.acpi, "MCFG"), windows, PCI_SEGMENTS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        /* MCFG's base is that of bus 0, even where the window begins with another (PCI Firmware 3.3, 4.1.2). */
        uint64_t first = windows[i].base + windows[i].first_bus * PCI_ECAM_BUS_BYTES;
        uint64_t buses = (uint64_t)windows[i].last_bus - windows[i].first_bus + 1;
        if (windows[i].segment == 0 && buses != PCI_BUSES)
            continue; /* the ports reach all of segment 0's buses, and all must be silenced */
        struct pci_segment segment = {
            .ecam = machine_map_registers(first, buses * PCI_ECAM_BUS_BYTES),
            .number = windows[i].segment,
            .first_bus = windows[i].first_bus,
            .last_bus = windows[i].last_bus,
        };
        enum status status = segment.ecam != NULL ? pci_add_segment(&machine.pci, segment) : STATUS_INVALID;
        if (status != STATUS_OK)
            log_warn("pci: segment %u at 0x%llx: %s", segment.number, windows[i].base, status_name(status));
    }
}

/* A FADT without sleep registers, on a south bridge that has them. */
static void find_sleep_registers(void)
{
    uint16_t port;
    struct acpi_fadt *fadt = &machine.power.fadt;
    /* In power.fadt, the copy that ways down use; machine.fadt stays what the table said. */
    if (!machine.has_fadt || fadt->hardware_reduced || fadt->pm1a_control_port != 0 ||
        !ich9_pm_block(&machine.pci, &port))
        return;
    fadt->pm1a_event_port = (uint16_t)(port + ICH9_PM1_EVENT);
    fadt->pm1a_control_port = (uint16_t)(port + ICH9_PM1_CONTROL);
    log_debug("power: the FADT names no sleep registers; the south bridge has them at port 0x%x", port);
}

void machine_quiesce(void)
{
    struct pci_function *functions = heap_alloc(memory_heap(), FUNCTIONS_MAX * sizeof(*functions));
    machine.pci = (struct pci){.functions = functions, .capacity = functions != NULL ? FUNCTIONS_MAX : 0};
    add_ecam_segments();
    /* Segment 0 by ports, unless ECAM gave it (which makes this one a number twice: INVALID). */
    if (pci_add_segment(&machine.pci, (struct pci_segment){.number = 0, .last_bus = PCI_BUSES - 1}) != STATUS_OK)
        log_debug("pci: segment 0 by ECAM");
    pci_quiesce(&machine.pci);
    if (machine.pci.dropped_count != 0)
        log_warn("pci: %u functions beyond the %u that are listed", machine.pci.dropped_count, FUNCTIONS_MAX);
    log_debug("pci: %u functions, %u silenced", machine.pci.function_count, machine.pci.silenced_count);
    usb_take_over(); /* while what the firmware's own driver uses is still there */
    find_sleep_registers();
}
