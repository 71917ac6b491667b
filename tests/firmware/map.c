/* Lying about memory: see map.h. Every call starts again from the firmware's own map. */
#include "tests/firmware/map.h"

#include "kernel/base/string.h"
#include "tests/firmware/calls.h"
#include "tests/firmware/exit.h"
#include "tests/firmware/firmware.h"

#define ENTRIES_MAX    9000u
#define REAL_BYTES     (128 * KIB)
#define BLOCKS_MAX     16u
#define RETYPES_MAX    4u
#define STRIDE_MAX     256u
#define SHUFFLE_FACTOR 6364136223846793005ull /* Knuth, MMIX */

static struct {
    struct efi_memory_descriptor blocks[BLOCKS_MAX]; /* physical_start: from the ground's first byte */
    struct efi_memory_descriptor extras[BLOCKS_MAX];
    struct {
        uint32_t from;
        uint32_t to;
    } retypes[RETYPES_MAX];
    uint32_t retype_count;
    uint32_t block_count;
    uint32_t extra_count;
    uint64_t blocks_pages;
    uint64_t count;
    uint64_t grow;
    uint64_t stride;
    uint32_t page0_type;
    uint32_t version;
    bool has_page0, has_stride, has_version, reverse, shuffle, lost, key_moves, no_runtime_bit;
} wishes;

static uint64_t ground;
static uint64_t calls_so_far;

/* Work space: the map as the firmware gave it, and as one list that is changed in place. */
static uint8_t real_map[REAL_BYTES];
static struct efi_memory_descriptor entries[ENTRIES_MAX];
static uint64_t entry_count;

uint64_t map_ground(void)
{
    return ground;
}

bool map_block(uint32_t type, uint64_t attribute, uint64_t page_count)
{
    if (wishes.block_count == BLOCKS_MAX || page_count > MAP_GROUND_PAGES - wishes.blocks_pages)
        return false;
    wishes.blocks[wishes.block_count++] = (struct efi_memory_descriptor){
        .type = type,
        .physical_start = wishes.blocks_pages << PAGE_SHIFT,
        .number_of_pages = page_count,
        .attribute = attribute,
    };
    wishes.blocks_pages += page_count;
    return true;
}

bool map_extra(uint32_t type, uint64_t attribute, uint64_t start, bool on_ground, uint64_t page_count)
{
    if (wishes.extra_count == BLOCKS_MAX)
        return false;
    wishes.extras[wishes.extra_count++] = (struct efi_memory_descriptor){
        .type = type,
        .physical_start = on_ground ? ground + start : start,
        .number_of_pages = page_count,
        .attribute = attribute,
    };
    return true;
}

bool map_retype(uint32_t from, uint32_t to)
{
    if (wishes.retype_count == RETYPES_MAX)
        return false;
    wishes.retypes[wishes.retype_count].from = from;
    wishes.retypes[wishes.retype_count++].to = to;
    return true;
}

void map_count(uint64_t count)
{
    wishes.count = count;
}

void map_grow(uint64_t count)
{
    wishes.grow = count;
}

void map_page0(uint32_t type)
{
    wishes.has_page0 = true;
    wishes.page0_type = type;
}

void map_stride(uint64_t stride)
{
    wishes.has_stride = true;
    wishes.stride = min_u64(stride, STRIDE_MAX);
}

void map_version(uint32_t version)
{
    wishes.has_version = true;
    wishes.version = version;
}

void map_reverse(void)
{
    wishes.reverse = true;
}

void map_shuffle(void)
{
    wishes.shuffle = true;
}

void map_lost(void)
{
    wishes.lost = true;
}

void map_key_moves(void)
{
    wishes.key_moves = true;
}

void map_no_runtime_bit(void)
{
    wishes.no_runtime_bit = true;
}

/* ---- Changing the list ---- */

static void add(struct efi_memory_descriptor descriptor)
{
    if (entry_count < ENTRIES_MAX)
        entries[entry_count++] = descriptor;
}

static uint64_t end_of(const struct efi_memory_descriptor *descriptor)
{
    return descriptor->physical_start + (descriptor->number_of_pages << PAGE_SHIFT);
}

/* Takes [start, end) out of the descriptor that holds all of it: what is left is one piece, or two. */
static void cut(uint64_t start, uint64_t end)
{
    for (uint64_t i = 0; i < entry_count; i++) {
        struct efi_memory_descriptor whole = entries[i];
        if (start < whole.physical_start || end > end_of(&whole))
            continue;
        struct efi_memory_descriptor behind = whole;
        behind.physical_start = end;
        behind.number_of_pages = (end_of(&whole) - end) >> PAGE_SHIFT;
        entries[i].number_of_pages = (start - whole.physical_start) >> PAGE_SHIFT;
        if (entries[i].number_of_pages == 0)
            entries[i] = behind;
        else if (behind.number_of_pages != 0)
            add(behind);
        if (entries[i].number_of_pages == 0)
            entries[i] = entries[--entry_count];
        return;
    }
}

