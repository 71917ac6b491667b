/*
 * mutate [--seed S] [--count N] [--print] FILE.map...: seeded mutations of recorded maps, each through the life of mm
 * and against the reference model (tests/fuzz/life.h).
 *
 * A seed decides everything: which map, what is done to it (split, merge, shuffle, overlap, retype, shift, ...), where
 * the image, busy ranges and kept tables lie. So the seed that is printed when a rule breaks reproduces it:
 *
 *     build/host/mutate --seed S MAPS             that one alone
 *     build/host/mutate --seed S --print MAPS     its map, for build/host/replay
 *
 * Exit status: 0, 2 for a command line or file that makes no sense; a broken rule aborts.
 */
#include <inttypes.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/base/check.h"
#include "tests/fuzz/life.h"
#include "tests/unit/map_file.h"

#define MAPS_MAX     256u
#define ROWS_MAX     1024u /* of recorded maps; mutations add few */
#define STEPS_MAX    8u
#define USUAL_PAGES  (4 * GIB / PAGE_SIZE)   /* larger machines take longer, and are chosen as much less often ... */
#define SHRUNK_PAGES (200 * MIB / PAGE_SIZE) /* ... but for this: to how much their longest pieces are cut mostly */
#define WHOLE_ONE_IN 16u
#define EXIT_USAGE   2

struct recorded {
    const char *path;
    struct efi_memory_descriptor *rows;
    uint32_t count;
    uint64_t pages; /* of types up to 7 */
};

struct mutation {
    uint64_t state; /* of the dice */
    struct efi_memory_descriptor rows[ROWS_MAX];
    uint32_t count;
};

static struct recorded maps[MAPS_MAX];
static uint32_t map_count;
static uint64_t seed;

/* ---- Dice: splitmix64 ---- */

