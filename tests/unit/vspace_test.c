/* mm/vspace.c over an arena: what is mapped where, that guards are not, that nothing leaks, that ranges are reused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/layout.h"
#include "mm/vspace.h"
#include "tests/unit/arena.h"
#include "tests/unit/port_fake.h"

static struct arena arena;
static struct page_map map;
static struct vspace vspace;
static uint64_t frames_before; /* in use by nobody but the map's root and vspace's nodes */

static void start(void)
{
    static const struct prange ranges[] = {{{MIB}, {64 * MIB}}};
    arena_create(&arena, ranges, 1, true);
    assert_int_equal(paging_init(&map, arena.window, 4, true, arena_table_source(&arena)), STATUS_OK);
    port_fake_reset(&map);
    assert_int_equal(vspace_init(&vspace, &map, &arena.frames, VADDR(VSPACE_WINDOW)), STATUS_OK);
    frames_before = frames_used_count(&arena.frames);
}

static void stop(void)
{
    assert_int_equal(port_fake_stale(), 0);
    assert_null(vspace.used);
    assert_int_equal(map.table_count, 1);
    assert_int_equal(frames_audit(&arena.frames), STATUS_OK);
    arena_destroy(&arena);
}

static struct paging_entry entry_at(uint64_t address)
{
    struct paging_entry entry;
    assert_true(paging_lookup(&map, VADDR(address), &entry));
    return entry;
}

static void assert_guard(uint64_t address)
{
    struct paging_entry entry;
    assert_false(paging_lookup(&map, VADDR(address), &entry));
    assert_true(vspace_is_guard(&vspace, VADDR(address)));
}

static void test_device(void **state)
{
    (void)state;
    start();
    uint64_t at = vaddr_of(vspace_map_device(&vspace, PRANGE(0xFEE00010, 0xFEE01020), PAGING_UNCACHED)).value;
    assert_int_equal(at & PAGE_MASK, 0x10);
    assert_true(at >= VSPACE_WINDOW && at < VSPACE_WINDOW + VSPACE_BYTES);
    assert_int_equal(entry_at(at).page.value, 0xFEE00000);
    assert_int_equal(entry_at(at + PAGE_SIZE).page.value, 0xFEE01000);
    assert_int_equal(entry_at(at).flags, PAGING_WRITE | PAGING_UNCACHED | PAGING_GLOBAL);
    assert_guard(at - PAGE_SIZE);
    assert_guard(at + 2 * PAGE_SIZE);
    assert_false(vspace_is_guard(&vspace, VADDR(at)));
    assert_false(vspace_is_guard(&vspace, VADDR(0x1000)));

    uint64_t view = vaddr_of(vspace_map_view(&vspace, PRANGE(0x7FF0123, 0x7FF0124))).value;
    assert_int_equal(entry_at(view).flags, PAGING_GLOBAL);
    assert_true(port_fake_touch(VADDR(at)) && port_fake_touch(VADDR(view)));
    vspace_unmap(&vspace, vaddr_pointer(VADDR(at)));
    vspace_unmap(&vspace, vaddr_pointer(VADDR(view)));
    assert_false(port_fake_touch(VADDR(at)));
    assert_int_equal(frames_used_count(&arena.frames), frames_before);
    stop();
}

/* A frame buffer: write-combining, and in large pages although VSPACE's ranges start anywhere. */
static void test_frame_buffer(void **state)
{
    (void)state;
    start();
    void *small = vspace_map_view(&vspace, PRANGE(0x5000, 0x6000));
    struct prange range = PRANGE(0xC0000000, 0xC0000000 + 8 * MIB + 0x3000);
    uint64_t at = vaddr_of(vspace_map_device(&vspace, range, PAGING_WRITE_COMBINING)).value;
    assert_int_equal(entry_at(at).size_bytes, 2 * MIB);
    assert_int_equal(entry_at(at + 8 * MIB).size_bytes, PAGE_SIZE);
    assert_int_equal(entry_at(at).flags, PAGING_WRITE | PAGING_WRITE_COMBINING | PAGING_GLOBAL);
    assert_guard(at - 1);
    assert_guard(at + 8 * MIB + 0x3000);
    vspace_unmap(&vspace, vaddr_pointer(VADDR(at)));
    vspace_unmap(&vspace, small);
    stop();
}

