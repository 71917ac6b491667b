/*
 * mm/paging.c in the real x86 format, over an arena: contrived cases, then random operations against a model that is an
 * array of pages. port_fake plays the TLB: what it still believes after a call must be what the tables say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/arena.h"
#include "tests/unit/port_fake.h"
#include "tests/unit/random.h"

#define KERNEL_BASE 0xFFFF800000000000ull

static struct arena arena;
static struct page_map map;

static void start(unsigned levels, bool gigabyte_pages)
{
    static const struct prange ranges[] = {{{MIB}, {64 * MIB}}};
    arena_create(&arena, ranges, 1, true);
    assert_int_equal(paging_init(&map, arena.window, levels, gigabyte_pages, arena_table_source(&arena)), STATUS_OK);
    port_fake_reset(&map);
    random_state = 0x123456789ABCDEF;
}

/* All tables of a map go back, the root too; but for those that are another map's (bit 10). */
static void free_tables(struct page_map *of, uint64_t table, unsigned level)
{
    const uint64_t *entries = (const uint64_t *)(uintptr_t)(table + arena.window);
    for (unsigned i = 0; i < 512 && level > 0; i++)
        if ((entries[i] & 0x481) == 1)
            free_tables(of, entries[i] & 0x000FFFFFFFFFF000, level - 1);
    of->tables.free(of->tables.context, PADDR(table));
}

/* No table may be left but the root, and none after the end. */
static void stop(void)
{
    assert_int_equal(port_fake_stale(), 0);
    assert_int_equal(map.table_count, arena.tables);
    free_tables(&map, map.root.value, map.levels - 1u);
    assert_int_equal(arena.tables, 0);
    assert_int_equal(frames_audit(&arena.frames), STATUS_OK);
    arena_destroy(&arena);
}

static void map_ok(uint64_t address, uint64_t physical, uint64_t size_bytes, uint32_t flags)
{
    struct prange range = PRANGE(physical, physical + size_bytes);
    uint64_t bound = paging_tables_for(VADDR(address), range, map.levels, map.gigabyte_pages);
    uint64_t before = map.table_count;
    assert_int_equal(paging_map(&map, VADDR(address), range, flags), STATUS_OK);
    assert_true(map.table_count - before <= bound);
}

static void assert_mapped(uint64_t address, uint64_t page, uint64_t size_bytes, uint32_t flags)
{
    struct paging_entry entry;
    assert_true(paging_lookup(&map, VADDR(address), &entry));
    assert_int_equal(entry.page.value, page);
    assert_int_equal(entry.size_bytes, size_bytes);
    assert_int_equal(entry.flags, flags);
}

static void assert_nothing(uint64_t address)
{
    struct paging_entry entry;
    assert_false(paging_lookup(&map, VADDR(address), &entry));
}

/* The leaf that translates the address, as the CPU reads it. */
static uint64_t raw_leaf(uint64_t address)
{
    uint64_t table = map.root.value;
    for (unsigned shift = map.levels == 5 ? 48 : 39;; shift -= 9) {
        uint64_t entry = ((uint64_t *)(uintptr_t)(table + arena.window))[address >> shift & 511];
        if (shift == 12 || (entry & 0x80) != 0 || (entry & 1) == 0)
            return entry;
        table = entry & 0x000FFFFFFFFFF000;
    }
}

