/*
 * replay FILE.map: the life of the memory manager over a recorded map, on the host, from mm_begin to mm_reclaim.
 *
 * The same mm/ as in the kernel runs over an arena that stands for the machine's memory; pages that nobody touches
 * cost nothing, so machines far larger than this one fit. A recorded map has no kernel image in it, and replay places
 * none: `used` is what the memory manager itself needs. At each stage the ledger must balance; at the end the audit
 * must agree, and no page may be free that the map's own lines forbid.
 *
 * Exit status: 0, 1 when the map is refused or a rule of the hand-off is broken, 2 for a file or command line that
 * makes no sense.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mm/layout.h"
#include "mm/mm.h"
#include "tests/unit/map_file.h"

#define CPUS_MAX    64u
#define STRIDE_MAX  4096u
#define EXIT_BROKEN 1
#define EXIT_USAGE  2

struct options {
    const char *path;
    unsigned cpus;
    unsigned stride; /* below the descriptors' own size: what the map says, so that it is refused */
    bool pages;
};

struct replay {
    struct options options;
    struct map_file file;
    struct mm mm;
    struct page_array_token token;
    uint64_t top; /* the arena stands for [0, top) */
};

static _Noreturn void usage(const char *problem)
{
    fprintf(stderr, "replay: %s\nusage: replay FILE.map [--cpus 1..%u] [--pages] [--stride 40..%u]\n", problem,
            CPUS_MAX, STRIDE_MAX);
    exit(EXIT_USAGE);
}

static unsigned parse_count(const char *text, unsigned minimum, unsigned maximum, const char *problem)
{
    char *end;
    if (text == NULL || *text < '0' || *text > '9')
        usage(problem);
    unsigned long long value = strtoull(text, &end, 10);
    if (*end != '\0' || value < minimum || value > maximum)
        usage(problem);
    return (unsigned)value;
}

static struct options parse_options(char **arguments)
{
    struct options options = {.cpus = 1, .stride = sizeof(struct efi_memory_descriptor)};
    for (; *arguments != NULL; arguments++) {
        if (strcmp(*arguments, "--pages") == 0) {
            options.pages = true;
        } else if (strcmp(*arguments, "--cpus") == 0) {
            options.cpus = parse_count(*++arguments, 1, CPUS_MAX, "--cpus takes a number");
        } else if (strcmp(*arguments, "--stride") == 0) {
            options.stride = parse_count(*++arguments, 0, STRIDE_MAX, "--stride takes a number of bytes");
        } else if ((*arguments)[0] == '-') {
            usage("unknown option");
        } else if (options.path != NULL) {
            usage("one map at a time");
        } else {
            options.path = *arguments;
        }
    }
    if (options.path == NULL)
        usage("which map?");
    return options;
}

static _Noreturn void refuse(const struct replay *replay, const char *what, enum status status)
{
    fprintf(stderr, "%s: refused: %s (%s)\n", replay->options.path, what, status_name(status));
    exit(EXIT_BROKEN);
}

static void require(const struct replay *replay, bool holds, const char *rule)
{
    if (holds)
        return;
    fprintf(stderr, "%s: rule broken: %s\n", replay->options.path, rule);
    exit(EXIT_BROKEN);
}

static bool is_ram(uint32_t type)
{
    return (type >= EFI_LOADER_CODE && type <= EFI_BOOT_SERVICES_DATA) || type == EFI_CONVENTIONAL_MEMORY;
}

/* The end of the highest memory that mm might touch. */
static uint64_t memory_top(const struct map_file *file)
{
    uint64_t top = LOW_MEMORY_END;
    for (uint32_t i = 0; i < file->count; i++) {
        const struct efi_memory_descriptor *descriptor = &file->descriptors[i];
        uint64_t pages = descriptor->number_of_pages;
        uint64_t start = descriptor->physical_start;
        if (is_ram(descriptor->type) && start < DIRECT_MAP_BYTES)
            top = max_u64(top, start + min_u64(pages, (DIRECT_MAP_BYTES - start) >> PAGE_SHIFT) * PAGE_SIZE);
    }
    return align_up(top, PAGE_SIZE);
}

