/* Monitor commands about memory: mem, map, frames. Their last lines are fixed: tests and people look for them. */
#include "kernel/console.h"
#include "kernel/memory.h"
#include "kernel/monitor.h"
#include "kernel/numa.h"
#include "kernel/smp.h"

/* What caches keep is free, but counted at no node. */
static void print_node(const struct node *node)
{
    uint64_t pages = 0;
    uint64_t free = 0;
    print("node %u:", node->domain);
    for (uint32_t i = 0; i < node->span_count; i++) {
        struct prange range = node_span(&kernel_mm.sections, node->search[i]);
        pages += node_pages(&kernel_mm.map, range);
        free += frames_free_in(&kernel_mm.frames, range);
        print(" [0x%llx, 0x%llx)", range.start.value, range.end.value);
    }
    print(" pages=%llu free=%llu cpus:", pages, free);
    for (unsigned i = 0; i < smp_cpu_count(); i++)
        if (smp_cpu(i)->node == node)
            print(" %u", i);
    print("\n");
}

void command_mem(void)
{
    struct ledger ledger;
    char text[LEDGER_LINE_BYTES];
    for (uint32_t i = 0; i < numa_nodes.count; i++)
        print_node(&numa_nodes.node[i]);
    /* Taken anew each time, from the owners: what is printed is what is so now. */
    mm_ledger(&kernel_mm, &ledger);
    for (unsigned i = 0; ledger_line(&ledger, i, text, sizeof(text)); i++)
        print("%s\n", text);
}

/* As it came, in the format that build/host/replay reads. */
static void print_map(void)
{
    const struct handoff *handoff = memory_handoff();
    uint32_t count;
    const struct efi_memory_descriptor *descriptors = mm_firmware_map(&kernel_mm, &count);
    print("# firmware: %s, revision 0x%x, UEFI %u.%u\n", handoff->firmware_vendor, handoff->firmware_revision,
          handoff->uefi_revision >> 16, (handoff->uefi_revision & 0xFFFF) / 10);
    print("# source: Keel's map command\n");
    print("# complete: yes, %u descriptors of %llu bytes\n", count, handoff->descriptor_size);
    print("# columns: TYPE PHYS_START_HEX NUM_PAGES_DEC ATTRIBUTE_HEX (original order)\n");
    /* In its order and with its oddities: what replay is to see is what we saw. */
    for (uint32_t i = 0; i < count; i++)
        print("%u 0x%llx %llu 0x%llx\n", descriptors[i].type, descriptors[i].physical_start,
              descriptors[i].number_of_pages, descriptors[i].attribute);
}

void command_map(const struct words *words)
{
    monitor_hand_out(words, print_map, CRASH_MAP);
}

/* The lowest frame that is free in the shared state; 0 when nothing is free. */
static struct paddr lowest_free(void)
{
    for (uint32_t i = 0; i < kernel_mm.map.count; i++) {
        struct prange range = kernel_mm.map.regions[i].range;
        if (!memory_kind_ours((enum memory_kind)kernel_mm.map.regions[i].kind))
            continue;
        /* Frame by frame: what is used lies at the bottom, and is little. */
        for (; !prange_empty(range); range.start = paddr_add(range.start, PAGE_SIZE))
            if (frames_is_free(&kernel_mm.frames, range.start))
                return range.start;
    }
    return PADDR(0);
}

/* Caches are flushed before the search and the audit: a frame in a cache is free, but not in the shared state. */
void command_frames(void)
{
    struct frames_stats stats;
    frames_get_stats(&kernel_mm.frames, &stats);
    print("frames: free=%llu used=%llu cached=%llu free_below_4g=%llu\n", stats.free, stats.used, stats.cached,
          frames_free_in(&kernel_mm.frames, PRANGE(LOW_MEMORY_END, 4 * GIB)));
    print("blocks: whole=%llu split=%llu (2 MiB each)\n", stats.whole_blocks, stats.split_blocks);
    print("sections: %u of 128 MiB\n", kernel_mm.sections.count);
    struct heap_stats heap;
    heap_get_stats(&kernel_mm.heap, &heap);
    print("heap: objects=%llu cached=%llu frames=%llu\n", heap.objects, heap.cached, heap.pages);
    frame_cache_flush(memory_cache());
    print("lowest free frame: 0x%llx\n", lowest_free().value);
    print("frame-check: %s\n", mm_audit(&kernel_mm) == STATUS_OK ? "ok" : "FAILED");
}
