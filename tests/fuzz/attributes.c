/*
 * The firmware's address space: runtime_map_build over a memory map, and runtime_map_attributes over a
 * memory-attributes table of any bytes. Holds, page by page: what is mapped and with which flags, against the rules of
 * kernel/runtime_map.h written down once more; nothing of the table is read beyond the length that its header gives.
 *
 * Input: rows (1 byte) and as many short rows (input.h), in pages 0 to PAGES; then the table.
 */
#include "kernel/runtime_map.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/model.h"
#include "tests/unit/arena.h"
#include "tests/unit/port_fake.h"

#define PAGES      1024u
#define ROWS_MAX   32u
#define NOT_MAPPED UINT32_MAX

struct machine {
    struct efi_memory_descriptor rows[ROWS_MAX];
    uint32_t row_count;
    struct memmap map;
    struct model model;
    struct arena arena;
    struct page_map space;
    uint32_t flags[PAGES]; /* what is to be mapped */
};

static struct machine machine;

static bool is_runtime(const struct model_piece *piece)
{
    return piece != NULL && (piece->runtime || piece->kind == MODEL_RUNTIME);
}

/* Some byte of the page is the descriptor's. */
static bool names_page(const struct efi_memory_descriptor *row, uint64_t page)
{
    uint64_t end = row->physical_start + row->number_of_pages * PAGE_SIZE;
    return row->number_of_pages != 0 && page * PAGE_SIZE < end && (page + 1) * PAGE_SIZE > row->physical_start;
}

static bool is_code(const struct efi_memory_descriptor *row)
{
    bool memory = (row->attribute & EFI_MEMORY_RUNTIME) != 0 && (row->attribute & EFI_MEMORY_WB) != 0;
    return row->type == EFI_LOADER_CODE || row->type == EFI_BOOT_SERVICES_CODE ||
           row->type == EFI_RUNTIME_SERVICES_CODE ||
           (memory && (row->type == EFI_RESERVED_MEMORY || row->type == EFI_CONVENTIONAL_MEMORY));
}

static uint32_t expected_flags(uint64_t page)
{
    const struct model_piece *piece = model_find(&machine.model, page * PAGE_SIZE);
    if (!is_runtime(piece))
        return page == 0 ? PAGING_WRITE : NOT_MAPPED;
    if (piece->kind == MODEL_MMIO)
        return PAGING_WRITE | PAGING_UNCACHED;
    uint32_t flags = PAGING_WRITE;
    for (uint32_t i = 0; i < machine.row_count; i++) {
        const struct efi_memory_descriptor *row = &machine.rows[i];
        bool cached = (row->attribute & EFI_MEMORY_WB) != 0;
        if (!names_page(row, page) || (!is_code(row) && cached))
            continue;
        flags = (is_code(row) ? PAGING_FIRMWARE_RWX : PAGING_WRITE) | (cached ? 0 : PAGING_UNCACHED);
    }
    return flags;
}

static void check_space(void)
{
    for (uint64_t page = 0; page < PAGES; page++) {
        struct paging_entry entry;
        bool mapped = paging_lookup(&machine.space, VADDR(page * PAGE_SIZE), &entry);
        CHECK(mapped == (machine.flags[page] != NOT_MAPPED));
        CHECK(!mapped || entry.flags == machine.flags[page]);
        CHECK(!mapped || entry.page.value + (page * PAGE_SIZE & (entry.size_bytes - 1)) == page * PAGE_SIZE);
    }
}

static void begin(struct input *input, void *scratch)
{
    static const struct prange memory = {{MIB}, {3 * MIB}};
    machine.row_count = (uint32_t)input_number(input, 1) % (ROWS_MAX + 1);
    for (uint32_t i = 0; i < machine.row_count; i++) {
        machine.rows[i] = input_row(input);
        machine.rows[i].physical_start %= PAGES * PAGE_SIZE;
        machine.rows[i].number_of_pages &= 0xFF;
        machine.rows[i].number_of_pages =
            min_u64(machine.rows[i].number_of_pages, PAGES - machine.rows[i].physical_start / PAGE_SIZE);
    }
    machine.model = model_build(machine.rows, machine.row_count, NULL, 0, 64 * TIB);
    struct memmap_source source = {machine.rows, machine.row_count * sizeof(machine.rows[0]), sizeof(machine.rows[0]),
                                   EFI_MEMORY_DESCRIPTOR_VERSION};
    if (machine.row_count != 0)
        CHECK(memmap_build(&machine.map, &source, NULL, 0, 64 * TIB, scratch) == STATUS_OK);
    arena_create(&machine.arena, &memory, 1, true);
    struct table_source tables = arena_table_source(&machine.arena);
    CHECK(paging_init(&machine.space, machine.arena.window, 4, true, tables) == STATUS_OK);
    port_fake_reset(&machine.space);
}

