/*
 * Virtual ranges: who uses which part of VSPACE.
 *
 *     start      address                            start + page_count
 *     | guard    | pages that are mapped            | guard            |
 *     +----------+----------------------------------+------------------+
 *
 * A range owns its guards: [start, address) and what follows the last mapped page are never mapped. Usually they are a
 * page each; a large mapping begins later, where it agrees with its physical address modulo 2 MiB and large pages fit.
 *
 * Two lists: ranges in use, newest first, and free ones by address, which never touch. A range comes from the front of
 * the first free one that is long enough. Nodes are carved from frames that stay ours: there are as many as there were
 * ranges at the same time.
 */
#include "mm/vspace.h"

#include "kernel/base/check.h"
#include "mm/layout.h"

#define LARGE_BYTES (2 * MIB)

enum range_kind {
    RANGE_MAPPING, /* of somebody's memory */
    RANGE_STACK,   /* of our own frames */
};

struct vspace_range {
    struct vspace_range *next;
    uint64_t start;
    uint64_t page_count;   /* guards included */
    uint64_t address;      /* what is mapped: */
    uint64_t mapped_pages;
    enum range_kind kind;
};

/* ---- Nodes ---- */

static struct vspace_range *node_pop(struct vspace_range **list)
{
    struct vspace_range *node = *list;
    if (node != NULL)
        *list = node->next;
    return node;
}

static void node_push(struct vspace_range **list, struct vspace_range *node)
{
    node->next = *list;
    *list = node;
}

/* There is a spare node afterwards. STATUS_NO_MEMORY. */
static enum status nodes_ensure(struct vspace *vspace)
{
    if (vspace->spare != NULL)
        return STATUS_OK;
    struct paddr frame = frames_take(vspace->frames, 0, FRAMES_NO_LIMIT);
    if (frame.value == 0)
        return STATUS_NO_MEMORY;
    struct vspace_range *nodes = vaddr_pointer(VADDR(frame.value + vspace->map->window));
    for (uint64_t i = 0; i < PAGE_SIZE / sizeof(*nodes); i++)
        node_push(&vspace->spare, &nodes[i]);
    return STATUS_OK;
}

/* ---- Ranges; the lock is held ---- */

/* A range in use of that many pages, of which nothing is mapped; NULL when there is no memory or no room. */
static struct vspace_range *range_reserve(struct vspace *vspace, uint64_t page_count)
{
    struct vspace_range **link = &vspace->free;
    while (*link != NULL && (*link)->page_count < page_count)
        link = &(*link)->next;
    if (*link == NULL || nodes_ensure(vspace) != STATUS_OK)
        return NULL;
    struct vspace_range *free = *link;
    struct vspace_range *node = node_pop(&vspace->spare);
    *node = (struct vspace_range){.start = free->start, .page_count = page_count};
    free->start += page_count * PAGE_SIZE;
    free->page_count -= page_count;
    if (free->page_count == 0)
        node_push(&vspace->spare, node_pop(link));
    node_push(&vspace->used, node);
    vspace->used_count++;
    return node;
}

/* `second` directly follows `first` in the list: one node will do if they touch. */
static void free_join(struct vspace *vspace, struct vspace_range *first, struct vspace_range *second)
{
    if (first == NULL || second == NULL || first->start + first->page_count * PAGE_SIZE != second->start)
        return;
    first->page_count += second->page_count;
    first->next = second->next;
    node_push(&vspace->spare, second);
}

/* The link that points to the range in use whose mapped part starts at `address`. Anything else is a bug of ours. */
static struct vspace_range **range_find(struct vspace *vspace, uint64_t address, enum range_kind kind)
{
    struct vspace_range **link = &vspace->used;
    while (*link != NULL && (*link)->address != address)
        link = &(*link)->next;
    CHECK(*link != NULL);
    CHECK((*link)->kind == kind);
    return link;
}

static void range_release(struct vspace *vspace, struct vspace_range **used_link)
{
    struct vspace_range *node = node_pop(used_link);
    struct vspace_range *before = NULL;
    struct vspace_range **link = &vspace->free;
    while (*link != NULL && (*link)->start < node->start) {
        before = *link;
        link = &before->next;
    }
    node_push(link, node);
    free_join(vspace, node, node->next);
    free_join(vspace, before, node);
    CHECK(vspace->used_count > 0);
    vspace->used_count--;
}

enum status vspace_init(struct vspace *vspace, struct page_map *map, struct frames *frames)
{
    *vspace = (struct vspace){.map = map, .frames = frames};
    enum status status = nodes_ensure(vspace);
    if (status != STATUS_OK)
        return status;
    struct vspace_range *all = node_pop(&vspace->spare);
    *all = (struct vspace_range){.start = VSPACE_BASE, .page_count = VSPACE_BYTES / PAGE_SIZE};
    node_push(&vspace->free, all);
    return STATUS_OK;
}

/* ---- Mappings ---- */

/* Where in the range the mapping starts: behind the guard, and where large pages fit if there are any. */
static uint64_t mapping_address(const struct vspace_range *node, uint64_t slack, struct paddr physical)
{
    uint64_t first = node->start + PAGE_SIZE;
    return slack == 0 ? first : first + ((physical.value - first) & (LARGE_BYTES - 1));
}

