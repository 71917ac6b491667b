/*
 * The wiring: drivers get their registers mapped and their interrupts routed, and what they find is kept for all.
 */
#include "kernel/machine.h"

#include "drivers/i8042.h"
#include "drivers/ich9.h"
#include "drivers/pic.h"
#include "drivers/serial.h"
#include "kernel/console.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/options.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/interrupts.h"

/* PCI functions listed; more are silenced all the same. */
#define FUNCTIONS_MAX 256u

static struct machine machine;

const struct machine *machine_facts(void)
{
    return &machine;
}

static void *map_registers(uint64_t address, uint64_t size_bytes)
{
    if (address == 0 || address >= MEMMAP_PHYSICAL_END || size_bytes > MEMMAP_PHYSICAL_END - address)
        return NULL;
    return vspace_map_device(&kernel_mm.vspace, PRANGE(address, address + size_bytes), PAGING_UNCACHED);
}

void machine_start_serial(void)
{
    enum status status = console_attach_serial(SERIAL_COM1_PORT);
    if (status != STATUS_OK)
        log_debug("serial: %s", status_name(status));
}

/* ---- Screen ---- */

static uint32_t screen_format(uint32_t format)
{
    switch (format) {
    case HANDOFF_PIXEL_RGBX:
        return SCREEN_RGBX;
    case HANDOFF_PIXEL_BGRX:
        return SCREEN_BGRX;
    default:
        return SCREEN_MASKS;
    }
}

/* The bytes that are drawn on, which a large FrameBufferSize may exceed by far. */
static uint64_t drawn_bytes(const struct handoff_screen *screen)
{
    return min_u64(screen->size_bytes, (uint64_t)screen->pitch_pixels * screen->height_pixels * sizeof(uint32_t));
}

static enum status attach_screen(const struct handoff_screen *from)
{
    struct prange range = PRANGE(from->base, from->base + drawn_bytes(from));
    if (from->base == 0 || prange_empty(range) || range.end.value > MEMMAP_PHYSICAL_END || memory_overlaps_ram(range))
        return STATUS_INVALID;
    struct screen_mode mode = {
        .size_bytes = prange_bytes(range),
        .width_pixels = from->width_pixels,
        .height_pixels = from->height_pixels,
        .pitch_pixels = from->pitch_pixels,
        .format = screen_format(from->format),
        .red_mask = from->red_mask,
        .green_mask = from->green_mask,
        .blue_mask = from->blue_mask,
    };
    uint64_t cells_bytes;
    enum status status = console_screen_bytes(&mode, &cells_bytes);
    if (status != STATUS_OK)
        return status;
    void *cells = memory_alloc_pages(pages_for_bytes(cells_bytes));
    mode.pixels = vspace_map_device(&kernel_mm.vspace, range, PAGING_WRITE_COMBINING);
    if (cells == NULL || mode.pixels == NULL)
        return STATUS_NO_MEMORY;
    return console_attach_screen(&mode, cells, cells_bytes);
}

void machine_start_screen(void)
{
    const struct handoff_screen *screen = &memory_handoff()->screen;
    if (screen->format == HANDOFF_PIXEL_NONE) {
        log_info("screen: the firmware has no frame buffer");
        return;
    }
    enum status status = attach_screen(screen);
    if (status != STATUS_OK)
        log_warn("screen: frame buffer at 0x%llx, %ux%u, pitch %u: %s", screen->base, screen->width_pixels,
                 screen->height_pixels, screen->pitch_pixels, status_name(status));
}

/* ---- ACPI ---- */

static void discover_madt(void)
{
    const struct acpi_table *table = acpi_find(&machine.acpi, "APIC");
    if (table == NULL)
        return;
    uint32_t capacity = acpi_madt_cpus(table);
    struct acpi_cpu *cpus = heap_alloc(&kernel_mm.heap, memory_cache(), capacity * sizeof(*cpus));
    if (cpus == NULL)
        return;
    machine.has_madt = acpi_madt_parse(table, cpus, capacity, &machine.madt) == STATUS_OK;
}