static bool overlap(const struct efi_memory_descriptor *a, const struct efi_memory_descriptor *b)
{
    uint64_t a_end = a->physical_start + a->number_of_pages * PAGE_SIZE;
    uint64_t b_end = b->physical_start + b->number_of_pages * PAGE_SIZE;
    return a->physical_start < b_end && b->physical_start < a_end;
}

/* UEFI 2.10, 4.6.4, and inside one region of runtime memory. */
static bool is_sound(const struct efi_memory_descriptor *entry)
{
    bool typed = entry->type == EFI_RUNTIME_SERVICES_CODE || entry->type == EFI_RUNTIME_SERVICES_DATA;
    bool narrow = (entry->attribute & (EFI_MEMORY_RO | EFI_MEMORY_XP)) != 0;
    if (!typed || !narrow || entry->physical_start % PAGE_SIZE != 0 || entry->number_of_pages == 0)
        return false;
    const struct model_piece *piece = model_find(&machine.model, entry->physical_start);
    return piece != NULL && piece->kind == MODEL_RUNTIME &&
           entry->number_of_pages <= (piece->end - entry->physical_start) / PAGE_SIZE;
}

static void expect_entry(const struct efi_memory_descriptor *entry)
{
    for (uint64_t i = 0; i < entry->number_of_pages; i++) {
        uint32_t *flags = &machine.flags[entry->physical_start / PAGE_SIZE + i];
        *flags &= PAGING_UNCACHED;
        *flags |= (entry->attribute & EFI_MEMORY_RO) == 0 ? PAGING_WRITE : 0;
        *flags |= (entry->attribute & EFI_MEMORY_XP) == 0 ? PAGING_EXECUTE : 0;
    }
}

static void apply_table(const void *bytes, uint64_t available_bytes)
{
    const struct efi_memory_attributes_table *table = bytes;
    struct efi_memory_descriptor sound[RUNTIME_MAP_ATTRIBUTES_MAX];
    uint32_t count = 0;
    uint32_t applied = 0;
    uint64_t size_bytes = runtime_map_attributes_bytes(table);
    if (size_bytes == 0 || size_bytes > available_bytes)
        return;
    CHECK((size_bytes - sizeof(*table)) == (uint64_t)table->entry_count * table->descriptor_size);
    for (uint32_t i = 0; i < table->entry_count; i++) {
        struct efi_memory_descriptor entry;
        memcpy(&entry, (const uint8_t *)(table + 1) + (uint64_t)i * table->descriptor_size, sizeof(entry));
        bool good = is_sound(&entry);
        bool alone = true;
        for (uint32_t j = 0; good && j < count; j++)
            alone &= !overlap(&entry, &sound[j]);
        if (good) /* those that overlap count as well, for those behind them */
            sound[count++] = entry;
        if (good && alone)
            expect_entry(&entry);
        applied += good && alone;
    }
    uint32_t ignored = runtime_map_attributes(&machine.space, &machine.map, table);
    CHECK(ignored + applied == table->entry_count);
    CHECK(port_fake_stale() == 0);
    check_space();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    static void *scratch;
    if (scratch == NULL)
        scratch = malloc(MEMMAP_SCRATCH_BYTES);
    struct input input = {bytes, size_bytes};
    begin(&input, scratch);
    if (machine.row_count != 0) {
        CHECK(runtime_map_build(&machine.space, &machine.map, machine.rows, machine.row_count) == STATUS_OK);
        for (uint64_t page = 0; page < PAGES; page++) {
            machine.flags[page] = expected_flags(page);
            port_fake_touch(VADDR(page * PAGE_SIZE));
            const struct model_piece *piece = model_find(&machine.model, page * PAGE_SIZE);
            CHECK(runtime_map_holds(&machine.map, page * PAGE_SIZE, PAGE_SIZE) == is_runtime(piece));
        }
        check_space();
        void *table = input_copy(input.next, input.left_bytes);
        if (input.left_bytes >= sizeof(struct efi_memory_attributes_table))
            apply_table(table, input.left_bytes);
        free(table);
    }
    arena_destroy(&machine.arena);
    model_free(&machine.model);
    return 0;
}
