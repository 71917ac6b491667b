/*
 * Small objects: the slabs, and the slow ways of the magazines in front of them.
 *
 *     slab: 8 KiB, aligned to 8 KiB, here of class 48
 *     +----------------+--------+--------+-----------+--------+------+
 *     | header, 128 B  | object | object |    ...    | object | rest |
 *     +----------------+--------+--------+-----------+--------+------+
 *      ........         1..      1..                  1..      .         class->starts: one bit for each 16 bytes
 *      ........         1..      ...                  1..      .         slab->taken: free is starts & ~taken
 *
 *     large: the same header, owned by the heap and by no class, then one object up to the end of its run of frames
 *
 * A pointer leads to its header by alignment alone. An empty magazine is filled with the lowest free objects of the
 * first partial slabs; a full one gives its older objects back. What lies in a magazine is taken, as far as its slab
 * knows. A slab whose objects are all free goes back to the frames, unless it is the class's only partial one.
 * A lock for each class, taken once for many objects; the frame allocator's is inside it, never outside.
 *
 * What is caught when a magazine gives back (CHECK): a pointer that is not the start of an object, or of another size
 * class or another heap, or free already.
 */
#include "mm/heap.h"

#include "kernel/base/string.h"

#define SLAB_ORDER   1u
#define SLAB_BYTES   (PAGE_SIZE << SLAB_ORDER)
#define HEADER_BYTES 128u
#define UNIT_BYTES   16u                     /* that a bit stands for */
#define BATCH        (HEAP_MAGAZINE * 3 / 4) /* objects that an empty magazine takes, and a full one gives */

const uint16_t heap_class_bytes[HEAP_CLASS_COUNT] = {
    16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048,
};

struct heap_slab {
    const void *owner;       /* a class; the heap: not a slab but one large object; NULL: given back */
    struct heap_slab *next;  /* of the class's partial slabs */
    struct heap_slab **link; /* to this one, while it is partial */
    uint32_t free_count;
    uint32_t order;
    uint64_t taken[HEAP_SLAB_WORDS];
};
_Static_assert(sizeof(struct heap_slab) <= HEADER_BYTES, "the header has its place");
_Static_assert(SLAB_BYTES / UNIT_BYTES == HEAP_SLAB_WORDS * 64, "a bit for every unit");

void heap_init(struct heap *heap, uint64_t window)
{
    memset(heap, 0, sizeof(*heap));
    heap->window = window;
    for (unsigned i = 0; i < HEAP_CLASS_COUNT; i++) {
        struct heap_class *class = &heap->classes[i];
        unsigned step = heap_class_bytes[i] / UNIT_BYTES;
        for (unsigned unit = HEADER_BYTES / UNIT_BYTES; unit + step <= HEAP_SLAB_WORDS * 64; unit += step)
            class->starts[unit / 64] |= BIT(unit % 64);
        class->slab_objects = (HEAP_SLAB_WORDS * 64 - HEADER_BYTES / UNIT_BYTES) / step;
    }
}

/* ---- A class's list of partial slabs; its lock is held ---- */

static void partial_insert(struct heap_class *class, struct heap_slab *slab)
{
    slab->next = class->partial;
    slab->link = &class->partial;
    if (slab->next != NULL)
        slab->next->link = &slab->next;
    class->partial = slab;
}

static void partial_remove(struct heap_slab *slab)
{
    *slab->link = slab->next;
    if (slab->next != NULL)
        slab->next->link = slab->link;
}

/* ---- Runs of frames ---- */

/* No lock is held. */
static struct heap_slab *run_alloc(struct heap_cache *cache, const void *owner, unsigned order)
{
    struct paddr run = frame_alloc(cache->frames, order);
    if (run.value == 0) {
        /* What the magazines keep may be all that keeps slabs from the frames. */
        heap_cache_flush(cache);
        run = frame_alloc(cache->frames, order);
    }
    if (run.value == 0)
        return NULL;
    struct heap_slab *slab = vaddr_pointer(VADDR(run.value + cache->heap->window));
    *slab = (struct heap_slab){.owner = owner, .order = order};
    if (HEAP_CHECKED)
        memset((unsigned char *)slab + HEADER_BYTES, HEAP_FREE_FILL, (PAGE_SIZE << order) - HEADER_BYTES);
    __atomic_fetch_add(&cache->heap->pages, (uint64_t)1 << order, __ATOMIC_RELAXED);
    return slab;
}