static void discover_fadt(void)
{
    const struct acpi_table *table = acpi_find(&machine.acpi, "FACP");
    machine.has_fadt = table != NULL && acpi_fadt_parse(table, &machine.fadt) == STATUS_OK;
    power_init(&machine.power, machine.has_fadt ? &machine.fadt : NULL, acpi_find(&machine.acpi, "DSDT"));
    machine.has_pm_timer =
        machine.has_fadt && machine.fadt.pm_timer.space == ACPI_SPACE_IO && machine.fadt.pm_timer.address <= UINT16_MAX &&
        pm_timer_init(&machine.pm_timer, (uint16_t)machine.fadt.pm_timer.address, machine.fadt.pm_timer_wide) == STATUS_OK;
}

static void discover_hpet(void)
{
    const struct acpi_table *table = acpi_find(&machine.acpi, "HPET");
    struct paddr address;
    if (table == NULL || acpi_hpet_parse(table, &address) != STATUS_OK)
        return;
    void *registers = map_registers(address.value, HPET_WINDOW_BYTES);
    machine.has_hpet = registers != NULL && hpet_init(&machine.hpet, registers) == STATUS_OK;
}

void machine_discover(void)
{
    struct acpi_reader reader = {memory_map_table, NULL};
    enum status status = acpi_init(&machine.acpi, reader, PADDR(memory_handoff()->acpi_rsdp));
    machine.has_acpi = status == STATUS_OK;
    if (!machine.has_acpi)
        log_warn("acpi: %s; one CPU, no I/O APIC, no soft power-off", status_name(status));
    discover_madt();
    discover_fadt();
    discover_hpet();
    const struct acpi_table *srat = acpi_find(&machine.acpi, "SRAT");
    if (srat != NULL)
        machine.affinity_count = acpi_srat_parse(srat, machine.affinities, MACHINE_NUMA_MAX);
}

/* ---- Interrupts ---- */

static void start_local_apic(void)
{
    uint32_t id_max = 0;
    for (uint32_t i = 0; i < machine.madt.cpu_count; i++)
        id_max = (uint32_t)max_u64(id_max, machine.madt.cpus[i].apic_id);
    void *registers = apic_x2apic_enabled() ? NULL : map_registers(apic_registers().value, PAGE_SIZE);
    enum status status = apic_init(registers, id_max);
    if (status != STATUS_OK)
        log_warn("apic: IDs up to %u need x2APIC, which this CPU lacks; those CPUs are left out", id_max);
}

static void start_ioapics(void)
{
    for (uint32_t i = 0; i < machine.madt.ioapic_count; i++) {
        const struct acpi_ioapic *from = &machine.madt.ioapics[i];
        void *registers = map_registers(from->address, IOAPIC_WINDOW_BYTES);
        struct ioapic *ioapic = &machine.ioapics[machine.ioapic_count];
        if (registers != NULL && ioapic_init(ioapic, registers, from->gsi_base) == STATUS_OK)
            machine.ioapic_count++;
        else
            log_warn("ioapic: nothing answers at 0x%llx", from->address);
    }
}

/* False: it will be polled. */
static bool route_isa(uint8_t isa_irq, irq_handler *handler)
{
    if (!machine.has_madt)
        return false;
    struct acpi_override line = acpi_madt_isa(&machine.madt, isa_irq);
    uint32_t flags = (line.level ? IOAPIC_LEVEL : 0u) | (line.active_low ? IOAPIC_ACTIVE_LOW : 0u);
    for (uint32_t i = 0; i < machine.ioapic_count; i++) {
        if (!ioapic_has(&machine.ioapics[i], line.gsi))
            continue;
        uint8_t vector = irq_allocate();
        if (vector == 0)
            return false;
        irq_register(vector, handler, NULL);
        return ioapic_route(&machine.ioapics[i], line.gsi, vector, apic_id(), flags) == STATUS_OK;
    }
    return false;
}

void machine_start_interrupts(void)
{
    pic_disable();
    start_local_apic();
    start_ioapics();
    enum status status = console_attach_keyboard();
    if (status == STATUS_OK)
        machine.keyboard_routed = route_isa(I8042_KEYBOARD_IRQ, console_keyboard_interrupt);
    else
        log_debug("i8042: %s", status_name(status));
    machine.serial_routed = route_isa(SERIAL_COM1_IRQ, console_serial_interrupt);
    interrupts_enable();
    console_enable_interrupts();
}

/* ---- Time ---- */

static uint64_t read_hpet(void *context)
{
    return hpet_counter(context);
}

static uint64_t read_pm_timer(void *context)
{
    return pm_timer_read(context);
}

