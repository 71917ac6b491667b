/*
 * What a memory map means: the simplest possible program, written from the rules of the design and not from mm/.
 *
 * The address space is cut at every end of every range, at 1 MiB and at 4 GiB. Between two cuts all pages are alike:
 * ask which ranges cover them, and the most restrictive of those decides. (tests/maps/model.py does it in Python.)
 *
 * Owns: struct model, sorted and disjoint pieces, neighbours that are alike joined but at the two fixed cuts.
 */
#ifndef KEEL_TESTS_FUZZ_MODEL_H
#define KEEL_TESTS_FUZZ_MODEL_H

#include "kernel/base/efi.h"
#include "kernel/base/types.h"

/* Rising restriction: where ranges overlap the last of these wins. */
enum model_kind {
    MODEL_CONVENTIONAL,
    MODEL_LOADER,
    MODEL_BOOT_SERVICES,
    MODEL_KERNEL_BOOT,
    MODEL_KERNEL,
    MODEL_ACPI_RECLAIM,
    MODEL_WITHHELD,
    MODEL_ACPI_NVS,
    MODEL_RUNTIME,
    MODEL_PERSISTENT,
    MODEL_UNACCEPTED,
    MODEL_UNKNOWN,
    MODEL_RESERVED,
    MODEL_MMIO,
    MODEL_KINDS
};

struct model_piece {
    uint64_t start;
    uint64_t end;
    enum model_kind kind;
    bool runtime; /* some descriptor of it has the attribute */
};

/* A range of the kernel's own: says something only where a descriptor lies below it. */
struct model_claim {
    uint64_t start;
    uint64_t end;
    enum model_kind kind;
};

struct model {
    struct model_piece *pieces;
    uint32_t count;
    bool overlapping; /* two descriptors name the same page */
};

/* Memory from `reach` on is withheld. Free with model_free. */
struct model model_build(const struct efi_memory_descriptor *rows, uint32_t row_count, const struct model_claim *claims,
                         uint32_t claim_count, uint64_t reach);
void model_free(struct model *model);

/* The word that the kernel prints for it. */
const char *model_kind_name(enum model_kind kind);

/* In the ledger's total; memory that is or may become ours; freed by reclaim. */
bool model_counted(enum model_kind kind);
bool model_ours(enum model_kind kind);
bool model_reclaimable(enum model_kind kind);

/* The piece that holds the address, or NULL: a hole. */
const struct model_piece *model_find(const struct model *model, uint64_t address);

#endif