/* SDM volume 3, tables 4-15 to 4-20, bit by bit. */
static void test_format(void **state)
{
    (void)state;
    start(4, true);
    uint64_t at = KERNEL_BASE;
    map_ok(at, 0x12345000, PAGE_SIZE, PAGING_WRITE);
    assert_true(raw_leaf(at) == 0x8000000012345063);
    map_ok(at + 0x1000, 0x12345000, PAGE_SIZE, PAGING_EXECUTE | PAGING_GLOBAL);
    assert_true(raw_leaf(at + 0x1000) == 0x0000000012345161);
    map_ok(at + 0x2000, 0xFEE00000, PAGE_SIZE, PAGING_WRITE | PAGING_UNCACHED);
    assert_true(raw_leaf(at + 0x2000) == 0x80000000FEE0007B);
    map_ok(at + 0x3000, 0xE0000000, PAGE_SIZE, PAGING_WRITE | PAGING_WRITE_COMBINING);
    assert_true(raw_leaf(at + 0x3000) == 0x80000000E00000E3);
    map_ok(at + 2 * MIB, 0xE0000000, 2 * MIB, PAGING_WRITE | PAGING_WRITE_COMBINING);
    assert_true(raw_leaf(at + 2 * MIB) == 0x80000000E00010E3);
    map_ok(at + GIB, 4 * GIB, GIB, 0);
    assert_true(raw_leaf(at + GIB) == 0x80000001000000E1);
    map_ok(at + 0x4000, ((uint64_t)1 << 52) - PAGE_SIZE, PAGE_SIZE, PAGING_FIRMWARE_RWX);
    assert_true(raw_leaf(at + 0x4000) == 0x000FFFFFFFFFF063);
    assert_int_equal(port_fake.invalidations, 0);
    stop();
}

/* 4 KiB up to 2 MiB, 2 MiB up to 1 GiB, 1 GiB, and down again. */
static void test_largest_pages(void **state)
{
    (void)state;
    for (unsigned levels = 4; levels <= 5; levels++) {
        start(levels, true);
        uint64_t physical = GIB - 2 * MIB - PAGE_SIZE;
        uint64_t size = PAGE_SIZE + 2 * MIB + 2 * GIB + 2 * MIB + PAGE_SIZE;
        map_ok(KERNEL_BASE + physical, physical, size, PAGING_WRITE);
        assert_mapped(KERNEL_BASE + physical, physical, PAGE_SIZE, PAGING_WRITE);
        assert_mapped(KERNEL_BASE + GIB - 1, GIB - 2 * MIB, 2 * MIB, PAGING_WRITE);
        assert_mapped(KERNEL_BASE + 2 * GIB + 5, 2 * GIB, GIB, PAGING_WRITE);
        assert_mapped(KERNEL_BASE + 3 * GIB, 3 * GIB, 2 * MIB, PAGING_WRITE);
        assert_mapped(KERNEL_BASE + 3 * GIB + 2 * MIB, 3 * GIB + 2 * MIB, PAGE_SIZE, PAGING_WRITE);
        assert_nothing(KERNEL_BASE + 3 * GIB + 2 * MIB + PAGE_SIZE);
        assert_int_equal(map.table_count, levels - 2 + 4u); /* above: one a level; two directories, two tables */
        assert_int_equal(paging_unmap(&map, VADDR(KERNEL_BASE), 8 * GIB), STATUS_OK);
        assert_int_equal(map.table_count, 1);
        stop();
    }
    start(4, false);
    map_ok(GIB, GIB, GIB, 0);
    assert_mapped(GIB, GIB, 2 * MIB, 0);
    map_ok(8 * GIB + PAGE_SIZE, 0, 4 * MIB, 0); /* apart modulo 2 MiB: small pages only */
    assert_mapped(8 * GIB + 2 * MIB, 2 * MIB - PAGE_SIZE, PAGE_SIZE, 0);
    stop();
}

