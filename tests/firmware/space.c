/* Our page tables: see space.h. Entries: SDM volume 3, 4.5. */
#include "tests/firmware/space.h"

#include "kernel/base/string.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/instruction.h"
#include "tests/firmware/la57.h"
#include "tests/firmware/serial.h"

#define ENTRIES     512u
#define PRESENT     0x1ull
#define WRITE       0x2ull
#define USED        0x60ull /* accessed and dirty: set, so that the CPU has nothing to write here */
#define LARGE       0x80ull
#define NO_EXECUTE  0x8000000000000000ull
#define ADDRESS     0x000FFFFFFFFFF000ull
#define LEVELS      4u
#define LEVEL_BITS  9u
#define TABLE_LEVEL 3u /* the one table below the root: 512 pages of 1 GiB, all that any row has */
#define SPACE_END   (512 * GIB)

#define POOL_PAGES  400u /* one for each 2 MiB of memory that is cut into small pages */
#define MAP_BYTES   (64 * KIB)
#define STACK_BYTES (128 * KIB) /* 2.3.4: what a caller has below its stack pointer; as much is left above */

enum wish {
    WISH_LOADER_DATA = 1,
    WISH_BOOT_DATA = 2,
    WISH_TABLES = 4,
    WISH_DATA = 8,
    WISH_PAGE0 = 16,
};
#define WISHES_EARLY ((uint32_t)(WISH_DATA | WISH_PAGE0))

static const struct {
    const char *how;
    const char *what;
    enum wish wish;
} names[] = {
    {"read-only",  "loader-data", WISH_LOADER_DATA},
    {"read-only",  "boot-data",   WISH_BOOT_DATA  },
    {"read-only",  "tables",      WISH_TABLES     },
    {"no-execute", "data",        WISH_DATA       },
    {"absent",     "page0",       WISH_PAGE0      },
};

static struct {
    uint32_t wishes;
    uint8_t *pool; /* of which one half is in use while the other is filled */
    uint32_t half;
    uint32_t used_pages;
    uint32_t crc;
} space;

static uint8_t map[MAP_BYTES];
static uint64_t map_bytes;
static uint64_t map_stride;

bool space_wish(const char *how, const char *what)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(names[i].how, how) != 0 || strcmp(names[i].what, what) != 0)
            continue;
        if (space.pool == NULL)
            space.pool = firmware_pages(EFI_BOOT_SERVICES_DATA, 2 * POOL_PAGES);
        space.wishes |= (uint32_t)names[i].wish;
        return space.pool != NULL;
    }
    return false;
}

/* ---- Building ---- */

static uint8_t *tables(void)
{
    return space.pool + (uint64_t)space.half * POOL_PAGES * PAGE_SIZE;
}

/* A table whose entries map `size_bytes` each from `start` on, as an entry that leads to it. 0: no page is left. */
static uint64_t new_table(uint64_t start, uint64_t size_bytes, uint64_t flags)
{
    if (space.used_pages++ >= POOL_PAGES)
        return 0;
    uint64_t *table = (uint64_t *)(void *)(tables() + (space.used_pages - 1) * PAGE_SIZE);
    for (uint64_t i = 0; i < ENTRIES; i++)
        table[i] = (start + i * size_bytes) | flags;
    return vaddr_of(table).value | PRESENT | WRITE | USED;
}

static uint64_t level_bytes(unsigned level)
{
    return PAGE_SIZE << (LEVEL_BITS * (level - 1));
}

/* The entry of the page at that address, whose larger pages are cut into smaller ones. NULL: no page is left. */
static uint64_t *entry_of(uint64_t address)
{
    uint64_t *table = (uint64_t *)(void *)tables();
    for (unsigned level = LEVELS; level > 1; level--) {
        uint64_t *entry = &table[address / level_bytes(level) % ENTRIES];
        if ((*entry & LARGE) != 0) {
            uint64_t flags = (*entry & ~ADDRESS) & (level == 2 ? ~LARGE : UINT64_MAX);
            uint64_t smaller = new_table(*entry & ADDRESS, level_bytes(level - 1), flags);
            if (smaller == 0)
                return NULL;
            *entry = smaller;
        }
        table = vaddr_pointer(VADDR(*entry & ADDRESS));
    }
    return &table[address / PAGE_SIZE % ENTRIES];
}