static uint64_t roll(struct mutation *mutation)
{
    uint64_t z = mutation->state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

static uint64_t below(struct mutation *mutation, uint64_t limit)
{
    return limit == 0 ? 0 : roll(mutation) % limit;
}

static bool one_in(struct mutation *mutation, uint64_t count)
{
    return below(mutation, count) == 0;
}

/* Small numbers mostly, large ones now and then. */
static uint64_t some_pages(struct mutation *mutation)
{
    return below(mutation, (uint64_t)1 << below(mutation, 20));
}

static struct efi_memory_descriptor *any_row(struct mutation *mutation)
{
    return &mutation->rows[below(mutation, mutation->count)];
}

static uint32_t any_type(struct mutation *mutation)
{
    static const uint32_t odd[] = {16, 0x70000001, 0x80000001, 0xFFFFFFFF};
    return one_in(mutation, 12) ? odd[below(mutation, ARRAY_COUNT(odd))] : (uint32_t)below(mutation, 16);
}

static void add_row(struct mutation *mutation, struct efi_memory_descriptor row)
{
    if (mutation->count == ROWS_MAX)
        return;
    uint64_t place = below(mutation, mutation->count + 1);
    memmove(&mutation->rows[place + 1], &mutation->rows[place], (mutation->count - place) * sizeof(row));
    mutation->rows[place] = row;
    mutation->count++;
}

/* ---- What is done to a map ---- */

static void split(struct mutation *mutation)
{
    struct efi_memory_descriptor *row = any_row(mutation);
    struct efi_memory_descriptor rest = *row;
    uint64_t pages = below(mutation, row->number_of_pages);
    row->number_of_pages = pages;
    rest.physical_start += pages * PAGE_SIZE;
    rest.number_of_pages -= pages;
    rest.type = one_in(mutation, 3) ? any_type(mutation) : rest.type;
    add_row(mutation, rest);
}

static void merge(struct mutation *mutation)
{
    uint32_t index = (uint32_t)below(mutation, mutation->count);
    if (mutation->count < 2 || index + 1 == mutation->count)
        return;
    struct efi_memory_descriptor *row = &mutation->rows[index];
    row->number_of_pages += row[1].number_of_pages;
    memmove(row + 1, row + 2, (mutation->count - index - 2) * sizeof(*row));
    mutation->count--;
}

static void shuffle(struct mutation *mutation)
{
    for (uint32_t i = mutation->count; i > 1; i--) {
        uint32_t j = (uint32_t)below(mutation, i);
        struct efi_memory_descriptor row = mutation->rows[j];
        mutation->rows[j] = mutation->rows[i - 1];
        mutation->rows[i - 1] = row;
    }
}

static void overlap(struct mutation *mutation)
{
    struct efi_memory_descriptor row = *any_row(mutation);
    row.physical_start += below(mutation, row.number_of_pages) * PAGE_SIZE;
    row.number_of_pages = some_pages(mutation);
    row.type = any_type(mutation);
    add_row(mutation, row);
}

static void grow(struct mutation *mutation)
{
    any_row(mutation)->number_of_pages += some_pages(mutation);
}

static void retype(struct mutation *mutation)
{
    any_row(mutation)->type = any_type(mutation);
}

static void shift(struct mutation *mutation)
{
    struct efi_memory_descriptor *row = any_row(mutation);
    uint64_t distance = one_in(mutation, 4) ? below(mutation, PAGE_SIZE) : some_pages(mutation) * PAGE_SIZE;
    row->physical_start += one_in(mutation, 2) ? distance : -distance; /* below 0: to the end of the address space */
}

static void change_attribute(struct mutation *mutation)
{
    static const uint64_t bits[] = {EFI_MEMORY_RUNTIME, EFI_MEMORY_SP, EFI_MEMORY_WB, EFI_MEMORY_RO, EFI_MEMORY_XP};
    any_row(mutation)->attribute ^= bits[below(mutation, ARRAY_COUNT(bits))];
}

static void drop(struct mutation *mutation)
{
    if (mutation->count > 1)
        *any_row(mutation) = mutation->rows[--mutation->count];
}

/* Nothing, nearly everything, or the last page there is. */
static void make_absurd(struct mutation *mutation)
{
    static const uint64_t lengths[] = {0, 1, UINT64_MAX, UINT64_MAX >> 12, (uint64_t)1 << 40};
    static const uint64_t starts[] = {0, 0xFFFFFFFFFFFFF000, (uint64_t)1 << 52, 64 * TIB - PAGE_SIZE, 1};
    struct efi_memory_descriptor row = *any_row(mutation);
    if (one_in(mutation, 2))
        row.physical_start = starts[below(mutation, ARRAY_COUNT(starts))];
    row.number_of_pages = lengths[below(mutation, ARRAY_COUNT(lengths))];
    add_row(mutation, row);
}

static void (*const steps[])(struct mutation *mutation) = {
    split, split, merge, shuffle, overlap, overlap, grow, retype, retype, shift, change_attribute, drop, make_absurd,
};

/* ---- The kernel's own ranges ---- */

/* Pages inside some row, mostly; whatever its type. */
static struct prange any_range(struct mutation *mutation, uint64_t pages_max)
{
    const struct efi_memory_descriptor *row = any_row(mutation);
    uint64_t offset = below(mutation, min_u64(row->number_of_pages, 65536)) * PAGE_SIZE;
    uint64_t start = (row->physical_start & (TIB - 1) & ~PAGE_MASK) + offset;
    return PRANGE(start, start + (1 + below(mutation, pages_max)) * PAGE_SIZE);
}

static void choose_ranges(struct mutation *mutation, struct life_plan *plan)
{
    plan->segment_count = (uint32_t)below(mutation, 5);
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        struct prange range = any_range(mutation, 128);
        plan->segments[i] = life_segment(i, range.start.value, prange_pages(range), one_in(mutation, 3));
    }
    plan->busy_count = (uint32_t)below(mutation, MM_BUSY_MAX + 1);
    for (uint32_t i = 0; i < plan->busy_count; i++)
        plan->busy[i] = any_range(mutation, 64);
    plan->keep_count = (uint32_t)below(mutation, LIFE_KEEPS_MAX + 1);
    for (uint32_t i = 0; i < plan->keep_count; i++) {
        plan->keeps[i] = any_range(mutation, 16);
        plan->keeps[i].start.value += below(mutation, PAGE_SIZE);
    }
}

/* ---- One seed ---- */

static const struct recorded *choose_map(struct mutation *mutation, bool whole)
{
    for (;;) {
        const struct recorded *map = &maps[below(mutation, map_count)];
        if (!whole || below(mutation, map->pages) < USUAL_PAGES)
            return map;
    }
}

/* All the edges of a large machine at the cost of a small one: long pieces of RAM keep their start, or their end. */
static void shrink(struct mutation *mutation)
{
    for (uint32_t i = 0; i < mutation->count; i++) {
        struct efi_memory_descriptor *row = &mutation->rows[i];
        if (row->number_of_pages <= SHRUNK_PAGES || row->type > EFI_CONVENTIONAL_MEMORY)
            continue;
        if (one_in(mutation, 2))
            row->physical_start += (row->number_of_pages - SHRUNK_PAGES) * PAGE_SIZE;
        row->number_of_pages = SHRUNK_PAGES;
    }
}

/* Terabytes of RAM where the recorded map has none would take minutes: something else instead. */
static void tame(struct mutation *mutation, uint64_t pages_max)
{
    for (uint32_t i = 0; i < mutation->count; i++) {
        struct efi_memory_descriptor *row = &mutation->rows[i];
        if (row->number_of_pages > pages_max && row->type <= EFI_CONVENTIONAL_MEMORY)
            row->type = EFI_UNUSABLE_MEMORY;
    }
}

