/*
 * A machine for tests of mm as a whole: a firmware map over memory that is full of 0xA5, as firmware would leave it.
 *
 * The memory moves to another place when the direct map comes into force, so that a pointer of before is a fault.
 *
 * Rules: one machine at a time. Memory is there up to the end of the highest descriptor of types 1-7, which tests keep
 * low.
 */
#ifndef KEEL_TESTS_UNIT_MACHINE_H
#define KEEL_TESTS_UNIT_MACHINE_H

#include "mm/mm.h"

#define WB EFI_MEMORY_WB

/* One descriptor: type, first address, pages, attribute. */
#define ROW(memory_type, start, pages, attributes)                                                              \
    {                                                                                                           \
        .type = (memory_type), .physical_start = (start), .number_of_pages = (pages), .attribute = (attributes) \
    }

enum machine_stage {
    MACHINE_NEW,
    MACHINE_BEGUN,
    MACHINE_MAPPED,
    MACHINE_STARTED,
    MACHINE_DESCRIBED,
    MACHINE_RECLAIMED
};

struct machine {
    struct mm mm;
    struct mm_config config; /* tests add segments and busy ranges before machine_reach */
    struct page_array_token token;
    uint64_t bytes;
    enum machine_stage stage;
};

void machine_create(struct machine *machine, const struct efi_memory_descriptor *rows, uint32_t count);
void machine_destroy(struct machine *machine);

/* Goes on from the stage that it is in; each step must succeed and leave a ledger that balances. */
void machine_reach(struct machine *machine, enum machine_stage stage);

struct ledger machine_ledger(struct machine *machine);

#endif