static void test_stack(void **state)
{
    (void)state;
    start();
    struct vaddr top, second;
    assert_int_equal(vspace_stack(&vspace, 4, &top), STATUS_OK);
    assert_int_equal(vspace_stack(&vspace, 1, &second), STATUS_OK);
    assert_guard(top.value);
    assert_guard(top.value - 4 * PAGE_SIZE - 1);
    assert_guard(second.value - PAGE_SIZE - 8);
    for (unsigned i = 1; i <= 4; i++) {
        struct paging_entry entry = entry_at(top.value - i * PAGE_SIZE);
        assert_int_equal(entry.flags, PAGING_WRITE | PAGING_GLOBAL);
        assert_false(frames_is_free(&arena.frames, entry.page));
        assert_true(port_fake_touch(VADDR(top.value - i * PAGE_SIZE)));
    }
    vspace_stack_free(&vspace, top);
    assert_int_equal(port_fake_stale(), 0);
    vspace_stack_free(&vspace, second);
    assert_int_equal(frames_used_count(&arena.frames), frames_before);
    stop();
}

/* Ranges come and go in any order; in the end VSPACE is one free range again, and the first address is used again. */
static void test_reuse(void **state)
{
    (void)state;
    start();
    struct vaddr tops[200];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 200; i++) {
            assert_int_equal(vspace_stack(&vspace, 1 + i % 5, &tops[i]), STATUS_OK);
            assert_true(tops[i].value < VSPACE_WINDOW + MIB * 8);
            for (unsigned j = 0; j < i; j++)
                assert_true(tops[j].value != tops[i].value);
        }
        for (unsigned i = 0; i < 200; i++)
            vspace_stack_free(&vspace, tops[i * 77 % 200]);
    }
    assert_int_equal(vspace_stack(&vspace, 1, &tops[0]), STATUS_OK);
    assert_true(tops[0].value == VSPACE_WINDOW + 2 * PAGE_SIZE);
    vspace_stack_free(&vspace, tops[0]);
    stop();
}

/* Wherever memory ends, the caller hears of it and nothing is lost. */
static void test_out_of_memory(void **state)
{
    (void)state;
    start();
    struct vaddr top;
    for (uint64_t allowed = 1; allowed < 4; allowed++) {
        arena.tables_max = allowed;
        assert_int_equal(vspace_stack(&vspace, 2, &top), STATUS_NO_MEMORY);
        assert_null(vspace_map_device(&vspace, PRANGE(0, 1), PAGING_UNCACHED));
        assert_int_equal(frames_used_count(&arena.frames), frames_before);
    }
    arena.tables_max = UINT64_MAX;
    while (frames_free_count(&arena.frames) > 6)
        assert_int_not_equal(frames_take(&arena.frames, 0, FRAMES_NO_LIMIT).value, 0);
    assert_int_equal(vspace_stack(&vspace, 4, &top), STATUS_NO_MEMORY); /* three tables, and three frames of four */
    assert_int_equal(frames_free_count(&arena.frames), 6);
    assert_null(vspace_map_view(&vspace, PRANGE(0, VSPACE_BYTES)));
    stop();
}

static void test_bugs(void **state)
{
    (void)state;
    start();
    struct vaddr top;
    assert_int_equal(vspace_stack(&vspace, 1, &top), STATUS_OK);
    expect_assert_failure(vspace_unmap(&vspace, vaddr_pointer(VADDR(top.value - PAGE_SIZE))));
    arena_destroy(&arena);
    start();
    expect_assert_failure(vspace_unmap(&vspace, vaddr_pointer(VADDR(VSPACE_WINDOW))));
    arena_destroy(&arena);
    start();
    expect_assert_failure((void)!vspace_map_device(&vspace, PRANGE(0, 4096), 0));
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_device), cmocka_unit_test(test_frame_buffer),  cmocka_unit_test(test_stack),
        cmocka_unit_test(test_reuse),  cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_bugs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