static void mutate(struct mutation *mutation)
{
    mutation->state = seed;
    bool whole = one_in(mutation, WHOLE_ONE_IN);
    const struct recorded *map = choose_map(mutation, whole);
    memcpy(mutation->rows, map->rows, map->count * sizeof(map->rows[0]));
    mutation->count = map->count;
    if (!whole)
        shrink(mutation);
    for (uint64_t left = 1 + below(mutation, STEPS_MAX); left > 0; left--)
        steps[below(mutation, ARRAY_COUNT(steps))](mutation);
    tame(mutation, max_u64(whole ? map->pages : 0, 4 * USUAL_PAGES));
}

static bool run(struct mutation *mutation)
{
    static const uint64_t strides[] = {40, 41, 48, 56, 64};
    static struct life_plan plan;
    memset(&plan, 0, sizeof(plan));
    plan.rows = mutation->rows;
    plan.row_count = mutation->count;
    plan.stride = strides[below(mutation, ARRAY_COUNT(strides))];
    plan.gigabyte_pages = one_in(mutation, 2);
    plan.levels = one_in(mutation, 4) ? 5 : 4;
    plan.dice = roll(mutation);
    if (!one_in(mutation, 4))
        choose_ranges(mutation, &plan);
    return life_run(&plan);
}

static void print(const struct mutation *mutation)
{
    printf("# mutate --seed %" PRIu64 "\n", seed);
    for (uint32_t i = 0; i < mutation->count; i++) {
        const struct efi_memory_descriptor *row = &mutation->rows[i];
        printf("%" PRIu32 " 0x%" PRIx64 " %" PRIu64 " 0x%" PRIx64 "\n", row->type, row->physical_start,
               row->number_of_pages, row->attribute);
    }
}

/* ---- The program ---- */

/* Whatever ends the program says which seed it was: CHECK and the sanitizers come by here. */
static void say_seed(void)
{
    char text[64];
    int length = snprintf(text, sizeof(text), "mutate: --seed %" PRIu64 "\n", seed);
    (void)!write(STDERR_FILENO, text, (size_t)length);
}

static void on_abort(int number)
{
    say_seed();
    signal(number, SIG_DFL);
    raise(number);
}

static _Noreturn void usage(const char *problem)
{
    fprintf(stderr, "mutate: %s\nusage: mutate [--seed S] [--count N] [--print] FILE.map...\n", problem);
    exit(EXIT_USAGE);
}

static uint64_t parse_count(const char *text)
{
    char *end;
    if (text == NULL || *text < '0' || *text > '9')
        usage("--seed and --count take a number");
    uint64_t value = strtoull(text, &end, 10);
    if (*end != '\0')
        usage("--seed and --count take a number");
    return value;
}

static void load(const char *path)
{
    static struct map_file file;
    if (!map_file_read(&file, path)) {
        fprintf(stderr, "mutate: %s\n", file.error);
        exit(EXIT_USAGE);
    }
    if (map_count == MAPS_MAX || file.count > ROWS_MAX / 2)
        usage("too many maps, or one is too long");
    struct recorded *map = &maps[map_count++];
    map->path = path;
    map->count = file.count;
    map->rows = malloc(file.count * sizeof(map->rows[0]));
    memcpy(map->rows, file.descriptors, file.count * sizeof(map->rows[0]));
    for (uint32_t i = 0; i < file.count; i++)
        map->pages += file.descriptors[i].type <= EFI_CONVENTIONAL_MEMORY ? file.descriptors[i].number_of_pages : 0;
}

int main(int argument_count, char **arguments)
{
    static struct mutation mutation;
    uint64_t first = 1;
    uint64_t count = 1;
    uint64_t refused = 0;
    bool printing = false;
    for (int i = 1; i < argument_count; i++) {
        if (strcmp(arguments[i], "--seed") == 0)
            first = parse_count(arguments[++i]);
        else if (strcmp(arguments[i], "--count") == 0)
            count = parse_count(arguments[++i]);
        else if (strcmp(arguments[i], "--print") == 0)
            printing = true;
        else if (arguments[i][0] == '-')
            usage("unknown option");
        else
            load(arguments[i]);
    }
    if (map_count == 0)
        usage("which maps?");
    signal(SIGABRT, on_abort);
    __sanitizer_set_death_callback(say_seed);
    for (seed = first; seed - first < count; seed++) {
        mutate(&mutation);
        if (printing)
            print(&mutation);
        else
            refused += !run(&mutation);
    }
    if (!printing)
        printf("mutate: %" PRIu64 " mutations of %u maps, seeds %" PRIu64 " to %" PRIu64 ": as the model says; %" PRIu64
               " refused for want of room\n",
               count, map_count, first, first + count - 1, refused);
    return EXIT_SUCCESS;
}