/* The rest of the ground, in pieces of a page, alternately free and boot services' so that no two are one. */
static void add_rest(uint64_t pieces)
{
    uint64_t start = ground + (wishes.blocks_pages << PAGE_SHIFT);
    uint64_t end = ground + ((uint64_t)MAP_GROUND_PAGES << PAGE_SHIFT);
    for (uint64_t i = 0; start < end; i++) {
        uint64_t page_count = i + 1 < pieces ? 1 : (end - start) >> PAGE_SHIFT;
        add((struct efi_memory_descriptor){
            .type = i % 2 == 0 ? EFI_CONVENTIONAL_MEMORY : EFI_BOOT_SERVICES_DATA,
            .physical_start = start,
            .number_of_pages = page_count,
            .attribute = EFI_MEMORY_UC | EFI_MEMORY_WC | EFI_MEMORY_WT | EFI_MEMORY_WB,
        });
        start += page_count << PAGE_SHIFT;
    }
}

static void lay_out_ground(void)
{
    cut(ground, ground + ((uint64_t)MAP_GROUND_PAGES << PAGE_SHIFT));
    for (uint32_t i = 0; i < wishes.block_count; i++) {
        struct efi_memory_descriptor block = wishes.blocks[i];
        block.physical_start += ground;
        add(block);
    }
    uint64_t others = entry_count + wishes.extra_count;
    uint64_t wanted = wishes.count > others ? wishes.count - others : 1;
    add_rest(wanted + calls_so_far * wishes.grow);
}

static void change_page0(void)
{
    for (uint64_t i = 0; i < entry_count; i++) {
        if (entries[i].physical_start != 0 || entries[i].number_of_pages == 0)
            continue;
        struct efi_memory_descriptor page = entries[i];
        cut(0, PAGE_SIZE);
        page.type = wishes.page0_type;
        page.number_of_pages = 1;
        add(page);
        return;
    }
}

static void retype(void)
{
    for (uint64_t i = 0; i < entry_count; i++) {
        uint32_t type = entries[i].type;
        for (uint32_t n = 0; n < wishes.retype_count; n++)
            entries[i].type = type == wishes.retypes[n].from ? wishes.retypes[n].to : entries[i].type;
    }
}

static void clear_runtime_bits(void)
{
    for (uint64_t i = 0; i < entry_count; i++) {
        if (entries[i].type == EFI_RUNTIME_SERVICES_CODE || entries[i].type == EFI_RUNTIME_SERVICES_DATA)
            entries[i].attribute &= ~EFI_MEMORY_RUNTIME;
    }
}

static void swap(uint64_t a, uint64_t b)
{
    struct efi_memory_descriptor kept = entries[a];
    entries[a] = entries[b];
    entries[b] = kept;
}

static void reorder(void)
{
    uint64_t state = 1;
    for (uint64_t i = 0; wishes.reverse && i < entry_count / 2; i++)
        swap(i, entry_count - 1 - i);
    for (uint64_t i = entry_count; wishes.shuffle && i > 1; i--) {
        state = state * SHUFFLE_FACTOR + 1;
        swap(i - 1, (state >> 33) % i);
    }
}

/* ---- The call ---- */

static efi_status load(uint64_t *key, uint64_t *real_stride, uint32_t *version)
{
    uint64_t size_bytes = REAL_BYTES;
    efi_status status = firmware.real_boot.get_memory_map(&size_bytes, real_map, key, real_stride, version);
    entry_count = 0;
    for (uint64_t at = 0; status == EFI_SUCCESS && at + *real_stride <= size_bytes; at += *real_stride) {
        struct efi_memory_descriptor descriptor;
        memcpy(&descriptor, real_map + at, sizeof(descriptor));
        add(descriptor);
    }
    return status;
}

/* What a newer descriptor has beyond ours is not zero here: nobody may take it for the next one. */
static efi_status store(uint64_t *size_bytes, uint8_t *out, uint64_t stride)
{
    uint64_t capacity = *size_bytes;
    *size_bytes = entry_count * stride;
    if (*size_bytes > capacity)
        return EFI_BUFFER_TOO_SMALL;
    memset(out, 0xA5, *size_bytes);
    for (uint64_t i = 0; i < entry_count; i++)
        memcpy(out + i * stride, &entries[i], sizeof(entries[i]));
    return EFI_SUCCESS;
}

/* What the kernel's call reaches. */
static efi_status EFIAPI get_memory_map(uint64_t *size_bytes, void *map, uint64_t *key, uint64_t *descriptor_size,
                                        uint32_t *descriptor_version)
{
    uint64_t stride = 0;
    if (wishes.lost && exit_was_tried())
        return EFI_OUT_OF_RESOURCES;
    efi_status status = load(key, &stride, descriptor_version);
    if (status != EFI_SUCCESS)
        return status;
    retype();
    lay_out_ground();
    if (wishes.has_page0)
        change_page0();
    if (wishes.no_runtime_bit)
        clear_runtime_bits();
    for (uint32_t i = 0; i < wishes.extra_count; i++)
        add(wishes.extras[i]);
    reorder();
    calls_so_far++;
    if (wishes.has_version)
        *descriptor_version = wishes.version;
    if (!wishes.has_stride || wishes.stride != 0)
        *descriptor_size = stride = wishes.has_stride ? wishes.stride : stride;
    if (wishes.key_moves)
        exit_move_key();
    return store(size_bytes, map, stride);
}

bool map_install(void)
{
    if (ground != 0)
        return true;
    ground = vaddr_of(firmware_pages(EFI_BOOT_SERVICES_DATA, MAP_GROUND_PAGES)).value;
    calls_replace(calls_find("GetMemoryMap"), (uint64_t)(uintptr_t)get_memory_map);
    return ground != 0;
}
