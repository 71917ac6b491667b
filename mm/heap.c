/*
 * Small objects.
 *
 *     slab: 8 KiB, aligned to 8 KiB
 *     +----------------+--------+--------+-----------+--------+------+
 *     | header, 128 B  | object | object |    ...    | object | rest |     free[]: one bit an object, set: free
 *     +----------------+--------+--------+-----------+--------+------+
 *     large: the same header, class HEAP_LARGE, then one object up to the end of its run of frames
 *
 * A pointer leads to its header by alignment alone, so freeing needs no size. Allocation takes the lowest free object
 * of the first partial slab. A slab whose objects are all free goes back to the frames, unless it is the class's only
 * partial one. A lock for each class.
 *
 * What is caught (CHECK): a pointer that is not the start of an object, of another heap, or freed already.
 */
#include "mm/heap.h"

#include "kernel/base/bits.h"

#define SLAB_ORDER   1u
#define SLAB_BYTES   (PAGE_SIZE << SLAB_ORDER)
#define HEADER_BYTES 128u
#define FREE_WORDS   8u
#define HEAP_LARGE   HEAP_CLASS_COUNT
#define SLAB_MAGIC   0x62616C536C65654Bull /* "KeelSlab" */

static const uint16_t class_bytes[HEAP_CLASS_COUNT] = {
    16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048,
};

struct heap_slab {
    uint64_t magic; /* SLAB_MAGIC while it is one */
    struct heap *heap;
    struct heap_slab *next; /* of the class's partial slabs */
    struct heap_slab **link; /* to this one, while it is partial */
    uint16_t class_index; /* HEAP_LARGE: not a slab but one object */
    uint16_t object_count;
    uint16_t free_count;
    uint16_t order;
    uint64_t free[FREE_WORDS];
};
_Static_assert(sizeof(struct heap_slab) <= HEADER_BYTES, "the header has its place");
_Static_assert((SLAB_BYTES - HEADER_BYTES) / 16 <= FREE_WORDS * 64, "a bit for every object");

