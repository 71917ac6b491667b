/*
 * The heap of the checked build under a stream of operations, by three CPUs in two and a half MiB, so that memory runs
 * out. Holds: an object is aligned, in that memory and nobody else's, to its last byte; the counts are right after
 * every operation; when all is freed and flushed, no more than one empty slab of each class is left.
 *
 * Input: four bytes for each operation: what and which CPU, two of size, which object.
 */
#include "mm/heap.h"
#include "tests/fuzz/input.h"
#include "tests/unit/arena.h"
#include "tests/unit/port_fake.h"

#define CPUS     3u
#define HELD_MAX 256u
#define SMALL    300u

static const struct prange memory = {{MIB + 0x1000}, {3 * MIB + 0x81000}};

struct object {
    uint8_t *bytes; /* NULL: none */
    size_t size_bytes;
    uint8_t fill;
};

static struct arena arena;
static struct heap heap;
static struct {
    struct frame_cache frames;
    struct heap_cache heap;
} cpus[CPUS];
static struct object held[HELD_MAX];
static uint64_t held_count;

static void begin(void)
{
    port_fake_reset(NULL);
    arena_create(&arena, &memory, 1, true);
    heap_init(&heap, arena.window);
    for (unsigned i = 0; i < CPUS; i++) {
        frame_cache_init(&cpus[i].frames, &arena.frames);
        heap_cache_init(&cpus[i].heap, &heap, &cpus[i].frames);
    }
}

static void take(struct heap_cache *cache, struct object *object, size_t size_bytes, uint8_t fill)
{
    uint8_t *bytes = heap_alloc(cache, size_bytes);
    if (bytes == NULL)
        return;
    uint64_t address = vaddr_of(bytes).value - arena.window;
    CHECK(address % 16 == 0);
    CHECK(address >= memory.start.value && address + size_bytes <= memory.end.value);
    memset(bytes, fill, size_bytes);
    *object = (struct object){bytes, size_bytes, fill};
    held_count++;
}

static void give(struct heap_cache *cache, struct object *object)
{
    for (size_t i = 0; i < object->size_bytes; i++)
        CHECK(object->bytes[i] == object->fill);
    heap_free(cache, object->bytes, object->size_bytes);
    object->bytes = NULL;
    held_count--;
}

static void check_counts(void)
{
    struct heap_stats stats;
    heap_get_stats(&heap, &stats);
    CHECK(stats.objects == held_count);
    CHECK(stats.pages == frames_used_count(&arena.frames));
}

static void end(void)
{
    for (unsigned i = 0; i < HELD_MAX; i++)
        if (held[i].bytes != NULL)
            give(&cpus[i % CPUS].heap, &held[i]);
    for (unsigned i = 0; i < CPUS; i++)
        heap_cache_flush(&cpus[i].heap);
    check_counts();
    CHECK(frames_used_count(&arena.frames) <= 2 * HEAP_CLASS_COUNT);
    for (unsigned i = 0; i < CPUS; i++)
        frame_cache_flush(&cpus[i].frames);
    CHECK(frames_audit(&arena.frames) == STATUS_OK);
    arena_destroy(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct input input = {bytes, size_bytes};
    begin();
    while (input.left_bytes != 0) {
        unsigned what = (unsigned)input_number(&input, 1);
        size_t size = input_number(&input, 2);
        unsigned which = (unsigned)input_number(&input, 1);
        struct heap_cache *cache = &cpus[what / 16 % CPUS].heap;
        if (what % 16 == 0)
            heap_cache_flush(cache);
        else if (held[which].bytes != NULL)
            give(cache, &held[which]);
        else
            take(cache, &held[which], what % 16 == 1 ? size : size % SMALL, (uint8_t)(size + which));
        check_counts();
    }
    end();
    return 0;
}