static void test_split(void **state)
{
    (void)state;
    start(4, true);
    map_ok(KERNEL_BASE, 0, 2 * GIB, PAGING_WRITE | PAGING_WRITE_COMBINING);
    uint64_t hole = KERNEL_BASE + GIB + 4 * MIB + 0x5000;
    assert_true(port_fake_touch(VADDR(hole)));
    assert_true(port_fake_touch(VADDR(hole - PAGE_SIZE)));
    assert_int_equal(paging_unmap(&map, VADDR(hole), PAGE_SIZE), STATUS_OK);
    assert_int_equal(port_fake_stale(), 0);
    assert_nothing(hole);
    assert_mapped(hole - 1, GIB + 4 * MIB + 0x4000, PAGE_SIZE, PAGING_WRITE | PAGING_WRITE_COMBINING);
    assert_mapped(hole + 2 * MIB, GIB + 6 * MIB, 2 * MIB, PAGING_WRITE | PAGING_WRITE_COMBINING);
    assert_mapped(KERNEL_BASE, 0, GIB, PAGING_WRITE | PAGING_WRITE_COMBINING);
    assert_int_equal(map.table_count, 4);
    assert_int_equal(paging_protect(&map, VADDR(KERNEL_BASE + 2 * MIB), 512 * KIB, PAGING_EXECUTE), STATUS_OK);
    assert_mapped(KERNEL_BASE + 2 * MIB + 5, 2 * MIB, PAGE_SIZE, PAGING_EXECUTE);
    assert_mapped(KERNEL_BASE + 2 * MIB + 512 * KIB, 2 * MIB + 512 * KIB, PAGE_SIZE,
                  PAGING_WRITE | PAGING_WRITE_COMBINING);
    assert_int_equal(paging_protect(&map, VADDR(hole - PAGE_SIZE), 2 * PAGE_SIZE, 0), STATUS_NOT_FOUND);
    assert_mapped(hole - 1, GIB + 4 * MIB + 0x4000, PAGE_SIZE, PAGING_WRITE | PAGING_WRITE_COMBINING);
    stop();
}

static uint64_t snapshot_hash(void)
{
    uint64_t hash = map.table_count;
    for (uint64_t at = 0; at < 2 * GIB; at += 64 * KIB) {
        struct paging_entry entry = {{1}, 0, 0};
        paging_lookup(&map, VADDR(at), &entry);
        hash = hash * 31 + entry.page.value + entry.size_bytes + entry.flags;
    }
    return hash;
}

/* Whatever table is the one that cannot be had: the call says so, and nothing is different. */
static void test_out_of_memory(void **state)
{
    (void)state;
    for (uint64_t allowed = 0; allowed < 4; allowed++) {
        start(4, true);
        map_ok(GIB, GIB, GIB, PAGING_WRITE);
        uint64_t before = snapshot_hash();
        arena.tables_max = arena.tables + allowed;
        enum status unmapped = paging_unmap(&map, VADDR(GIB + PAGE_SIZE), 512 * MIB);
        assert_int_equal(unmapped, allowed < 3 ? STATUS_NO_MEMORY : STATUS_OK);
        if (allowed < 3)
            assert_true(snapshot_hash() == before);
        stop();
        start(5, false);
        before = snapshot_hash();
        arena.tables_max = arena.tables + allowed;
        assert_int_equal(paging_map(&map, VADDR(GIB - PAGE_SIZE), PRANGE(0, 2 * PAGE_SIZE), 0), STATUS_NO_MEMORY);
        assert_true(snapshot_hash() == before);
        stop();
    }
}