static uint64_t make_arena(struct replay *replay)
{
    replay->top = memory_top(&replay->file);
    void *arena = mmap(NULL, replay->top, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena == MAP_FAILED) {
        perror("replay: no address space for the machine's memory");
        exit(EXIT_BROKEN);
    }
    /* Only a hint: a terabyte of page array is read in few faults, nearly all of them of the one huge zero page. */
    madvise(arena, replay->top, MADV_HUGEPAGE);
    return (uint64_t)(uintptr_t)arena;
}

static void check_ledger(struct replay *replay, const char *rule)
{
    struct ledger ledger;
    mm_ledger(&replay->mm, &ledger);
    require(replay, ledger_check(&ledger) == STATUS_OK, rule);
}

static void begin(struct replay *replay)
{
    uint64_t stride = replay->options.stride;
    uint64_t arena = make_arena(replay);
    uint64_t packed_stride = max_u64(stride, sizeof(struct efi_memory_descriptor));
    void *packed = map_file_pack(&replay->file, packed_stride);
    void *scratch = aligned_alloc(16, align_up(MM_SCRATCH_BYTES, 16));
    struct mm_config config = {
        .map = {.descriptors = packed,
                .size_bytes = replay->file.count * packed_stride,
                .descriptor_size = stride,
                .version = EFI_MEMORY_DESCRIPTOR_VERSION},
        .scratch = scratch,
        .window = arena,
        .direct_map_window = arena,
        .gigabyte_pages = true,
        .layout = LAYOUT_LINKED,
        .levels = 4,
    };
    enum status status = mm_begin(&replay->mm, &config);
    free(packed);
    free(scratch);
    if (status == STATUS_NO_MEMORY && replay->mm.early.used_pages + replay->mm.early.free_pages == 0)
        refuse(replay, "no usable Conventional memory from 1 MiB up", status);
    if (status == STATUS_NO_MEMORY)
        refuse(replay, "Conventional memory is too scattered to hold a copy of the map", status);
    if (status != STATUS_OK)
        refuse(replay, "the map is malformed", status);
    check_ledger(replay, "the ledger balances after mm_begin");
}

static void *describe(void *context)
{
    mm_describe(context);
    return NULL;
}

static void describe_on_all(struct replay *replay)
{
    pthread_t threads[CPUS_MAX];
    for (unsigned i = 0; i < replay->options.cpus; i++) {
        if (pthread_create(&threads[i], NULL, describe, &replay->mm) != 0) {
            perror("replay: no thread");
            exit(EXIT_BROKEN);
        }
    }
    for (unsigned i = 0; i < replay->options.cpus; i++)
        pthread_join(threads[i], NULL);
}

static void start(struct replay *replay)
{
    struct mm *mm = &replay->mm;
    enum status status = mm_build_map(mm);
    if (status != STATUS_OK)
        refuse(replay, "no room for page tables", status);
    check_ledger(replay, "the ledger balances after mm_build_map");
    mm_use_direct_map(mm);
    status = mm_start_frames(mm);
    if (status != STATUS_OK)
        refuse(replay, "no room for frame bits and page array", status);
    check_ledger(replay, "the ledger balances after mm_start_frames");

    require(replay, mm_described(mm, &replay->token) == STATUS_TIMEOUT, "no token before the page array is complete");
    describe_on_all(replay);
    require(replay, mm_described(mm, &replay->token) == STATUS_OK, "the page array is complete");
    require(replay, mm_audit(mm) == STATUS_OK, "the audit agrees before reclaim");
}

static bool may_be_free(const struct efi_memory_descriptor *descriptor)
{
    uint64_t bad = descriptor->attribute & (EFI_MEMORY_RUNTIME | EFI_MEMORY_SP);
    return is_ram(descriptor->type) && bad == 0 && (descriptor->attribute & EFI_MEMORY_WB) != 0;
}

/* From the file's own lines, apart from everything that mm made of them. */
static void check_free_frames(struct replay *replay)
{
    struct frames *frames = &replay->mm.frames;
    require(replay, frames_free_in(frames, PRANGE(0, LOW_MEMORY_END)) == 0, "no page below 1 MiB is free");
    for (uint32_t i = 0; i < replay->file.count; i++) {
        const struct efi_memory_descriptor *descriptor = &replay->file.descriptors[i];
        uint64_t start = align_down(descriptor->physical_start, PAGE_SIZE);
        if (may_be_free(descriptor) || start >= replay->top || descriptor->number_of_pages > UINT64_MAX >> PAGE_SHIFT)
            continue;
        uint64_t size_bytes = descriptor->number_of_pages << PAGE_SHIFT;
        if (size_bytes > UINT64_MAX - start)
            continue;
        struct prange range = PRANGE(start, min_u64(start + size_bytes, replay->top));
        require(replay, frames_free_in(frames, range) == 0, "no page that is not ours is free");
    }
}