static void forbid(uint64_t start, uint64_t page_count, uint64_t cleared, uint64_t set)
{
    for (uint64_t page = 0; page < page_count && start + page * PAGE_SIZE < SPACE_END; page++) {
        uint64_t *entry = entry_of(start + page * PAGE_SIZE);
        if (entry == NULL)
            return;
        *entry = (*entry & ~cleared) | set;
    }
}

static bool is_code(uint32_t type)
{
    return type == EFI_LOADER_CODE || type == EFI_BOOT_SERVICES_CODE || type == EFI_RUNTIME_SERVICES_CODE;
}

static void forbid_by_type(uint32_t wishes)
{
    for (uint64_t at = 0; at + map_stride <= map_bytes; at += map_stride) {
        struct efi_memory_descriptor block;
        memcpy(&block, map + at, sizeof(block));
        bool read_only = ((wishes & WISH_LOADER_DATA) != 0 && block.type == EFI_LOADER_DATA) ||
                         ((wishes & WISH_BOOT_DATA) != 0 && block.type == EFI_BOOT_SERVICES_DATA);
        bool no_execute = (wishes & WISH_DATA) != 0 && !is_code(block.type) && block.type != EFI_MMIO;
        if (read_only || no_execute)
            forbid(block.physical_start, block.number_of_pages, read_only ? WRITE : 0, no_execute ? NO_EXECUTE : 0);
    }
}

/* Builds in the half of the pool that is not in use, and uses it. */
static void use(uint32_t wishes)
{
    uint64_t stack = vaddr_of(&wishes).value & ~PAGE_MASK;
    space.half = 1 - space.half;
    space.used_pages = 0;
    uint64_t root = new_table(0, 0, 0) & ADDRESS;
    *(uint64_t *)vaddr_pointer(VADDR(root)) = new_table(0, level_bytes(TABLE_LEVEL), PRESENT | WRITE | USED | LARGE);
    forbid_by_type(wishes);
    forbid(stack - STACK_BYTES, 2 * STACK_BYTES / PAGE_SIZE, 0, WRITE);
    if ((wishes & WISH_PAGE0) != 0)
        forbid(0, 1, PRESENT, 0);
    if ((wishes & WISH_TABLES) != 0)
        forbid(vaddr_of(tables()).value, POOL_PAGES, WRITE, 0);
    if (space.used_pages > POOL_PAGES) {
        serial_say("space: %u pages are too few for the tables", POOL_PAGES);
        space.used_pages = 0;
        return;
    }
    instruction_use_tables(la57_root(root));
    serial_say("space: %u tables of our own", space.used_pages);
}

/* ---- Moments ---- */

void space_look(void)
{
    uint64_t key;
    uint32_t version;
    map_bytes = MAP_BYTES;
    if (firmware.real_boot.get_memory_map(&map_bytes, map, &key, &map_stride, &version) != EFI_SUCCESS)
        map_bytes = 0;
}

void space_start(void)
{
    if ((space.wishes & WISHES_EARLY) == 0)
        return;
    space_look();
    use(space.wishes & WISHES_EARLY);
}

static uint32_t crc_now(void)
{
    return firmware_crc(tables(), space.used_pages * PAGE_SIZE);
}

/* EDK2 has changed early tables itself, to protect its runtime images; from here on nobody has a right to. */
void space_exit(void)
{
    if ((space.wishes & ~WISHES_EARLY) != 0)
        use(space.wishes);
    if (space.used_pages != 0)
        space.crc = crc_now();
}

void space_check(void)
{
    if (space.used_pages != 0)
        serial_say("space: our tables are %s", crc_now() == space.crc ? "intact" : "changed");
}