static void test_refusals(void **state)
{
    (void)state;
    start(4, false);
    map_ok(2 * MIB, 2 * MIB, 2 * MIB, 0);
    uint64_t before = snapshot_hash();
    assert_int_equal(paging_map(&map, VADDR(0), PRANGE(0, 4 * MIB), 0), STATUS_INVALID);
    assert_int_equal(paging_map(&map, VADDR(3 * MIB), PRANGE(0, PAGE_SIZE), 0), STATUS_INVALID);
    assert_true(snapshot_hash() == before);
    assert_int_equal(paging_unmap(&map, VADDR(64 * GIB), GIB), STATUS_OK);
    assert_int_equal(port_fake.invalidations, 0);
    struct prange page = PRANGE(0, PAGE_SIZE);
    expect_assert_failure((void)!paging_map(&map, VADDR(0), page, PAGING_WRITE | PAGING_EXECUTE));
    expect_assert_failure((void)!paging_map(&map, VADDR(0), page, PAGING_UNCACHED | PAGING_WRITE_COMBINING));
    expect_assert_failure((void)!paging_map(&map, VADDR(0x800), page, 0));
    expect_assert_failure((void)!paging_map(&map, VADDR((uint64_t)1 << 47), page, 0));
    expect_assert_failure((void)!paging_map(&map, VADDR(((uint64_t)1 << 47) - PAGE_SIZE), PRANGE(0, 2 * PAGE_SIZE), 0));
    uint64_t top = (uint64_t)1 << 52;
    expect_assert_failure((void)!paging_map(&map, VADDR(0), PRANGE(top - PAGE_SIZE, top + PAGE_SIZE), 0));
    stop();
}

/* A second address space sees what is mapped later, and leaves the shared half alone when it goes. */
static void test_sharing(void **state)
{
    (void)state;
    start(4, false);
    struct page_map other;
    struct paging_entry entry;
    assert_int_equal(paging_pin_top(&map, VADDR(0xFFFFC00000000000), TIB), STATUS_OK);
    map_ok(KERNEL_BASE, 0, MIB, 0);
    assert_int_equal(paging_init(&other, arena.window, 4, false, arena_table_source(&arena)), STATUS_OK);
    paging_share_upper_half(&other, &map);
    map_ok(0xFFFFC07FFFFFF000, 0x5000, 2 * PAGE_SIZE, 0);
    assert_true(paging_lookup(&other, VADDR(0xFFFFC08000000000), &entry));
    assert_int_equal(entry.page.value, 0x6000);
    assert_int_equal(paging_unmap(&map, VADDR(KERNEL_BASE), MIB), STATUS_OK);
    assert_false(paging_lookup(&other, VADDR(KERNEL_BASE), &entry));
    assert_int_equal(paging_map(&other, VADDR(MIB), PRANGE(MIB, 2 * MIB), PAGING_FIRMWARE_RWX), STATUS_OK);
    free_tables(&other, other.root.value, 3);
    assert_mapped(0xFFFFC08000000000, 0x6000, PAGE_SIZE, 0);
    map_ok(KERNEL_BASE, 0, MIB, 0);
    stop();
}

/* ---- Against a model: 2048 pages around a border of 1 GiB ---- */

#define MODEL_PAGES 2048u
struct model_page {
    uint64_t physical; /* 0: not mapped */
    uint32_t flags;
};
static struct model_page model[MODEL_PAGES];
static uint64_t model_base;

static uint32_t random_flags(void)
{
    static const uint32_t access[] = {0, PAGING_WRITE, PAGING_EXECUTE, PAGING_FIRMWARE_RWX};
    static const uint32_t cache[] = {0, 0, PAGING_UNCACHED, PAGING_WRITE_COMBINING};
    return access[random_below(4)] | cache[random_below(4)] | (random_below(2) != 0 ? PAGING_GLOBAL : 0);
}

static unsigned model_mapped(unsigned first, unsigned count)
{
    unsigned mapped = 0;
    for (unsigned i = first; i < first + count; i++)
        mapped += model[i].physical != 0;
    return mapped;
}

static void model_set(unsigned first, unsigned count, uint64_t physical, uint32_t flags)
{
    for (unsigned i = 0; i < count; i++)
        model[first + i] = (struct model_page){physical == 0 ? 0 : physical + i * PAGE_SIZE, flags};
}

