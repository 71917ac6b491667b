/* The life of mm against the model; see life.h. */
#include "tests/fuzz/life.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/base/check.h"
#include "mm/layout.h"
#include "tests/unit/port_fake.h"

#define FILL_BYTES  (64 * KIB) /* of each piece: what is there before is never zero */
#define MOVE_MAX    (16 * TIB) /* two such windows are as much as the host's address space holds */
#define RUNS_MAX    48u
#define GUARD_BYTES (1 * MIB)

struct life {
    const struct life_plan *plan;
    struct model model;
    struct mm mm;
    struct page_array_token token;
    uint64_t top; /* of the machine's memory */
    uint64_t window;
    bool reclaimed;
};

/* What the model says that the ledger says; `ours` is free and used together. */
struct totals {
    uint64_t total;
    uint64_t low;
    uint64_t firmware;
    uint64_t ours;
    uint64_t awaiting;
    uint64_t reclaimed;
    uint64_t listed[MODEL_KINDS];
};

struct mm_segment life_segment(uint32_t index, uint64_t start, uint64_t page_count, bool temporary)
{
    static const uint32_t flags[] = {PAGING_EXECUTE, 0, PAGING_WRITE};
    return (struct mm_segment){
        .range = PRANGE(start, start + page_count * PAGE_SIZE),
        .address = VADDR(IMAGE_WINDOW + index * 16 * MIB),
        .flags = flags[index % ARRAY_COUNT(flags)],
        .temporary = temporary,
    };
}

static bool is_high(const struct model_piece *piece)
{
    return piece->start >= LOW_MEMORY_END;
}

static struct prange range_of(const struct model_piece *piece)
{
    return PRANGE(piece->start, piece->end);
}

/* ---- The machine's memory ---- */

/* What mm may touch: Conventional memory, and after reclaim what it was given. */
static bool is_touchable(const struct life *life, const struct model_piece *piece)
{
    bool ours = piece->kind == MODEL_CONVENTIONAL || (life->reclaimed && model_reclaimable(piece->kind));
    return ours && is_high(piece);
}

