/*
 * The hand-off believed, and mm/ taken through its stages with it: see the order in mm/mm.h.
 *
 *     on entry          memory_start                           memory_describe      memory_reclaim
 *     boot/'s tables -> our own tables -> direct map, frames -> every frame known -> the firmware's loan is free
 *     all 1:1           low half empty    heap, vspace          by all CPUs          .boot, boot services, loader
 *
 * Every stage ends with the ledger (memory_check_ledger): a page that a stage lost is found at that stage, not weeks
 * later.
 *
 * Rules: until port_set_root the firmware's memory is reached 1:1, as boot/'s tables have it (window 0); afterwards
 * only through the direct map or a view, so every pointer from before is dead. Errors here are panics where no kernel
 * can run without (memory to stand on), and log lines where one can (a page array that is not complete frees nothing).
 */
#include "kernel/memory.h"

#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/x86/cpu.h"
#include "mm/port.h"

struct mm kernel_mm;

static struct handoff handoff_copy;
static struct page_array_token described;

void memory_accept(const struct handoff *handoff)
{
    if (handoff->magic != HANDOFF_MAGIC || handoff->version != HANDOFF_VERSION ||
        handoff->size_bytes != sizeof(*handoff))
        panic("the hand-off is not one: magic %llx, version %u, %u bytes", handoff->magic, handoff->version,
              handoff->size_bytes);
    /* A copy, because the original lies in .bootz, which phase R gives back. */
    handoff_copy = *handoff;
    handoff_copy.command_line[HANDOFF_COMMAND_LINE_BYTES - 1] = '\0';
    handoff_copy.firmware_vendor[HANDOFF_VENDOR_BYTES - 1] = '\0';
}

const struct handoff *memory_handoff(void)
{
    return &handoff_copy;
}

static struct prange range_of(struct handoff_range range)
{
    return PRANGE(range.start, range.start + range.size_bytes);
}

/* One segment of the image: [rva, rva + size_bytes). What boot/ lives in is temporary. */
static void add_segment(struct mm_config *config, uint32_t rva, uint32_t size_bytes, uint32_t flags)
{
    uint64_t start = handoff_copy.image.start + rva;
    struct prange range = PRANGE(start, start + size_bytes);
    CHECK(config->segment_count < MM_SEGMENTS_MAX);
    config->segments[config->segment_count++] = (struct mm_segment){
        .range = range,
        .address = VADDR(vaddr_of(__ImageBase).value + rva),
        .flags = flags | PAGING_GLOBAL,
        /* image_boot is a run of whole sections (boot/image.c), so a segment is in it or not, never half. */
        .temporary = prange_overlaps(range, range_of(handoff_copy.image_boot)),
    };
}

/* The headers (which backtraces read) and every section, with the access that it asks for. */
static void add_image(struct mm_config *config, const struct pe_image *pe)
{
    /* Read-only and in no section: they are mapped like .rdata, so that image_pe() and unwinding go on working. */
    add_segment(config, 0, pe->sections[0].rva, 0);
    for (uint32_t i = 0; i < pe->section_count; i++) {
        const struct pe_section *section = &pe->sections[i];
        uint32_t flags = (section->writable ? PAGING_WRITE : 0u) | (section->executable ? PAGING_EXECUTE : 0u);
        add_segment(config, section->rva, section->size_bytes, flags);
    }
}

static struct mm_config configuration(void)
{
    struct handoff_range map = handoff_copy.memory_map;
    struct mm_config config = {
        .map = {vaddr_pointer(VADDR(map.start)), map.size_bytes, handoff_copy.descriptor_size,
                handoff_copy.descriptor_version},
        /* What the map calls free LoaderData and we still stand on. Stack and scratch are in the image. */
        .busy = {range_of(handoff_copy.page_tables)},
        .busy_count = 1,
        .scratch = vaddr_pointer(VADDR(handoff_copy.scratch.start)),
        .direct_map_window = handoff_copy.layout.direct_map,
        .layout = handoff_copy.layout,
        .gigabyte_pages = cpu_features()->gigabyte_pages,
        .levels = cpu_features()->la57 ? 5 : 4,
    };
    CHECK(handoff_copy.scratch.size_bytes >= MM_SCRATCH_BYTES);
    add_image(&config, image_pe());
    return config;
}