static void *map_range(struct vspace *vspace, struct prange range, uint32_t flags)
{
    CHECK(!prange_empty(range));
    struct prange pages = prange_page_outward(range);
    uint64_t slack = prange_bytes(pages) >= LARGE_BYTES ? LARGE_BYTES / PAGE_SIZE - 1 : 0;
    void *pointer = NULL;
    spinlock_acquire(&vspace->lock);
    struct vspace_range *node = range_reserve(vspace, prange_pages(pages) + slack + 2);
    if (node != NULL) {
        node->kind = RANGE_MAPPING;
        node->address = mapping_address(node, slack, pages.start);
        node->mapped_pages = prange_pages(pages);
        if (paging_map(vspace->map, VADDR(node->address), pages, flags | PAGING_GLOBAL) == STATUS_OK)
            pointer = vaddr_pointer(VADDR(node->address + (range.start.value & PAGE_MASK)));
        else
            range_release(vspace, &vspace->used);
    }
    spinlock_release(&vspace->lock);
    return pointer;
}

void *vspace_map_device(struct vspace *vspace, struct prange range, uint32_t cache_flag)
{
    CHECK(cache_flag == PAGING_UNCACHED || cache_flag == PAGING_WRITE_COMBINING);
    return map_range(vspace, range, PAGING_WRITE | cache_flag);
}

void *vspace_map_view(struct vspace *vspace, struct prange range)
{
    return map_range(vspace, range, 0);
}

/* Whole mappings never split a page, so there is nothing that could fail. */
static void unmap_all(struct vspace *vspace, const struct vspace_range *node)
{
    if (node->mapped_pages != 0)
        CHECK(paging_unmap(vspace->map, VADDR(node->address), node->mapped_pages * PAGE_SIZE) == STATUS_OK);
}

void vspace_unmap(struct vspace *vspace, const volatile void *pointer)
{
    spinlock_acquire(&vspace->lock);
    struct vspace_range **link = range_find(vspace, align_down(vaddr_of(pointer).value, PAGE_SIZE), RANGE_MAPPING);
    unmap_all(vspace, *link);
    range_release(vspace, link);
    spinlock_release(&vspace->lock);
}

/* ---- Stacks ---- */

/* Maps fresh frames behind those of the stack that are mapped already, until there are `page_count`. */
static enum status stack_fill(struct vspace *vspace, struct vspace_range *node, uint64_t page_count)
{
    while (node->mapped_pages < page_count) {
        struct paddr frame = frames_take(vspace->frames, 0, FRAMES_NO_LIMIT);
        if (frame.value == 0)
            return STATUS_NO_MEMORY;
        enum status status = paging_map(vspace->map, VADDR(node->address + node->mapped_pages * PAGE_SIZE),
                                        PRANGE(frame.value, frame.value + PAGE_SIZE), PAGING_WRITE | PAGING_GLOBAL);
        if (status != STATUS_OK) {
            frames_give(vspace->frames, frame, 0);
            return status;
        }
        node->mapped_pages++;
    }
    return STATUS_OK;
}

/* Frames go back when no CPU can reach them any more. */
static void stack_empty(struct vspace *vspace, struct vspace_range *node)
{
    uint64_t frames[VSPACE_STACK_PAGES_MAX];
    for (uint64_t i = 0; i < node->mapped_pages; i++) {
        struct paging_entry entry;
        CHECK(paging_lookup(vspace->map, VADDR(node->address + i * PAGE_SIZE), &entry));
        frames[i] = entry.page.value;
    }
    unmap_all(vspace, node);
    frames_give_singles(vspace->frames, frames, (uint32_t)node->mapped_pages);
    node->mapped_pages = 0;
}

enum status vspace_stack(struct vspace *vspace, uint64_t page_count, struct vaddr *top)
{
    CHECK(page_count >= 1 && page_count <= VSPACE_STACK_PAGES_MAX);
    enum status status = STATUS_NO_MEMORY;
    spinlock_acquire(&vspace->lock);
    struct vspace_range *node = range_reserve(vspace, page_count + 2);
    if (node != NULL) {
        node->kind = RANGE_STACK;
        node->address = node->start + PAGE_SIZE;
        status = stack_fill(vspace, node, page_count);
        if (status == STATUS_OK) {
            *top = VADDR(node->address + page_count * PAGE_SIZE);
        } else {
            stack_empty(vspace, node);
            range_release(vspace, &vspace->used);
        }
    }
    spinlock_release(&vspace->lock);
    return status;
}

void vspace_stack_free(struct vspace *vspace, struct vaddr top)
{
    spinlock_acquire(&vspace->lock);
    struct vspace_range **link = &vspace->used;
    while (*link != NULL && (*link)->address + (*link)->mapped_pages * PAGE_SIZE != top.value)
        link = &(*link)->next;
    CHECK(*link != NULL);
    CHECK((*link)->kind == RANGE_STACK);
    stack_empty(vspace, *link);
    range_release(vspace, link);
    spinlock_release(&vspace->lock);
}

bool vspace_is_guard(const struct vspace *vspace, struct vaddr address)
{
    for (const struct vspace_range *node = vspace->used; node != NULL; node = node->next) {
        if (address.value - node->start >= node->page_count * PAGE_SIZE)
            continue;
        return address.value - node->address >= node->mapped_pages * PAGE_SIZE;
    }
    return false;
}