static void model_step(void)
{
    bool aligned = random_below(3) == 0;
    unsigned first = (unsigned)(aligned ? random_below(4) * 512 : random_below(MODEL_PAGES));
    unsigned limit = MODEL_PAGES - first;
    unsigned count = aligned ? 512 : 1 + (unsigned)random_below(random_below(2) != 0 ? 40 : limit);
    count = count > limit ? limit : count;
    struct vaddr at = VADDR(model_base + first * PAGE_SIZE);
    uint32_t flags = random_flags();
    unsigned mapped = model_mapped(first, count);
    arena.tables_max = random_below(8) == 0 ? arena.tables + random_below(3) : UINT64_MAX;
    uint64_t kind = random_below(3);
    enum status status;
    if (kind == 0) {
        uint64_t physical = 16 * GIB + first * PAGE_SIZE + random_below(2) * PAGE_SIZE;
        status = paging_map(&map, at, PRANGE(physical, physical + count * PAGE_SIZE), flags);
        if (status == STATUS_OK)
            model_set(first, count, physical, flags);
        assert_true(status != STATUS_OK || mapped == 0);
        assert_true(status != STATUS_INVALID || mapped != 0);
    } else if (kind == 1) {
        status = paging_unmap(&map, at, count * PAGE_SIZE);
        if (status == STATUS_OK)
            model_set(first, count, 0, 0);
    } else {
        status = paging_protect(&map, at, count * PAGE_SIZE, flags);
        assert_int_equal(status == STATUS_NOT_FOUND, mapped < count);
        for (unsigned i = first; status == STATUS_OK && i < first + count; i++)
            model[i].flags = flags;
    }
    assert_true(status != STATUS_NO_MEMORY || arena.tables_max != UINT64_MAX);
}

static void model_compare(void)
{
    for (unsigned i = 0; i < MODEL_PAGES; i++) {
        struct paging_entry entry;
        uint64_t at = model_base + i * PAGE_SIZE;
        bool mapped = paging_lookup(&map, VADDR(at), &entry);
        assert_int_equal(mapped, model[i].physical != 0);
        if (!mapped)
            continue;
        assert_int_equal(entry.page.value + at % entry.size_bytes, model[i].physical);
        assert_int_equal(entry.flags, model[i].flags);
        bool execute = (entry.flags & (PAGING_EXECUTE | PAGING_FIRMWARE_RWX)) != 0;
        assert_int_equal(raw_leaf(at) >> 63, !execute);
    }
}

static void test_random(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        start(round % 2 == 0 ? 4 : 5, round < 2);
        random_state += round;
        model_base = (round == 3 ? 0 : KERNEL_BASE) + 5 * GIB - 4 * MIB;
        model_set(0, MODEL_PAGES, 0, 0);
        for (unsigned i = 0; i < 1500; i++) {
            for (unsigned j = 0; j < 16; j++)
                port_fake_touch(VADDR(model_base + random_below(MODEL_PAGES) * PAGE_SIZE));
            model_step();
            assert_int_equal(port_fake_stale(), 0);
            if (i % 16 == 0)
                model_compare();
        }
        arena.tables_max = UINT64_MAX;
        assert_int_equal(paging_unmap(&map, VADDR(model_base), MODEL_PAGES * PAGE_SIZE), STATUS_OK);
        assert_int_equal(map.table_count, 1);
        stop();
    }
}

/* The fake would notice: a present entry that changes behind its back is stale. */
static void test_fake_notices(void **state)
{
    (void)state;
    start(4, false);
    map_ok(0, 0x1000, PAGE_SIZE, 0);
    assert_true(port_fake_touch(VADDR(0)));
    struct page_map silent = map;
    port_fake.map = &silent;
    assert_int_equal(port_fake_stale(), 0);
    assert_int_equal(paging_init(&silent, arena.window, 4, false, arena_table_source(&arena)), STATUS_OK);
    assert_int_equal(port_fake_stale(), 1);
    port_fake_reset(&map);
    free_tables(&silent, silent.root.value, 3);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),     cmocka_unit_test(test_largest_pages), cmocka_unit_test(test_split),
        cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_refusals),   cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_random),     cmocka_unit_test(test_fake_notices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