static void run_free(struct heap_cache *cache, struct heap_slab *slab)
{
    unsigned order = slab->order;
    slab->owner = NULL;
    __atomic_fetch_sub(&cache->heap->pages, (uint64_t)1 << order, __ATOMIC_RELAXED);
    frame_free(cache->frames, PADDR(vaddr_of(slab).value - cache->heap->window), order);
}

/* The header of what lies there, or would. */
static struct heap_slab *slab_of(const struct heap *heap, const void *object)
{
    uint64_t address = vaddr_of(object).value - heap->window;
    return vaddr_pointer(VADDR(align_down(address, SLAB_BYTES) + heap->window));
}

/*
 * The number of the unit that starts at `object`; one too large for a slab, if none does or if that lies elsewhere (the
 * rest of the division is rotated to the top).
 */
static inline uint64_t unit_of(const struct heap_slab *slab, const void *object)
{
    uint64_t offset = vaddr_of(object).value - vaddr_of(slab).value;
    return offset / UNIT_BYTES | offset << (64 - bits_first(UNIT_BYTES));
}

/* ---- Between magazines and slabs; the class's lock is held ---- */

/* Its lowest free objects, at most `wanted`; how many. */
static uint32_t slab_take(const struct heap_class *class, struct heap_slab *slab, void **objects, uint32_t wanted)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < HEAP_SLAB_WORDS && count < wanted; i++) {
        uint64_t free = class->starts[i] & ~slab->taken[i];
        for (; free != 0 && count < wanted; free &= free - 1)
            objects[count++] = (unsigned char *)slab + (i * 64 + bits_first(free)) * UNIT_BYTES;
        slab->taken[i] = class->starts[i] & ~free;
    }
    CHECK(count != 0 && count <= slab->free_count);
    slab->free_count -= count;
    if (slab->free_count == 0)
        partial_remove(slab);
    return count;
}

/* Takes the first of the objects back, and those behind it that lie in the same slab; how many. */
static uint32_t slab_give(struct heap_cache *cache, struct heap_class *class, void *const *objects, uint32_t count)
{
    struct heap_slab *slab = slab_of(cache->heap, objects[0]);
    CHECK(slab->owner == class);
    uint32_t given = 0;
    for (uint64_t unit; given < count && (unit = unit_of(slab, objects[given])) < HEAP_SLAB_WORDS * 64; given++) {
        uint64_t taken = slab->taken[unit / 64] ^ BIT(unit % 64);
        CHECK((taken & BIT(unit % 64)) == 0); /* else it was not: free already, or inside of an object */
        slab->taken[unit / 64] = taken;
    }
    CHECK(given != 0); /* else it was not the start of a unit */
    if (slab->free_count == 0)
        partial_insert(class, slab);
    slab->free_count += given;
    /* One empty slab stays, or the frames would be taken and given by turns with the last object of a class. */
    if (slab->free_count == class->slab_objects && (class->partial != slab || slab->next != NULL)) {
        partial_remove(slab);
        run_free(cache, slab);
    }
    return given;
}

/* ---- Magazines ---- */

/* Fills an empty magazine, with fewer than BATCH rather than with a second new slab. */
NOINLINE void *heap_take_slow(struct heap_cache *cache, unsigned class_index)
{
    struct heap_class *class = &cache->heap->classes[class_index];
    struct heap_magazine *magazine = &cache->magazines[class_index];
    uint32_t count = 0;
    spinlock_acquire(&class->lock);
    if (class->partial == NULL) {
        spinlock_release(&class->lock);
        struct heap_slab *slab = run_alloc(cache, class, SLAB_ORDER);
        spinlock_acquire(&class->lock);
        if (slab != NULL) {
            slab->free_count = class->slab_objects;
            partial_insert(class, slab);
        }
    }
    while (class->partial != NULL && count < BATCH)
        count += slab_take(class, class->partial, magazine->objects + count, BATCH - count);
    spinlock_release(&class->lock);
    heap_magazine_set_count(magazine, count);
    __atomic_fetch_add(&cache->heap->taken, count, __ATOMIC_RELAXED);
    return count != 0 ? heap_take(cache, class_index) : NULL;
}