static void *pointer_to(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

static uint64_t reserve(uint64_t size_bytes)
{
    void *memory = mmap(NULL, size_bytes + GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED);
    madvise(memory, size_bytes, MADV_HUGEPAGE); /* only a hint: fewer faults */
    return (uint64_t)(uintptr_t)memory;
}

static void open_memory(struct life *life)
{
    for (uint32_t i = 0; i < life->model.count; i++) {
        const struct model_piece *piece = &life->model.pieces[i];
        uint64_t size_bytes = piece->end - piece->start;
        if (is_touchable(life, piece))
            CHECK(mprotect(pointer_to(life->window + piece->start), size_bytes, PROT_READ | PROT_WRITE) == 0);
    }
}

/* Early allocation takes the ends of the largest pieces: those are full of what firmware would leave. */
static void fill_memory(const struct life *life)
{
    for (uint32_t i = 0; i < life->model.count; i++) {
        const struct model_piece *piece = &life->model.pieces[i];
        uint64_t size_bytes = piece->end - piece->start;
        if (is_touchable(life, piece) && size_bytes >= FILL_BYTES)
            memset(pointer_to(life->window + piece->end - FILL_BYTES), 0xA5, FILL_BYTES);
    }
}

static void make_memory(struct life *life)
{
    life->top = LOW_MEMORY_END;
    for (uint32_t i = 0; i < life->model.count; i++)
        if (model_ours(life->model.pieces[i].kind))
            life->top = life->model.pieces[i].end;
    life->window = reserve(life->top);
    open_memory(life);
    fill_memory(life);
}

/* The old place is gone from here on. */
static void move_memory(struct life *life)
{
    if (life->top > MOVE_MAX)
        return;
    uint64_t to = life->mm.config.direct_map_window;
    for (uint32_t i = 0; i < life->model.count; i++) {
        const struct model_piece *piece = &life->model.pieces[i];
        uint64_t size_bytes = piece->end - piece->start;
        void *target = pointer_to(to + piece->start);
        if (is_touchable(life, piece))
            CHECK(mremap(pointer_to(life->window + piece->start), size_bytes, size_bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
                         target) == target);
    }
    munmap(pointer_to(life->window), life->top + GUARD_BYTES);
    life->window = to;
}

/* ---- What the model says ---- */

/* The model's claims are those that the configuration makes. */
static struct model make_model(const struct life_plan *plan)
{
    struct model_claim claims[MM_SEGMENTS_MAX + MM_BUSY_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct mm_segment *segment = &plan->segments[i];
        enum model_kind kind = segment->temporary ? MODEL_KERNEL_BOOT : MODEL_KERNEL;
        claims[count++] = (struct model_claim){segment->range.start.value, segment->range.end.value, kind};
    }
    for (uint32_t i = 0; i < plan->busy_count; i++)
        claims[count++] =
            (struct model_claim){plan->busy[i].start.value / PAGE_SIZE * PAGE_SIZE,
                                 (plan->busy[i].end.value + PAGE_MASK) / PAGE_SIZE * PAGE_SIZE, MODEL_LOADER};
    return model_build(plan->rows, plan->row_count, claims, count, DIRECT_MAP_BYTES);
}

/* Calls `visit` for each part of the range that is kept as a whole or not at all. */
static void for_kept(const struct life *life, struct prange range, void *context,
                     void (*visit)(const struct life *life, struct prange part, bool kept, void *context))
{
    while (!prange_empty(range)) {
        uint64_t end = range.end.value;
        bool kept = false;
        for (uint32_t i = 0; i < life->plan->keep_count; i++) {
            uint64_t from = life->plan->keeps[i].start.value / PAGE_SIZE * PAGE_SIZE;
            uint64_t to = (life->plan->keeps[i].end.value + PAGE_MASK) / PAGE_SIZE * PAGE_SIZE;
            if (from > range.start.value) { /* a cut, whether kept already or not: parts need not be the longest */
                end = min_u64(end, from);
            } else if (to > range.start.value) {
                kept = true;
                end = min_u64(end, to);
            }
        }
        visit(life, PRANGE(range.start.value, end), kept, context);
        range.start = PADDR(end);
    }
}

struct reclaim_count {
    uint64_t kept;
    uint64_t freed;
};

static void count_part(const struct life *life, struct prange part, bool kept, void *context)
{
    struct reclaim_count *count = context;
    (void)life;
    *(kept ? &count->kept : &count->freed) += prange_pages(part);
}

static void count_piece(const struct life *life, const struct model_piece *piece, struct totals *totals)
{
    uint64_t pages = (piece->end - piece->start) / PAGE_SIZE;
    if (!model_counted(piece->kind)) {
        totals->listed[piece->kind] += pages;
        return;
    }
    totals->total += pages;
    if (!is_high(piece)) {
        totals->low += pages;
    } else if (model_reclaimable(piece->kind) && !life->reclaimed) {
        totals->awaiting += pages;
    } else if (model_reclaimable(piece->kind)) {
        struct reclaim_count count = {0, 0};
        for_kept(life, range_of(piece), &count, count_part);
        totals->firmware += count.kept;
        totals->ours += count.freed;
        totals->reclaimed += piece->kind == MODEL_BOOT_SERVICES ? count.freed : 0;
    } else {
        *(model_ours(piece->kind) ? &totals->ours : &totals->firmware) += pages;
    }
}

static void check_ledger(struct life *life)
{
    struct totals totals = {0};
    struct ledger ledger;
    for (uint32_t i = 0; i < life->model.count; i++)
        count_piece(life, &life->model.pieces[i], &totals);
    mm_ledger(&life->mm, &ledger);
    CHECK(ledger_check(&ledger) == STATUS_OK);
    CHECK(ledger.total == totals.total);
    CHECK(ledger.low == totals.low);
    CHECK(ledger.firmware == totals.firmware);
    CHECK(ledger.free + ledger.used == totals.ours);
    CHECK(ledger.awaiting == totals.awaiting);
    CHECK(ledger.reclaimed == totals.reclaimed);
    for (unsigned kind = 0; kind < MODEL_KINDS; kind++)
        CHECK(ledger.listed[kind] == totals.listed[kind]);
}

static void check_regions(const struct life *life)
{
    CHECK(life->mm.map.count == life->model.count);
    for (uint32_t i = 0; i < life->model.count; i++) {
        const struct memory_region *region = &life->mm.map.regions[i];
        const struct model_piece *piece = &life->model.pieces[i];
        CHECK(region->range.start.value == piece->start && region->range.end.value == piece->end);
        CHECK(strcmp(memory_kind_name((enum memory_kind)region->kind), model_kind_name(piece->kind)) == 0);
        CHECK(region->runtime == piece->runtime);
    }
}

static void check_firmware_map(const struct life *life)
{
    uint32_t count;
    const struct efi_memory_descriptor *rows = mm_firmware_map(&life->mm, &count);
    CHECK(count == life->plan->row_count);
    CHECK(memcmp(rows, life->plan->rows, count * sizeof(*rows)) == 0);
}

/* ---- The kernel's page tables ---- */

/* RAM that is or becomes ours, and ACPI's; of the image what reclaim gave back. */
static bool is_mapped(const struct life *life, const struct model_piece *piece)
{
    switch (piece->kind) {
    case MODEL_CONVENTIONAL:
    case MODEL_LOADER:
    case MODEL_BOOT_SERVICES:
    case MODEL_ACPI_RECLAIM:
        return true;
    case MODEL_ACPI_NVS:
        return piece->end <= DIRECT_MAP_BYTES;
    case MODEL_KERNEL_BOOT:
        return life->reclaimed && is_high(piece);
    default:
        return false;
    }
}

static void check_direct(const struct life *life, uint64_t address, bool mapped)
{
    struct paging_entry entry;
    if (address >= DIRECT_MAP_BYTES)
        return;
    CHECK(paging_lookup(&life->mm.kernel_map, mm_direct_address(&life->mm, PADDR(address)), &entry) == mapped);
    CHECK(!mapped || entry.page.value + (address & (entry.size_bytes - 1)) == address);
    CHECK(!mapped || entry.flags == (PAGING_WRITE | PAGING_GLOBAL));
}

static void check_direct_map(const struct life *life)
{
    uint64_t previous_end = 0;
    for (uint32_t i = 0; i < life->model.count; i++) {
        const struct model_piece *piece = &life->model.pieces[i];
        bool mapped = is_mapped(life, piece);
        if (piece->start != previous_end) { /* a hole, from its first to its last page */
            check_direct(life, previous_end, false);
            check_direct(life, piece->start - PAGE_SIZE, false);
        }
        check_direct(life, piece->start, mapped);
        check_direct(life, piece->end - PAGE_SIZE, mapped);
        check_direct(life, (piece->start + (piece->end - piece->start) / 2) & ~PAGE_MASK, mapped);
        CHECK(mm_in_direct_map(&life->mm, range_of(piece)) == mapped);
        previous_end = piece->end;
    }
    check_direct(life, previous_end, false);
}

static void check_image(const struct life *life)
{
    for (uint32_t i = 0; i < life->plan->segment_count; i++) {
        const struct mm_segment *segment = &life->plan->segments[i];
        bool mapped = !segment->temporary || !life->reclaimed;
        for (uint64_t at = 0; at < prange_bytes(segment->range); at += PAGE_SIZE) {
            struct paging_entry entry;
            struct vaddr address = vaddr_add(segment->address, at);
            CHECK(paging_lookup(&life->mm.kernel_map, address, &entry) == mapped);
            CHECK(!mapped || entry.flags == (segment->flags | PAGING_GLOBAL));
            CHECK(!mapped ||
                  entry.page.value + (address.value & (entry.size_bytes - 1)) == segment->range.start.value + at);
        }
    }
}

/* ---- Frames ---- */

static void check_part(const struct life *life, struct prange part, bool kept, void *context)
{
    struct frames *frames = context;
    (void)life;
    CHECK(frames_free_in(frames, part) == (kept ? 0 : prange_pages(part)));
}

/* Nothing was allocated yet but by mm itself, which takes Conventional memory only. */
static void check_frames(struct life *life)
{
    struct frames *frames = &life->mm.frames;
    uint64_t conventional = 0;
    uint64_t free = 0;
    for (uint32_t i = 0; i < life->model.count; i++) {
        const struct model_piece *piece = &life->model.pieces[i];
        uint64_t free_here = frames_free_in(frames, range_of(piece));
        if (piece->kind == MODEL_CONVENTIONAL && is_high(piece)) {
            conventional += (piece->end - piece->start) / PAGE_SIZE;
            free += free_here;
        } else if (model_reclaimable(piece->kind) && is_high(piece) && life->reclaimed) {
            for_kept(life, range_of(piece), frames, check_part);
        } else {
            CHECK(free_here == 0);
        }
    }
    CHECK(free + frames_used_count(frames) + life->mm.early.used_pages == conventional);
}

static void check_not_kept(const struct life *life, struct prange part, bool kept, void *context)
{
    (void)life, (void)part, (void)context;
    CHECK(!kept);
}

/* All of an allocated run is ours, not kept, from 1 MiB up. */
static void check_allocated(const struct life *life, struct paddr address, unsigned order)
{
    struct prange range = PRANGE(address.value, address.value + (PAGE_SIZE << order));
    for (uint64_t at = address.value; at < range.end.value;) {
        const struct model_piece *piece = model_find(&life->model, at);
        CHECK(piece != NULL && is_high(piece));
        CHECK(piece->kind == MODEL_CONVENTIONAL || model_reclaimable(piece->kind));
        if (model_reclaimable(piece->kind)) /* keeping Conventional memory says nothing */
            for_kept(life, PRANGE(at, min_u64(piece->end, range.end.value)), NULL, check_not_kept);
        at = piece->end;
    }
    CHECK(frames_free_in((struct frames *)(uintptr_t)&life->mm.frames, range) == 0);
}

/* The kernel would now go on: some runs, another CPU, a stack; and all but the CPU given back. */
static void use_memory(struct life *life)
{
    struct paddr runs[RUNS_MAX];
    unsigned orders[RUNS_MAX];
    uint64_t dice = life->plan->dice;
    struct frame_cache *cache = &mm_cpu(&life->mm, 0)->frames;
    for (unsigned i = 0; i < RUNS_MAX; i++) {
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        orders[i] = (unsigned)(dice >> 40) % (i % 8 == 0 ? FRAME_ORDER_MAX + 1 : 5);
        runs[i] = frame_alloc(cache, orders[i]);
        if (runs[i].value != 0)
            check_allocated(life, runs[i], orders[i]);
    }
    struct vaddr stack;
    bool has_stack = vspace_stack(&life->mm.vspace, 1 + dice % 8, &stack) == STATUS_OK;
    (void)!mm_add_cpu(&life->mm, 1 + (unsigned)(dice >> 32) % (MM_CPUS_MAX - 1));
    check_ledger(life);
    CHECK(frames_audit(&life->mm.frames) == STATUS_OK);
    for (unsigned i = RUNS_MAX; i-- > 0;)
        if (runs[i].value != 0)
            frame_free(cache, runs[i], orders[i]);
    if (has_stack)
        vspace_stack_free(&life->mm.vspace, stack);
    check_ledger(life);
    CHECK(mm_audit(&life->mm) == STATUS_OK);
}

/* ---- The life ---- */

/*
 * More than mm can ever need: a page for every 2 MiB block, two for every section of 128 MiB, page tables at the ends
 * of every piece, copies of the map, and the sparse table of sections.
 */
static uint64_t room_needed(const struct life *life)
{
    uint64_t pages = 1200;
    for (uint32_t i = 0; i < life->model.count; i++) {
        const struct model_piece *piece = &life->model.pieces[i];
        uint64_t size_bytes = piece->end - piece->start;
        pages += 12 + (model_counted(piece->kind) ? size_bytes / (2 * MIB) + size_bytes / (64 * MIB) : 0);
    }
    return pages;
}

static void check_refusal(const struct life *life, enum status status)
{
    CHECK(status == STATUS_NO_MEMORY);
    for (uint32_t i = 0; i < life->model.count; i++) {
        const struct model_piece *piece = &life->model.pieces[i];
        if (piece->kind == MODEL_CONVENTIONAL && is_high(piece))
            CHECK((piece->end - piece->start) / PAGE_SIZE < room_needed(life));
    }
}

static enum status begin(struct life *life)
{
    const struct life_plan *plan = life->plan;
    uint8_t *packed = malloc(plan->row_count * plan->stride);
    memset(packed, 0xA5, plan->row_count * plan->stride);
    for (uint32_t i = 0; i < plan->row_count; i++)
        memcpy(packed + i * plan->stride, &plan->rows[i], sizeof(plan->rows[i]));
    struct entropy entropy = ENTROPY_START;
    entropy_add(&entropy, plan->dice);
    struct mm_config config = {
        .map = {packed, plan->row_count * plan->stride, plan->stride, EFI_MEMORY_DESCRIPTOR_VERSION},
        .segment_count = plan->segment_count,
        .busy_count = plan->busy_count,
        .scratch = malloc(MM_SCRATCH_BYTES),
        .window = life->window,
        .direct_map_window = life->top > MOVE_MAX ? life->window : reserve(life->top),
        .gigabyte_pages = plan->gigabyte_pages,
        .layout = layout_choose(&entropy, MIB, DIRECT_MAP_BYTES),
        .levels = plan->levels,
    };
    memcpy(config.segments, plan->segments, sizeof(config.segments));
    memcpy(config.busy, plan->busy, sizeof(config.busy));
    enum status status = mm_begin(&life->mm, &config);
    free(config.scratch); /* nothing may lie in it any more, nor in the firmware's buffer */
    free(packed);
    return status;
}

static enum status start(struct life *life)
{
    struct mm *mm = &life->mm;
    check_regions(life);
    check_firmware_map(life);
    check_ledger(life);
    enum status status = mm_build_map(mm);
    check_ledger(life);
    if (status != STATUS_OK)
        return status;
    check_direct_map(life);
    check_image(life);
    mm_use_direct_map(mm);
    move_memory(life);
    check_regions(life);
    status = mm_start_frames(mm);
    check_ledger(life);
    return status;
}

static void reclaim(struct life *life)
{
    struct mm *mm = &life->mm;
    CHECK(mm_described(mm, &life->token) == STATUS_TIMEOUT || mm->sections.count == 0);
    mm_describe(mm);
    CHECK(mm_described(mm, &life->token) == STATUS_OK);
    CHECK(mm_audit(mm) == STATUS_OK);
    check_frames(life);
    for (uint32_t i = 0; i < life->plan->keep_count; i++)
        CHECK(mm_keep(mm, life->plan->keeps[i]) == STATUS_OK);
    mm_reclaim(mm, &life->token);
    life->reclaimed = !mm->boot_retained;
    if (mm->boot_retained) /* no page tables left to give the image's own part back by: fine, and nothing more to say */
        return;
    open_memory(life);
    CHECK(mm_audit(mm) == STATUS_OK);
    check_ledger(life);
    check_frames(life);
    check_direct_map(life);
    check_image(life);
    check_firmware_map(life);
    use_memory(life);
}

bool life_run(const struct life_plan *plan)
{
    static struct life life;
    memset(&life, 0, sizeof(life));
    life.plan = plan;
    life.model = make_model(plan);
    port_fake_reset(NULL);
    make_memory(&life);
    enum status status = begin(&life);
    if (status == STATUS_OK)
        status = start(&life);
    if (status == STATUS_OK)
        reclaim(&life);
    else
        check_refusal(&life, status);
    if (life.window != life.mm.config.direct_map_window)
        munmap(pointer_to(life.mm.config.direct_map_window), life.top + GUARD_BYTES);
    munmap(pointer_to(life.window), life.top + GUARD_BYTES);
    model_free(&life.model);
    return status == STATUS_OK;
}
