/*
 * Virtual ranges: who uses which part of [base, base + VSPACE_BYTES).
 *
 *     base                                                                                base + VSPACE_BYTES
 *     +-----------------+----------+------------------+--------------------------------+------------------------+
 *     | range: a stack  | gap      | range: registers | range: the frame buffer        | gap                    |
 *     +-----------------+----------+------------------+--------------------------------+------------------------+
 *
 *     one range:   start      address                            start + page_count pages
 *                  | guard    | pages that are mapped            | guard            |
 *                  +----------+----------------------------------+------------------+
 *                             ^ a stack grows down to here, and then faults
 *
 * A range owns its guards: [start, address) and what follows the last mapped page are never mapped. Usually they are a
 * page each; a large mapping begins later, where it agrees with its physical address modulo 2 MiB and large pages fit.
 *
 * The ranges in use are a list by address; what lies between them is free, and a range comes from the first gap that is
 * long enough. Nodes are carved from frames that stay ours: there are as many as there were ranges at the same time.
 */
#include "mm/vspace.h"

#include "mm/layout.h"

#define LARGE_BYTES (2 * MIB)

struct vspace_range {
    struct vspace_range *next;
    uint64_t start;
    uint64_t page_count; /* guards included */
    uint64_t address;    /* what is mapped: */
    uint64_t mapped_pages;
    bool stack; /* of our own frames, not somebody's memory */
};

static uint64_t range_end(const struct vspace_range *range)
{
    return range->start + range->page_count * PAGE_SIZE;
}

/* ---- Ranges; the lock is held ---- */

/* There is a spare node afterwards. STATUS_NO_MEMORY. */
static enum status nodes_ensure(struct vspace *vspace)
{
    if (vspace->spare != NULL)
        return STATUS_OK;
    struct paddr frame = frames_take(vspace->frames, 0, FRAMES_NO_LIMIT);
    if (frame.value == 0)
        return STATUS_NO_MEMORY;
    struct vspace_range *nodes = vaddr_pointer(VADDR(frame.value + vspace->map->window));
    for (uint64_t i = 0; i < PAGE_SIZE / sizeof(*nodes); i++) {
        nodes[i].next = vspace->spare;
        vspace->spare = &nodes[i];
    }
    return STATUS_OK;
}

/* The link to a new range of that many pages, of which nothing is mapped; NULL when there is no memory or no room. */
static struct vspace_range **range_reserve(struct vspace *vspace, uint64_t page_count)
{
    struct vspace_range **link = &vspace->used;
    uint64_t start = vspace->base.value;
    /* First fit, by address. There are a few dozen ranges, and a list that is in order needs no other index. */
    for (; *link != NULL && ((*link)->start - start) / PAGE_SIZE < page_count; link = &(*link)->next)
        start = range_end(*link);
    if ((vspace->base.value + VSPACE_BYTES - start) / PAGE_SIZE < page_count || nodes_ensure(vspace) != STATUS_OK)
        return NULL;
    struct vspace_range *range = vspace->spare;
    vspace->spare = range->next;
    *range = (struct vspace_range){.next = *link, .start = start, .page_count = page_count};
    range->address = start + PAGE_SIZE;
    *link = range;
    return link;
}

/* Unmapped and free again, so are a stack's frames. */
static void range_release(struct vspace *vspace, struct vspace_range **link)
{
    struct vspace_range *range = *link;
    /* Written down first: once unmapped, nothing says any more which frames they were. */
    uint64_t frames[VSPACE_STACK_PAGES_MAX];
    uint32_t frame_count = range->stack ? (uint32_t)range->mapped_pages : 0;
    for (uint32_t i = 0; i < frame_count; i++) {
        struct paging_entry entry;
        CHECK(paging_lookup(vspace->map, VADDR(range->address + i * PAGE_SIZE), &entry));
        frames[i] = entry.page.value;
    }
    /*
     * Whole mappings never split a page, so there is nothing that could fail. It returns when every CPU has forgotten
     * the range: it and its frames may be used again at once.
     */
    if (range->mapped_pages != 0)
        CHECK(paging_unmap(vspace->map, VADDR(range->address), range->mapped_pages * PAGE_SIZE) == STATUS_OK);
    frames_give_many(vspace->frames, 0, frames, frame_count);
    *link = range->next;
    range->next = vspace->spare;
    vspace->spare = range;
}