void machine_start_time(void)
{
    struct time_reference references[2];
    unsigned count = 0;
    if (machine.has_hpet) {
        uint64_t hertz = 1000000000000000ull / machine.hpet.period_fs;
        references[count++] =
            (struct time_reference){"HPET", read_hpet, &machine.hpet, hertz, machine.hpet.counter_mask};
    }
    if (machine.has_pm_timer)
        references[count++] = (struct time_reference){"ACPI PM timer", read_pm_timer, &machine.pm_timer, PM_TIMER_HZ,
                                                      machine.pm_timer.mask};
    if (time_init(references, count) != STATUS_OK)
        log_warn("time: no clock to calibrate the TSC with; 1 GHz assumed");
}

/* ---- CPUs ---- */

void machine_start_cpus(void)
{
    uint32_t count = machine.madt.cpu_count;
    uint32_t *ids = heap_alloc(&kernel_mm.heap, memory_cache(), (count + 1) * sizeof(*ids));
    if (ids == NULL) {
        log_error("smp: no memory for a list of %u CPUs", count);
        return;
    }
    uint32_t listed = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (machine.madt.cpus[i].enabled)
            ids[listed++] = machine.madt.cpus[i].apic_id;
    }
    uint32_t limit = options_current()->cpus != 0 ? options_current()->cpus : UINT32_MAX;
    enum status status = smp_start(ids, listed, limit, PADDR(memory_handoff()->trampoline));
    if (status != STATUS_OK)
        log_error("smp: %s; one CPU", status_name(status));
    heap_free(&kernel_mm.heap, memory_cache(), ids);
}

/* ---- PCI ---- */

static void add_ecam_segments(void)
{
    struct acpi_ecam windows[PCI_SEGMENTS_MAX];
    const struct acpi_table *mcfg = acpi_find(&machine.acpi, "MCFG");
    uint32_t count = mcfg != NULL ? acpi_mcfg_parse(mcfg, windows, PCI_SEGMENTS_MAX) : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t first = windows[i].base + windows[i].first_bus * PCI_ECAM_BUS_BYTES;
        uint64_t buses = (uint64_t)windows[i].last_bus - windows[i].first_bus + 1;
        struct pci_segment segment = {
            .ecam = map_registers(first, buses * PCI_ECAM_BUS_BYTES),
            .number = windows[i].segment,
            .first_bus = windows[i].first_bus,
            .last_bus = windows[i].last_bus,
        };
        enum status status = segment.ecam != NULL ? pci_add_segment(&machine.pci, segment) : STATUS_NO_MEMORY;
        if (status != STATUS_OK)
            log_warn("pci: segment %u at 0x%llx: %s", segment.number, windows[i].base, status_name(status));
    }
}

/* A FADT without sleep registers, on a south bridge that has them. */
static void find_sleep_registers(void)
{
    uint16_t port;
    struct acpi_fadt *fadt = &machine.power.fadt;
    if (!machine.has_fadt || fadt->hardware_reduced || fadt->pm1a_control.address != 0)
        return;
    if (!ich9_pm_block(&machine.pci, &port))
        return;
    fadt->pm1a_event = (struct acpi_register){.address = port + ICH9_PM1_EVENT, .space = ACPI_SPACE_IO};
    fadt->pm1a_control = (struct acpi_register){.address = port + ICH9_PM1_CONTROL, .space = ACPI_SPACE_IO};
    log_debug("power: the FADT names no sleep registers; the south bridge has them at port 0x%x", port);
}

void machine_quiesce(void)
{
    struct pci_function *functions = heap_alloc(&kernel_mm.heap, memory_cache(), FUNCTIONS_MAX * sizeof(*functions));
    pci_init(&machine.pci, functions, functions != NULL ? FUNCTIONS_MAX : 0);
    add_ecam_segments();
    /* Segment 0 by ports, unless ECAM gave it (which makes this one a number twice: INVALID). */
    struct pci_segment ports = {.ecam = NULL, .number = 0, .first_bus = 0, .last_bus = 255};
    enum status status = pci_add_segment(&machine.pci, ports);
    CHECK(status == STATUS_OK || machine.pci.segment_count > 0);
    status = pci_enumerate(&machine.pci);
    if (status == STATUS_LIMIT)
        log_warn("pci: %u functions beyond the %u that are listed", machine.pci.dropped_count, FUNCTIONS_MAX);
    uint32_t silenced = pci_quiesce(&machine.pci);
    log_debug("pci: %u functions, %u silenced", machine.pci.function_count, silenced);
    find_sleep_registers();
}