/* At debug level only: who can read it can translate what leaks. A panic says it too. */
static void log_layout(void)
{
    const struct layout *layout = &handoff_copy.layout;
    uint32_t sources = handoff_copy.entropy_sources;
    log_debug("memory: image at 0x%llx, direct map at 0x%llx, vspace at 0x%llx; entropy: %s%stsc", layout->image,
              layout->direct_map, layout->vspace, (sources & HANDOFF_ENTROPY_FIRMWARE) != 0 ? "firmware " : "",
              (sources & HANDOFF_ENTROPY_CPU) != 0 ? "rdrand " : "");
}

static void must(enum status status, const char *what)
{
    if (status != STATUS_OK)
        panic("%s: %s", what, status_name(status));
}

void memory_start(void)
{
    struct mm_config config = configuration();
    log_layout();
    enum status status = mm_begin(&kernel_mm, &config);
    if (status == STATUS_LIMIT)
        panic("the firmware's memory map has more than %u descriptors", MEMMAP_DESCRIPTORS_MAX);
    must(status, "the firmware's memory map");
    must(mm_build_map(&kernel_mm), "page tables");
    /*
     * From here the low half is gone. The stack stays: kernel_main was entered at its high-half address, which the
     * image's segments map; config.scratch and config.map do not, and mm is done with them.
     */
    port_set_root(kernel_mm.kernel_map.root);
    mm_use_direct_map(&kernel_mm);
    must(mm_start_frames(&kernel_mm), "the frame allocator");
    this_cpu()->memory = mm_cpu(&kernel_mm, 0);
    memory_check_ledger("frames");
}

static void describe(void *unused)
{
    (void)unused;
    mm_describe(&kernel_mm);
}

void memory_describe(void)
{
    /* By all: it is one streaming store over every entry, and a single CPU does not fill the memory's bandwidth. */
    enum status status = smp_run_on_all(describe, NULL);
    if (status == STATUS_OK)
        status = mm_described(&kernel_mm, &described);
    if (status != STATUS_OK)
        log_error("memory: the page array is not complete (%s); nothing will be reclaimed", status_name(status));
    memory_check_ledger("page array");
}

void memory_reclaim(void)
{
    if (options_current()->keep_boot_services) {
        log_info("memory: boot services kept, as asked");
        return;
    }
    /* memory_describe has said why. Boot services then stay the firmware's, and the ledger still balances. */
    if (!page_array_token_valid(&kernel_mm.pages, &described))
        return;
    mm_reclaim(&kernel_mm, &described);
    memory_check_ledger("reclaim");
    log_debug("memory: %llu pages of boot services reclaimed", kernel_mm.reclaimed_pages);
}

bool memory_range(uint64_t address, uint64_t size_bytes, struct prange *range)
{
    *range = PRANGE(address, address + size_bytes);
    /* By subtraction: a table may say anything, and address + size may wrap. Address 0 is how tables say "none". */
    return address != 0 && size_bytes != 0 && address < MEMMAP_PHYSICAL_END &&
           size_bytes <= MEMMAP_PHYSICAL_END - address;
}

const void *memory_map_table(void *unused, struct paddr address, uint64_t size_bytes)
{
    (void)unused;
    struct prange range;
    if (!memory_range(address.value, size_bytes, &range))
        return NULL;
    /* Tables lie in ACPI memory, which the direct map has; what lies in Reserved or runtime memory needs a view. */
    return mm_in_direct_map(&kernel_mm, range) ? mm_pointer(&kernel_mm, address)
                                               : vspace_map_view(&kernel_mm.vspace, range);
}

struct frame_cache *memory_cache(void)
{
    return &this_cpu()->memory->frames;
}

struct heap_cache *memory_heap(void)
{
    return &this_cpu()->memory->heap;
}

bool memory_overlaps_ram(struct prange range)
{
    return memmap_any(&kernel_mm.map, range, memory_kind_counted);
}

void memory_check_ledger(const char *stage)
{
    struct ledger ledger;
    mm_ledger(&kernel_mm, &ledger);
    if (ledger_check(&ledger) == STATUS_OK)
        return;
    /* The whole ledger before the panic: which term is off says which part of mm lost the page. */
    char line[LEDGER_LINE_BYTES];
    for (unsigned i = 0; ledger_line(&ledger, i, line, sizeof(line)); i++)
        log_error("%s", line);
    panic("the ledger does not balance after %s: %lld pages", stage, ledger.unaccounted);
}