/* Releases the mapping that begins at `address`, or the stack that ends there. Anything else is a bug of ours. */
static void release_at(struct vspace *vspace, uint64_t address, bool stack)
{
    spinlock_acquire(&vspace->lock);
    struct vspace_range **link = &vspace->used;
    while (*link != NULL && range_end(*link) <= address)
        link = &(*link)->next;
    CHECK(*link != NULL && (*link)->stack == stack);
    CHECK(address == (*link)->address + (stack ? (*link)->mapped_pages * PAGE_SIZE : 0));
    range_release(vspace, link);
    spinlock_release(&vspace->lock);
}

enum status vspace_init(struct vspace *vspace, struct page_map *map, struct frames *frames, struct vaddr base)
{
    *vspace = (struct vspace){.map = map, .frames = frames, .base = base};
    return nodes_ensure(vspace);
}

/* ---- Mappings ---- */

void *vspace_map(struct vspace *vspace, struct prange range, uint32_t flags)
{
    CHECK(!prange_empty(range));
    struct prange pages = prange_page_outward(range);
    bool large = prange_bytes(pages) >= LARGE_BYTES;
    void *pointer = NULL;
    spinlock_acquire(&vspace->lock);
    struct vspace_range **link = range_reserve(vspace, prange_pages(pages) + 2 + (large ? LARGE_BYTES / PAGE_SIZE : 0));
    if (link != NULL) {
        struct vspace_range *node = *link;
        if (large) /* begins where it agrees with its physical address modulo 2 MiB */
            node->address += (pages.start.value - node->address) & (LARGE_BYTES - 1);
        if (paging_map(vspace->map, VADDR(node->address), pages, flags | PAGING_GLOBAL) == STATUS_OK) {
            node->mapped_pages = prange_pages(pages);
            pointer = vaddr_pointer(VADDR(node->address + (range.start.value & PAGE_MASK)));
        } else {
            range_release(vspace, link);
        }
    }
    spinlock_release(&vspace->lock);
    return pointer;
}

void vspace_unmap(struct vspace *vspace, const volatile void *pointer)
{
    release_at(vspace, align_down(vaddr_of(pointer).value, PAGE_SIZE), false);
}

/* ---- Stacks ---- */

/* Maps a fresh frame behind those of the stack that are mapped already. */
static enum status stack_grow(struct vspace *vspace, struct vspace_range *range)
{
    struct paddr frame = frames_take(vspace->frames, 0, FRAMES_NO_LIMIT);
    if (frame.value == 0)
        return STATUS_NO_MEMORY;
    enum status status = paging_map(vspace->map, VADDR(range->address + range->mapped_pages * PAGE_SIZE),
                                    PRANGE(frame.value, frame.value + PAGE_SIZE), PAGING_WRITE | PAGING_GLOBAL);
    if (status == STATUS_OK)
        range->mapped_pages++;
    else
        frames_give(vspace->frames, frame, 0);
    return status;
}

enum status vspace_stack(struct vspace *vspace, uint64_t page_count, struct vaddr *top)
{
    CHECK(page_count >= 1 && page_count <= VSPACE_STACK_PAGES_MAX);
    enum status status = STATUS_NO_MEMORY;
    spinlock_acquire(&vspace->lock);
    struct vspace_range **link = range_reserve(vspace, page_count + 2);
    if (link != NULL) {
        (*link)->stack = true;
        do
            status = stack_grow(vspace, *link);
        while (status == STATUS_OK && (*link)->mapped_pages < page_count);
        *top = VADDR((*link)->address + page_count * PAGE_SIZE);
        if (status != STATUS_OK)
            range_release(vspace, link);
    }
    spinlock_release(&vspace->lock);
    return status;
}

void vspace_stack_free(struct vspace *vspace, struct vaddr top)
{
    release_at(vspace, top.value, true);
}

bool vspace_is_guard(const struct vspace *vspace, struct vaddr address)
{
    for (const struct vspace_range *range = vspace->used; range != NULL; range = range->next)
        if (address.value >= range->start && address.value < range_end(range))
            return address.value - range->address >= range->mapped_pages * PAGE_SIZE;
    return false;
}
