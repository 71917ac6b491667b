/* From ranges of addresses to the search of each node. See node.h. */
#include "mm/node.h"

/* Slots come rising; a hole between two sections ends a span, so that a span is a range of addresses too. */
static void add_section(struct node *node, const struct section_table *sections, uint32_t slot)
{
    struct frame_span *last = node->span_count != 0 ? &node->search[node->span_count - 1] : NULL;
    if (last != NULL && last->end == slot && sections->section_of[slot] == sections->section_of[slot - 1] + 1)
        last->end++;
    else if (node->span_count < NODE_SPANS_MAX)
        node->search[node->span_count++] = (struct frame_span){slot, slot + 1};
}

void nodes_add(struct nodes *nodes, const struct frames *frames, unsigned half, struct prange range, uint32_t domain)
{
    struct node *node = nodes_find(nodes, domain);
    if (node == NULL) {
        if (nodes->count == NODES_MAX)
            return;
        node = &nodes->node[nodes->count++];
        *node = (struct node){.domain = domain};
    }
    for (uint32_t slot = frames->halves[half].first; slot < frames->halves[half].end; slot++)
        if (prange_overlaps(node_span(frames->sections, (struct frame_span){slot, slot + 1}), range) &&
            !node_has(node, slot))
            add_section(node, frames->sections, slot);
    node->search[node->span_count] = frames->halves[0];
    node->search[node->span_count + 1] = frames->halves[1];
}

uint64_t node_pages(const struct memmap *map, struct prange range)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < map->count; i++)
        if (memory_kind_ours((enum memory_kind)map->regions[i].kind) && !memory_region_low(&map->regions[i]))
            count += prange_pages(prange_intersect(map->regions[i].range, range));
    return count;
}
