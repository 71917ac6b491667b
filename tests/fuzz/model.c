/* The reference model of a memory map; see model.h. Quadratic, and plain on purpose. */
#include "tests/fuzz/model.h"

#include <stdlib.h>

#define PAGE         4096ull
#define LOW_END      0x100000ull
#define FOUR_GIB     0x100000000ull
#define PHYSICAL_END 0x10000000000000ull /* 2^52 */

struct cover {
    uint64_t start;
    uint64_t end;
    enum model_kind kind;
    bool runtime;
    bool descriptor; /* not one of our own claims */
};

static const char *const names[MODEL_KINDS] = {
    "conventional", "loader",  "boot-services", "kernel-boot", "kernel",  "acpi-reclaim", "withheld",
    "acpi-nvs",     "runtime", "persistent",    "unaccepted",  "unknown", "reserved",     "mmio",
};

static const enum model_kind types[16] = {
    MODEL_RESERVED, MODEL_LOADER,       MODEL_LOADER,     MODEL_BOOT_SERVICES, MODEL_BOOT_SERVICES, MODEL_RUNTIME,
    MODEL_RUNTIME,  MODEL_CONVENTIONAL, MODEL_RESERVED,   MODEL_ACPI_RECLAIM,  MODEL_ACPI_NVS,      MODEL_MMIO,
    MODEL_MMIO,     MODEL_RESERVED,     MODEL_PERSISTENT, MODEL_UNACCEPTED,
};

const char *model_kind_name(enum model_kind kind)
{
    return names[kind];
}

bool model_counted(enum model_kind kind)
{
    return kind < MODEL_PERSISTENT;
}

bool model_ours(enum model_kind kind)
{
    return kind <= MODEL_KERNEL;
}

bool model_reclaimable(enum model_kind kind)
{
    return kind == MODEL_LOADER || kind == MODEL_BOOT_SERVICES || kind == MODEL_KERNEL_BOOT;
}

static enum model_kind kind_of(const struct efi_memory_descriptor *row)
{
    enum model_kind kind = row->type < 16 ? types[row->type] : MODEL_UNKNOWN;
    if ((row->attribute & EFI_MEMORY_RUNTIME) != 0 && model_counted(kind))
        return MODEL_RUNTIME;
    bool plain = (row->attribute & EFI_MEMORY_WB) != 0 && (row->attribute & EFI_MEMORY_SP) == 0;
    return model_ours(kind) && !plain ? MODEL_WITHHELD : kind;
}

/* False: the row names nothing that is physical. */
static bool cover_of(const struct efi_memory_descriptor *row, struct cover *cover)
{
    __extension__ typedef unsigned __int128 wide;
    wide start = row->physical_start;
    wide end = start + (wide)row->number_of_pages * PAGE;
    if (row->number_of_pages == 0 || end >= (wide)1 << 64 || start >= PHYSICAL_END)
        return false;
    *cover = (struct cover){.kind = kind_of(row), .descriptor = true};
    cover->runtime = (row->attribute & EFI_MEMORY_RUNTIME) != 0;
    cover->start = (uint64_t)start;
    cover->end = end > PHYSICAL_END ? PHYSICAL_END : (uint64_t)end;
    if (model_ours(cover->kind)) { /* a byte that may be another's is not ours */
        cover->start = (cover->start + PAGE - 1) / PAGE * PAGE;
        cover->end = cover->end / PAGE * PAGE;
    } else {
        cover->start = cover->start / PAGE * PAGE;
        cover->end = (cover->end + PAGE - 1) / PAGE * PAGE;
    }
    return cover->start < cover->end;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void append(struct model *model, struct model_piece piece)
{
    struct model_piece *last = model->count == 0 ? NULL : &model->pieces[model->count - 1];
    bool cut = piece.start == LOW_END || piece.start == FOUR_GIB;
    if (last != NULL && last->end == piece.start && last->kind == piece.kind && last->runtime == piece.runtime && !cut)
        last->end = piece.end;
    else
        model->pieces[model->count++] = piece;
}

/* All pages of [start, end) are alike. */
static void decide(struct model *model, const struct cover *covers, uint32_t count, uint64_t start, uint64_t end)
{
    struct model_piece piece = {start, end, MODEL_CONVENTIONAL, false};
    unsigned descriptors = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (covers[i].start > start || covers[i].end < end)
            continue;
        descriptors += covers[i].descriptor;
        piece.runtime |= covers[i].runtime;
        if (covers[i].kind > piece.kind)
            piece.kind = covers[i].kind;
    }
    model->overlapping |= descriptors > 1;
    if (descriptors > 0)
        append(model, piece);
}

struct model model_build(const struct efi_memory_descriptor *rows, uint32_t row_count, const struct model_claim *claims,
                         uint32_t claim_count, uint64_t reach)
{
    struct cover *covers = calloc(row_count + claim_count + 1, sizeof(*covers));
    uint64_t *cuts = calloc(2 * (row_count + claim_count + 2), sizeof(*cuts));
    uint32_t count = 0;
    for (uint32_t i = 0; i < row_count; i++)
        count += cover_of(&rows[i], &covers[count]);
    for (uint32_t i = 0; i < claim_count; i++)
        covers[count++] = (struct cover){claims[i].start, claims[i].end, claims[i].kind, false, false};
    covers[count++] = (struct cover){reach, PHYSICAL_END, MODEL_WITHHELD, false, false};

    uint32_t cut_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        cuts[cut_count++] = covers[i].start;
        cuts[cut_count++] = covers[i].end;
    }
    cuts[cut_count++] = LOW_END;
    cuts[cut_count++] = FOUR_GIB;
    qsort(cuts, cut_count, sizeof(*cuts), compare);

    struct model model = {.pieces = calloc(cut_count, sizeof(*model.pieces))};
    for (uint32_t i = 1; i < cut_count; i++)
        if (cuts[i - 1] < cuts[i])
            decide(&model, covers, count, cuts[i - 1], cuts[i]);
    free(covers);
    free(cuts);
    return model;
}

void model_free(struct model *model)
{
    free(model->pieces);
    model->pieces = NULL;
}

const struct model_piece *model_find(const struct model *model, uint64_t address)
{
    for (uint32_t i = 0; i < model->count; i++)
        if (address >= model->pieces[i].start && address < model->pieces[i].end)
            return &model->pieces[i];
    return NULL;
}