static void reclaim(struct replay *replay)
{
    mm_reclaim(&replay->mm, &replay->token);
    check_ledger(replay, "the ledger balances after mm_reclaim");
    require(replay, mm_audit(&replay->mm) == STATUS_OK, "the audit agrees after reclaim");
    check_free_frames(replay);
    for (unsigned cpu = 1; cpu < replay->options.cpus; cpu++) {
        enum status status = mm_add_cpu(&replay->mm, cpu);
        if (status != STATUS_OK)
            refuse(replay, "no room for a CPU's frame cache", status);
    }
    struct paddr frame = frame_alloc(&mm_cpu(&replay->mm, 0)->frames, 0);
    require(replay, frame.value == 0 || frame.value >= LOW_MEMORY_END, "no page below 1 MiB is handed out");
    if (frame.value != 0)
        frame_free(&mm_cpu(&replay->mm, 0)->frames, frame, 0);
    frame_cache_flush(&mm_cpu(&replay->mm, 0)->frames);
    check_ledger(replay, "the ledger balances at the end");
}

/* The run that the next piece may still join. */
struct run {
    const char *owner;
    struct prange range;
};

static void print_run(const struct run *run)
{
    if (run->owner != NULL)
        printf("%s 0x%" PRIx64 " %" PRIu64 "\n", run->owner, run->range.start.value, prange_pages(run->range));
}

static void add_piece(struct run *run, const char *owner, struct prange range)
{
    if (prange_empty(range))
        return;
    if (run->owner != NULL && strcmp(run->owner, owner) == 0 && run->range.end.value == range.start.value) {
        run->range.end = range.end;
        return;
    }
    print_run(run);
    *run = (struct run){owner, range};
}

/* Halves the range until each part is wholly free or wholly used. */
static void add_frames(struct replay *replay, struct run *run, struct prange range)
{
    if (prange_empty(range))
        return;
    uint64_t free_pages = frames_free_in(&replay->mm.frames, range);
    if (free_pages == 0 || free_pages == prange_pages(range)) {
        add_piece(run, free_pages == 0 ? "used" : "free", range);
        return;
    }
    uint64_t middle = range.start.value + prange_pages(range) / 2 * PAGE_SIZE;
    add_frames(replay, run, PRANGE(range.start.value, middle));
    add_frames(replay, run, PRANGE(middle, range.end.value));
}

static void add_region(struct replay *replay, struct run *run, const struct memory_region *region)
{
    enum memory_kind kind = (enum memory_kind)region->kind;
    if (!memory_kind_counted(kind)) {
        add_piece(run, memory_kind_name(kind), region->range);
    } else if (memory_region_low(region)) {
        add_piece(run, "low", region->range);
    } else if (memory_kind_ours(kind)) {
        add_frames(replay, run, region->range);
    } else {
        add_piece(run, "firmware", region->range);
    }
}

static void print_pages(struct replay *replay)
{
    struct run run = {0};
    for (uint32_t i = 0; i < replay->mm.map.count; i++)
        add_region(replay, &run, &replay->mm.map.regions[i]);
    print_run(&run);
}

static void print_ledger(struct replay *replay)
{
    struct ledger ledger;
    char line[LEDGER_LINE_BYTES];
    mm_ledger(&replay->mm, &ledger);
    for (unsigned i = 0; ledger_line(&ledger, i, line, sizeof(line)); i++)
        puts(line);
}

int main(int argument_count, char **arguments)
{
    static struct replay replay;
    replay.options = parse_options(arguments + (argument_count > 0));
    if (!map_file_read(&replay.file, replay.options.path)) {
        fprintf(stderr, "%s\n", replay.file.error);
        return EXIT_USAGE;
    }
    begin(&replay);
    start(&replay);
    reclaim(&replay);
    if (replay.options.pages)
        print_pages(&replay);
    print_ledger(&replay);
    return EXIT_SUCCESS;
}
