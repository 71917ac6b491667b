/*
 * Nodes of memory (NUMA): which sections are near which CPUs.
 *
 *     SRAT says      node 0 |-------------|   hole   node 1 |--------------|        ranges of addresses
 *     sections       | 0 | 0 | 0 | 0 |                     | 1 | 1 | 1 | 1 |        a node each, or none
 *     a CPU of       1. its node's sections above 4 GiB    3. all above 4 GiB       the order in which its cache
 *     node 0 takes   2. its node's sections below          4. all below             is refilled: node.search
 *
 * Owns: struct nodes. The frame allocator knows no nodes, only searches (struct frame_span).
 * Rules: a section in which several nodes have memory is near each of them, as a whole. What a CPU frees it may get
 * again, wherever it lies. Ranges are input: they may overlap, repeat and name what is no memory.
 */
#ifndef KEEL_MM_NODE_H
#define KEEL_MM_NODE_H

#include "mm/frames.h"

/* Nodes, and runs of sections of each: beyond these, memory is near nobody. */
#define NODES_MAX      32u
#define NODE_SPANS_MAX 4u

struct node {
    uint32_t domain;     /* the firmware's number */
    uint32_t span_count; /* its own, which stand first; behind them all memory */
    struct frame_span search[NODE_SPANS_MAX + 3];
};

struct nodes {
    uint32_t count;
    struct node node[NODES_MAX];
};

/*
 * The sections of that half (0 or 1, of frames->halves) that `range` touches become the domain's too. For all ranges:
 * first with half 0, above 4 GiB, then with half 1, for that is the order of the search. `nodes` begin as zeros.
 */
void nodes_add(struct nodes *nodes, const struct frames *frames, unsigned half, struct prange range, uint32_t domain);

/* NULL: no memory is that domain's. */
static inline struct node *nodes_find(struct nodes *nodes, uint32_t domain)
{
    for (uint32_t i = 0; i < nodes->count; i++)
        if (nodes->node[i].domain == domain)
            return &nodes->node[i];
    return NULL;
}

/* Of ours, from 1 MiB up. */
uint64_t node_pages(const struct memmap *map, struct prange range);

/* Where the sections of a span lie: side by side. */
static inline struct prange node_span(const struct section_table *sections, struct frame_span span)
{
    uint64_t start = section_base(sections, span.first).value;
    return PRANGE(start, start + (span.end - span.first) * SECTION_BYTES);
}

static inline bool node_has(const struct node *node, uint32_t slot)
{
    for (uint32_t i = 0; i < node->span_count; i++)
        if (slot >= node->search[i].first && slot < node->search[i].end)
            return true;
    return false;
}

#endif
