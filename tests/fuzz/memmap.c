/*
 * memmap_build over raw descriptors: any stride, any version, any bytes, cut off anywhere, at any alignment; with
 * claims. Holds: the regions are those of the model exactly (sorted, disjoint, not empty, joined, the right kinds), the
 * counts of what was mended are right, and not one byte beyond the buffer is read.
 *
 * Input: stride (1 byte), version (1), claims (1), reach as a power of two (1), claims of 8 bytes each (start and
 * length in pages, kind), then the descriptors.
 */
#include "mm/memmap.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/model.h"

#define CLAIMS_MAX 4u
#define ROWS_MAX   MEMMAP_DESCRIPTORS_MAX

struct claims {
    struct memmap_claim mm[CLAIMS_MAX];
    struct model_claim model[CLAIMS_MAX];
    uint32_t count;
};

static const enum memory_kind claim_kinds[] = {MEMORY_LOADER, MEMORY_KERNEL_BOOT, MEMORY_KERNEL};
static const enum model_kind claim_model_kinds[] = {MODEL_LOADER, MODEL_KERNEL_BOOT, MODEL_KERNEL};

static void take_claims(struct input *input, struct claims *claims)
{
    for (uint32_t i = 0; i < claims->count; i++) {
        uint64_t start = input_number(input, 4) * PAGE_SIZE;
        uint64_t end = start + (input_number(input, 3) & 0xFFFF) * PAGE_SIZE;
        uint64_t kind = input_number(input, 1) % ARRAY_COUNT(claim_kinds);
        claims->mm[i] = (struct memmap_claim){PRANGE(start, end), claim_kinds[kind]};
        claims->model[i] = (struct model_claim){start, end, claim_model_kinds[kind]};
    }
}

/* The rows as the model is to see them: what firmware means by them is for the model to say. */
static uint32_t read_rows(const struct memmap_source *source, struct efi_memory_descriptor *rows)
{
    uint64_t stride = source->descriptor_size;
    uint64_t count = source->size_bytes / stride;
    for (uint64_t i = 0; i < count && i < ROWS_MAX; i++)
        memcpy(&rows[i], (const uint8_t *)source->descriptors + i * stride, sizeof(rows[i]));
    return (uint32_t)count;
}

static void check_regions(const struct memmap *map, const struct model *model)
{
    CHECK(map->count == model->count);
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_region *region = &map->regions[i];
        const struct model_piece *piece = &model->pieces[i];
        CHECK(region->range.start.value == piece->start);
        CHECK(region->range.end.value == piece->end);
        CHECK(strcmp(memory_kind_name((enum memory_kind)region->kind), model_kind_name(piece->kind)) == 0);
        CHECK(region->runtime == piece->runtime);
        CHECK(region->early_pages == 0);
        CHECK(memmap_find(map, region->range.start) == i);
        CHECK(memmap_find(map, PADDR(piece->end - 1)) == i);
    }
}

static void check_mended(const struct memmap *map, const struct memmap_source *source, const struct model *model,
                         const struct efi_memory_descriptor *rows)
{
    uint32_t zero = 0;
    uint32_t unknown = 0;
    for (uint32_t i = 0; i < map->descriptor_count; i++) {
        zero += rows[i].number_of_pages == 0;
        unknown += rows[i].type > 15;
    }
    CHECK(map->mended.zero_length == zero);
    CHECK(map->mended.unknown_type <= unknown);
    CHECK(map->mended.version_other == (source->version != 1));
    CHECK((map->mended.overlapping != 0) == model->overlapping);
}

static void check_pages(const struct memmap *map, const struct model *model)
{
    for (unsigned kind = 0; kind < MEMORY_KIND_COUNT; kind++) {
        uint64_t pages[2] = {0, 0};
        for (uint32_t i = 0; i < model->count; i++)
            if (strcmp(memory_kind_name(kind), model_kind_name(model->pieces[i].kind)) == 0)
                pages[model->pieces[i].start < MIB] += (model->pieces[i].end - model->pieces[i].start) / PAGE_SIZE;
        CHECK(memmap_pages(map, kind, false) == pages[0]);
        CHECK(memmap_pages(map, kind, true) == pages[1]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    static struct efi_memory_descriptor rows[ROWS_MAX];
    static void *scratch;
    if (scratch == NULL)
        scratch = malloc(MEMMAP_SCRATCH_BYTES);
    struct input input = {bytes, size_bytes};
    struct memmap_source source = {.descriptor_size = input_number(&input, 1), .version = input_number(&input, 1)};
    struct claims claims = {.count = (uint32_t)input_number(&input, 1) % (CLAIMS_MAX + 1)};
    uint64_t reach = (uint64_t)1 << (12 + input_number(&input, 1) % 41);
    take_claims(&input, &claims);
    uint8_t *copy = input_copy(input.next, input.left_bytes);
    source.descriptors = copy;
    source.size_bytes = input.left_bytes;

    struct memmap map;
    enum status status = memmap_build(&map, &source, claims.mm, claims.count, reach, scratch);
    bool bad_stride = source.descriptor_size < sizeof(rows[0]);
    uint32_t count = bad_stride ? 0 : read_rows(&source, rows);
    CHECK(status == (count == 0 ? STATUS_INVALID : count > ROWS_MAX ? STATUS_LIMIT : STATUS_OK));
    if (status == STATUS_OK) {
        struct model model = model_build(rows, count, claims.model, claims.count, reach);
        CHECK(map.descriptor_count == count);
        check_regions(&map, &model);
        check_mended(&map, &source, &model, rows);
        check_pages(&map, &model);
        model_free(&model);
    }
    free(copy);
    return 0;
}