/* Four classes up to 64 bytes, then two for each power of two: 96 128 192 256 ... 2048. */
static unsigned class_of(size_t size_bytes)
{
    uint64_t last = size_bytes == 0 ? 0 : size_bytes - 1;
    if (last < 64)
        return (unsigned)(last / 16);
    unsigned top = bits_last(last);
    return 4 + (top - 6) * 2 + (unsigned)(last >> (top - 1) & 1);
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

static struct heap_slab *run_alloc(struct heap *heap, struct frame_cache *cache, unsigned order)
{
    struct paddr run = frame_alloc(cache, order);
    if (run.value == 0)
        return NULL;
    struct heap_slab *slab = vaddr_pointer(VADDR(run.value + heap->window));
    *slab = (struct heap_slab){.magic = SLAB_MAGIC, .heap = heap, .order = (uint16_t)order};
    __atomic_fetch_add(&heap->page_count, (uint64_t)1 << order, __ATOMIC_RELAXED);
    return slab;
}

static void run_free(struct heap *heap, struct frame_cache *cache, struct heap_slab *slab)
{
    unsigned order = slab->order;
    slab->magic = 0;
    __atomic_fetch_sub(&heap->page_count, (uint64_t)1 << order, __ATOMIC_RELAXED);
    frame_free(cache, PADDR(vaddr_of(slab).value - heap->window), order);
}

static struct heap_slab *slab_create(struct heap *heap, struct frame_cache *cache, unsigned class_index)
{
    struct heap_slab *slab = run_alloc(heap, cache, SLAB_ORDER);
    if (slab == NULL)
        return NULL;
    slab->class_index = (uint16_t)class_index;
    slab->object_count = (uint16_t)((SLAB_BYTES - HEADER_BYTES) / class_bytes[class_index]);
    slab->free_count = slab->object_count;
    for (unsigned i = 0; i < slab->object_count; i += 64)
        slab->free[i / 64] = bits_mask(0, (unsigned)min_u64(64, slab->object_count - i));
    return slab;
}

/* ---- Objects ---- */

/* The lowest free object of the class's first partial slab; NULL when there is none. The class's lock is held. */
static void *partial_take(struct heap_class *class)
{
    struct heap_slab *slab = class->partial;
    if (slab == NULL)
        return NULL;
    unsigned word = 0;
    while (word < FREE_WORDS && slab->free[word] == 0)
        word++;
    CHECK(slab->free_count > 0 && word < FREE_WORDS);
    unsigned index = word * 64 + bits_first(slab->free[word]);
    slab->free[word] &= slab->free[word] - 1;
    slab->free_count--;
    if (slab->free_count == 0)
        partial_remove(slab);
    return (unsigned char *)slab + HEADER_BYTES + (size_t)index * class_bytes[slab->class_index];
}

static void *small_alloc(struct heap *heap, struct frame_cache *cache, unsigned class_index)
{
    struct heap_class *class = &heap->classes[class_index];
    spinlock_acquire(&class->lock);
    /*
     * With the lock held, so two CPUs do not both make a slab; the frame allocator's lock is inside this one, never
     * outside.
     */
    struct heap_slab *slab = class->partial == NULL ? slab_create(heap, cache, class_index) : NULL;
    if (slab != NULL)
        partial_insert(class, slab);
    void *object = partial_take(class);
    spinlock_release(&class->lock);
    return object;
}

static void *large_alloc(struct heap *heap, struct frame_cache *cache, size_t size_bytes)
{
    unsigned order = SLAB_ORDER;
    /* From SLAB_ORDER on, so that every header is aligned to SLAB_BYTES and found the same way. */
    while ((PAGE_SIZE << order) - HEADER_BYTES < size_bytes)
        order++;
    struct heap_slab *slab = run_alloc(heap, cache, order);
    if (slab == NULL)
        return NULL;
    slab->class_index = HEAP_LARGE;
    return (unsigned char *)slab + HEADER_BYTES;
}

void *heap_alloc(struct heap *heap, struct frame_cache *cache, size_t size_bytes)
{
    if (size_bytes > HEAP_BYTES_MAX)
        return NULL;
    void *object = size_bytes <= HEAP_SMALL_MAX ? small_alloc(heap, cache, class_of(size_bytes))
                                                : large_alloc(heap, cache, size_bytes);
    if (object != NULL)
        __atomic_fetch_add(&heap->live_count, 1, __ATOMIC_RELAXED);
    return object;
}

static void small_free(struct heap *heap, struct frame_cache *cache, struct heap_slab *slab, uint64_t offset)
{
    CHECK(slab->class_index < HEAP_CLASS_COUNT);
    struct heap_class *class = &heap->classes[slab->class_index];
    uint64_t index = offset / class_bytes[slab->class_index];
    CHECK(offset % class_bytes[slab->class_index] == 0);
    CHECK(index < slab->object_count);
    spinlock_acquire(&class->lock);
    CHECK((slab->free[index / 64] & BIT(index % 64)) == 0); /* freed already */
    slab->free[index / 64] |= BIT(index % 64);
    if (slab->free_count == 0)
        partial_insert(class, slab);
    slab->free_count++;
    /* One empty slab stays, or a caller that allocates and frees one object would take and give frames each time. */
    bool spare = slab->free_count == slab->object_count && (class->partial != slab || slab->next != NULL);
    if (spare) /* empty, and not the only one */
        partial_remove(slab);
    spinlock_release(&class->lock);
    if (spare)
        run_free(heap, cache, slab);
}

void heap_free(struct heap *heap, struct frame_cache *cache, void *pointer)
{
    if (pointer == NULL)
        return;
    uint64_t address = vaddr_of(pointer).value - heap->window;
    struct heap_slab *slab = vaddr_pointer(VADDR(align_down(address, SLAB_BYTES) + heap->window));
    uint64_t offset = address % SLAB_BYTES - HEADER_BYTES;
    CHECK(address % SLAB_BYTES >= HEADER_BYTES);
    CHECK(slab->magic == SLAB_MAGIC);
    CHECK(slab->heap == heap);
    if (slab->class_index == HEAP_LARGE) {
        CHECK(offset == 0);
        run_free(heap, cache, slab);
    } else {
        small_free(heap, cache, slab, offset);
    }
    __atomic_fetch_sub(&heap->live_count, 1, __ATOMIC_RELAXED);
}
