/*
 * The heap's checked build (HEAP_CHECKED): every object stands between red zones, and free memory is full of poison.
 *
 *     callers hold it    | size, mark | size_bytes of the caller's | 0xFD ... |        rest
 *                         16 bytes                                  16 to 31
 *     free               | 0xDD ...                                                        |   to the class's end
 *
 * Caught at heap_free: a write just before or just behind the object, the wrong size, a pointer that is none of this
 * heap's, an object that is free already. Caught by the heap_alloc that gets the memory next: a write after the free.
 * Above HEAP_SMALL_MAX there are red zones but no poison after use: that memory goes back to the frames.
 */
#include "kernel/base/string.h"
#include "mm/heap.h"

#define ZONE_BYTES      16u
#define RED_ZONE_INTACT 0xFDFDFDFDFDFDFDFDull
#define RED_ZONE_FILL   0xFDu
#define FREE_ALREADY    0xDDDDDDDDDDDDDDDDull /* eight times HEAP_FREE_FILL */

struct front_zone {
    uint64_t size_bytes;
    uint64_t mark;
};
_Static_assert(sizeof(struct front_zone) == ZONE_BYTES, "objects stay aligned to 16 bytes");

/* The zone behind an object also has the bytes up to the next multiple of 16. */
static size_t behind_bytes(size_t size_bytes)
{
    return align_up(size_bytes, ZONE_BYTES) - size_bytes + ZONE_BYTES;
}

static bool is_full_of(const void *memory, unsigned char fill, size_t size_bytes)
{
    size_t i = 0;
    while (i < size_bytes && ((const unsigned char *)memory)[i] == fill)
        i++;
    return i == size_bytes;
}

void *heap_checked_alloc(struct heap_cache *cache, size_t size_bytes)
{
    if (size_bytes > HEAP_BYTES_MAX)
        return NULL;
    size_t zoned_bytes = ZONE_BYTES + size_bytes + behind_bytes(size_bytes);
    struct front_zone *front = heap_plain_alloc(cache, zoned_bytes);
    if (front == NULL)
        return NULL;
    if (zoned_bytes <= HEAP_SMALL_MAX) /* else it was written after it was freed */
        CHECK(is_full_of(front, HEAP_FREE_FILL, heap_class_bytes[heap_class_of(zoned_bytes)]));
    *front = (struct front_zone){size_bytes, RED_ZONE_INTACT};
    memset((unsigned char *)(front + 1) + size_bytes, RED_ZONE_FILL, behind_bytes(size_bytes));
    return front + 1;
}

void heap_checked_free(struct heap_cache *cache, void *pointer, size_t size_bytes)
{
    size_t zoned_bytes = ZONE_BYTES + size_bytes + behind_bytes(size_bytes);
    struct front_zone *front = (struct front_zone *)pointer - 1;
    CHECK(heap_is_object(cache->heap, front, zoned_bytes));
    CHECK(front->mark != FREE_ALREADY);
    CHECK(front->mark == RED_ZONE_INTACT);
    CHECK(front->size_bytes == size_bytes);
    CHECK(is_full_of((unsigned char *)pointer + size_bytes, RED_ZONE_FILL, behind_bytes(size_bytes)));
    if (zoned_bytes <= HEAP_SMALL_MAX)
        memset(front, HEAP_FREE_FILL, heap_class_bytes[heap_class_of(zoned_bytes)]);
    heap_plain_free(cache, front, zoned_bytes);
}