/* Gives the `count` oldest back. */
static void magazine_empty(struct heap_cache *cache, unsigned class_index, uint32_t count)
{
    struct heap_class *class = &cache->heap->classes[class_index];
    struct heap_magazine *magazine = &cache->magazines[class_index];
    spinlock_acquire(&class->lock);
    for (uint32_t given = 0; given < count;)
        given += slab_give(cache, class, magazine->objects + given, count - given);
    spinlock_release(&class->lock);
    uint32_t left = heap_magazine_count(magazine) - count;
    memmove(magazine->objects, magazine->objects + count, left * sizeof(magazine->objects[0]));
    heap_magazine_set_count(magazine, left);
    __atomic_fetch_sub(&cache->heap->taken, count, __ATOMIC_RELAXED);
}

void heap_cache_init(struct heap_cache *cache, struct heap *heap, struct frame_cache *frames)
{
    memset(cache, 0, sizeof(*cache));
    cache->heap = heap;
    cache->frames = frames;
    spinlock_acquire(&heap->lock);
    cache->next = heap->caches;
    heap->caches = cache;
    spinlock_release(&heap->lock);
}

void heap_cache_flush(struct heap_cache *cache)
{
    for (unsigned i = 0; i < HEAP_CLASS_COUNT; i++)
        magazine_empty(cache, i, heap_magazine_count(&cache->magazines[i]));
}

NOINLINE void heap_give_slow(struct heap_cache *cache, unsigned class_index, void *object)
{
    magazine_empty(cache, class_index, BATCH);
    heap_give(cache, class_index, object);
}

/* ---- Large objects ---- */

void *heap_large_alloc(struct heap_cache *cache, size_t size_bytes)
{
    if (size_bytes > HEAP_BYTES_MAX)
        return NULL;
    unsigned order = SLAB_ORDER;
    /* From SLAB_ORDER on, so that every header is aligned to SLAB_BYTES and found the same way. */
    while ((PAGE_SIZE << order) - HEADER_BYTES < size_bytes)
        order++;
    struct heap_slab *slab = run_alloc(cache, cache->heap, order);
    if (slab == NULL)
        return NULL;
    __atomic_fetch_add(&cache->heap->taken, 1, __ATOMIC_RELAXED);
    return (unsigned char *)slab + HEADER_BYTES;
}

void heap_large_free(struct heap_cache *cache, void *object)
{
    CHECK(heap_is_object(cache->heap, object, HEAP_SMALL_MAX + 1));
    __atomic_fetch_sub(&cache->heap->taken, 1, __ATOMIC_RELAXED);
    run_free(cache, slab_of(cache->heap, object));
}

/* ---- For checks and totals ---- */

bool heap_is_object(const struct heap *heap, const void *object, size_t size_bytes)
{
    const struct heap_slab *slab = slab_of(heap, object);
    uint64_t unit = unit_of(slab, object);
    if (size_bytes > HEAP_SMALL_MAX)
        return slab->owner == heap && unit == HEADER_BYTES / UNIT_BYTES;
    return slab->owner == &heap->classes[heap_class_of(size_bytes)] && unit < HEAP_SLAB_WORDS * 64 &&
           (slab->taken[unit / 64] & BIT(unit % 64)) != 0;
}

void heap_get_stats(struct heap *heap, struct heap_stats *stats)
{
    *stats = (struct heap_stats){.pages = __atomic_load_n(&heap->pages, __ATOMIC_RELAXED)};
    spinlock_acquire(&heap->lock);
    for (const struct heap_cache *cache = heap->caches; cache != NULL; cache = cache->next)
        for (unsigned i = 0; i < HEAP_CLASS_COUNT; i++)
            stats->cached += heap_magazine_count(&cache->magazines[i]);
    spinlock_release(&heap->lock);
    stats->objects = __atomic_load_n(&heap->taken, __ATOMIC_RELAXED) - stats->cached;
}
