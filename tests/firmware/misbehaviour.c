/* From words to wishes: see misbehaviour.h. Each function is told the words of its line, of which it has enough. */
#include "tests/firmware/misbehaviour.h"

#include "kernel/base/efi.h"
#include "kernel/base/string.h"
#include "tests/firmware/calls.h"
#include "tests/firmware/driver.h"
#include "tests/firmware/edu.h"
#include "tests/firmware/exit.h"
#include "tests/firmware/harm.h"
#include "tests/firmware/image.h"
#include "tests/firmware/la57.h"
#include "tests/firmware/low.h"
#include "tests/firmware/map.h"
#include "tests/firmware/parked.h"
#include "tests/firmware/relocate.h"
#include "tests/firmware/rng.h"
#include "tests/firmware/screen.h"
#include "tests/firmware/space.h"
#include "tests/firmware/tables.h"
#include "tests/firmware/usb.h"
#include "tests/firmware/virtio_net.h"
#include "tests/firmware/watchdog.h"
#include "tests/firmware/x2apic.h"

#define GROUND_PREFIX "ground+"

struct name {
    const char *text;
    uint64_t value;
};

static const struct name types[] = {
    {"reserved",     EFI_RESERVED_MEMORY      },
    {"loader-code",  EFI_LOADER_CODE          },
    {"loader-data",  EFI_LOADER_DATA          },
    {"boot-code",    EFI_BOOT_SERVICES_CODE   },
    {"boot-data",    EFI_BOOT_SERVICES_DATA   },
    {"runtime-code", EFI_RUNTIME_SERVICES_CODE},
    {"runtime-data", EFI_RUNTIME_SERVICES_DATA},
    {"conventional", EFI_CONVENTIONAL_MEMORY  },
    {"unusable",     EFI_UNUSABLE_MEMORY      },
    {"acpi-reclaim", EFI_ACPI_RECLAIM_MEMORY  },
    {"acpi-nvs",     EFI_ACPI_NVS_MEMORY      },
    {"mmio",         EFI_MMIO                 },
    {"persistent",   EFI_PERSISTENT_MEMORY    },
    {"unaccepted",   EFI_UNACCEPTED_MEMORY    },
};

static const struct name attributes[] = {
    {"none",     0                       },
    {"uc",       EFI_MEMORY_UC           },
    {"wc",       EFI_MEMORY_WC           },
    {"wt",       EFI_MEMORY_WT           },
    {"wb",       EFI_MEMORY_WB           },
    {"wp",       EFI_MEMORY_WP           },
    {"rp",       EFI_MEMORY_RP           },
    {"xp",       EFI_MEMORY_XP           },
    {"nv",       EFI_MEMORY_NV           },
    {"reliable", EFI_MEMORY_MORE_RELIABLE},
    {"ro",       EFI_MEMORY_RO           },
    {"sp",       EFI_MEMORY_SP           },
    {"runtime",  EFI_MEMORY_RUNTIME      },
};

static bool find(const struct name *names, size_t count, const char *word, size_t length, uint64_t *value)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i].text) == length && strncmp(names[i].text, word, length) == 0) {
            *value = names[i].value;
            return true;
        }
    }
    return false;
}

/* A name, or a number for types that have none. */
static bool parse_type(const char *word, uint32_t *type)
{
    uint64_t value;
    bool known = find(types, ARRAY_COUNT(types), word, strlen(word), &value) || script_number(word, &value);
    *type = known ? (uint32_t)value : 0;
    return known;
}

/* Names joined by '+'. */
static bool parse_attribute(const char *word, uint64_t *attribute)
{
    *attribute = 0;
    for (;;) {
        size_t length = 0;
        uint64_t bit;
        while (word[length] != '\0' && word[length] != '+')
            length++;
        if (!find(attributes, ARRAY_COUNT(attributes), word, length, &bit))
            return false;
        *attribute |= bit;
        if (word[length] == '\0')
            return true;
        word += length + 1;
    }
}

/* An address, or ground+OFFSET. */
static bool parse_start(const char *word, bool *on_ground, uint64_t *start)
{
    size_t length = sizeof(GROUND_PREFIX) - 1;
    *on_ground = strncmp(word, GROUND_PREFIX, length) == 0;
    return script_number(*on_ground ? word + length : word, start);
}

static bool play_call(const struct words *words)
{
    uint32_t service = calls_find(words->word[1]);
    return service != CALLS_NONE && harm_add(service, words->word[2]);
}

static bool play_exit(const struct words *words)
{
    const char *how = words->word[1];
    uint64_t count = EXIT_FOR_EVER;
    if (strcmp(how, "stale") == 0) {
        bool for_ever = strcmp(words->word[2], "for-ever") == 0;
        bool sensible = for_ever || script_number(words->word[2], &count);
        exit_stale(count);
        return sensible;
    }
    if (strcmp(how, "handler-allocates") == 0)
        return exit_handler_allocates();
    if (strcmp(how, "error") == 0)
        exit_error();
    else if (strcmp(how, "tables-move") == 0)
        exit_tables_move();
    else if (strcmp(how, "interrupts") == 0)
        exit_leaves_interrupts();
    else if (strcmp(how, "task-switched") == 0)
        exit_leaves_task_switched();
    else if (strcmp(how, "controls") == 0)
        exit_leaves_controls();
    else
        return false;
    return true;
}

static bool play_driver(const struct words *words)
{
    (void)words;
    return driver_load();
}

static bool play_space(const struct words *words)
{
    return space_wish(words->word[1], words->word[2]);
}

static bool play_usb(const struct words *words)
{
    (void)words;
    return usb_prepare();
}

static bool play_edu(const struct words *words)
{
    (void)words;
    return edu_prepare();
}

static bool play_parked(const struct words *words)
{
    (void)words;
    return parked_prepare();
}

static bool play_virtio_net(const struct words *words)
{
    (void)words;
    return virtio_net_prepare();
}

static bool play_x2apic(const struct words *words)
{
    (void)words;
    x2apic_prepare();
    return true;
}

static bool play_watchdog(const struct words *words)
{
    uint64_t seconds;
    return script_number(words->word[1], &seconds) && watchdog_arm(seconds);
}

static bool play_low_memory(const struct words *words)
{
    if (strcmp(words->word[1], "boot-data") == 0)
        low_take_all();
    else if (strcmp(words->word[1], "islands") == 0)
        low_take_islands();
    else
        return false;
    return true;
}

static bool play_map_block(const struct words *words)
{
    uint32_t type;
    uint64_t attribute;
    uint64_t page_count;
    return map_install() && parse_type(words->word[1], &type) && parse_attribute(words->word[2], &attribute) &&
           script_number(words->word[3], &page_count) && map_block(type, attribute, page_count);
}

static bool play_map_extra(const struct words *words)
{
    uint32_t type;
    uint64_t attribute;
    uint64_t start;
    uint64_t page_count;
    bool on_ground;
    return map_install() && parse_type(words->word[1], &type) && parse_attribute(words->word[2], &attribute) &&
           parse_start(words->word[3], &on_ground, &start) && script_number(words->word[4], &page_count) &&
           map_extra(type, attribute, start, on_ground, page_count);
}

static bool play_map_retype(const struct words *words)
{
    uint32_t from;
    uint32_t to;
    return map_install() && parse_type(words->word[1], &from) && parse_type(words->word[2], &to) &&
           map_retype(from, to);
}

static bool play_map_page0(const struct words *words)
{
    uint32_t type;
    if (!map_install() || !parse_type(words->word[1], &type))
        return false;
    map_page0(type);
    return true;
}

/* Of the map as a whole, with a number. */
static bool play_map_number(const struct words *words)
{
    const char *what = words->word[1];
    uint64_t value;
    if (!map_install() || !script_number(words->word[2], &value))
        return false;
    if (strcmp(what, "descriptors") == 0)
        map_count(value);
    else if (strcmp(what, "grow") == 0)
        map_grow(value);
    else if (strcmp(what, "stride") == 0)
        map_stride(value);
    else if (strcmp(what, "version") == 0)
        map_version((uint32_t)value);
    else
        return false;
    return true;
}

/* Of the map as a whole, without one. */
static bool play_map(const struct words *words)
{
    const char *how = words->word[1];
    if (words->count > 2)
        return play_map_number(words);
    if (!map_install())
        return false;
    if (strcmp(how, "reverse") == 0)
        map_reverse();
    else if (strcmp(how, "shuffle") == 0)
        map_shuffle();
    else if (strcmp(how, "lost") == 0)
        map_lost();
    else if (strcmp(how, "key-moves") == 0)
        map_key_moves();
    else if (strcmp(how, "no-runtime-bit") == 0)
        map_no_runtime_bit();
    else if (strcmp(how, "stride-unwritten") == 0)
        map_stride(0);
    else
        return false;
    return true;
}

static bool play_table_absent(const struct words *words)
{
    return tables_remove(words->word[1]);
}

static bool play_acpi_hidden(const struct words *words)
{
    return relocate_hide(words->word[1]);
}

static bool play_acpi_patch(const struct words *words)
{
    uint64_t numbers[3]; /* where, how many bytes, what */
    for (uint32_t i = 0; i < ARRAY_COUNT(numbers); i++)
        if (!script_number(words->word[2 + i], &numbers[i]))
            return false;
    return relocate_patch(words->word[1], numbers[0], numbers[1], numbers[2]);
}

static bool play_acpi_rename(const struct words *words)
{
    return relocate_rename(words->word[1], words->word[2], words->word[3]);
}

static bool play_table_moved(const struct words *words)
{
    return relocate_table(words->word[1]);
}

static bool play_runtime_supported(const struct words *words)
{
    uint64_t mask;
    return script_number(words->word[1], &mask) && tables_runtime_supported(mask);
}

static bool play_attributes(const struct words *words)
{
    static const struct {
        const char *name;
        bool (*play)(uint64_t value);
    } changes[] = {
        {"count",   tables_attributes_count  },
        {"stride",  tables_attributes_stride },
        {"version", tables_attributes_version},
        {"span",    tables_attributes_span   },
    };
    uint64_t value;
    if (strcmp(words->word[1], "open") == 0)
        return tables_attributes_open();
    for (uint32_t i = 0; i < ARRAY_COUNT(changes); i++) {
        if (strcmp(words->word[1], changes[i].name) == 0)
            return script_number(words->word[2], &value) && changes[i].play(value);
    }
    return false;
}

static bool play_image(const struct words *words)
{
    return image_wish(words->word[1]);
}

static bool play_rng(const struct words *words)
{
    return rng_wish(words->word[1]);
}

static bool play_la57(const struct words *words)
{
    (void)words;
    return la57_wish();
}

static bool play_screen(const struct words *words)
{
    uint64_t value;
    bool on_ground;
    if (strcmp(words->word[1], "none") == 0) {
        screen_remove();
        return true;
    }
    if (strcmp(words->word[1], "set-mode") == 0)
        return screen_set_mode(words->word[2]);
    if (strcmp(words->word[1], "panel") == 0) {
        uint64_t height = 0;
        bool sizes = script_number(words->word[2], &value) && script_number(words->word[3], &height);
        screen_panel((uint32_t)value, (uint32_t)height, strcmp(words->word[4], "damaged") == 0);
        return sizes;
    }
    if (!parse_start(words->word[2], &on_ground, &value) || (on_ground && !map_install()))
        return false;
    return screen_set(words->word[1], on_ground ? map_ground() + value : value);
}

static const struct {
    const char *name;
    uint32_t words; /* at least so many, the name among them */
    bool (*play)(const struct words *words);
} misbehaviours[] = {
    {"call",              3, play_call             }, /* SERVICE HARM */
    {"exit",              2, play_exit             }, /* HOW [COUNT] */
    {"driver",            1, play_driver           },
    {"space",             3, play_space            }, /* HOW WHAT */
    {"la57",              1, play_la57             },
    {"image",             2, play_image            }, /* above-4g | bogus | no-volume */
    {"edu",               1, play_edu              },
    {"usb",               1, play_usb              },
    {"parked-cpus",       1, play_parked           },
    {"virtio-net",        1, play_virtio_net       },
    {"x2apic",            1, play_x2apic           },
    {"watchdog",          2, play_watchdog         }, /* SECONDS */
    {"low-memory",        2, play_low_memory       }, /* boot-data | islands */
    {"map",               2, play_map              }, /* HOW [NUMBER] */
    {"map-block",         4, play_map_block        }, /* TYPE ATTRIBUTE PAGES */
    {"map-extra",         5, play_map_extra        }, /* TYPE ATTRIBUTE START PAGES */
    {"map-retype",        3, play_map_retype       }, /* TYPE TYPE */
    {"map-page0",         2, play_map_page0        }, /* TYPE */
    {"table-absent",      2, play_table_absent     }, /* NAME */
    {"table-moved",       2, play_table_moved      }, /* NAME */
    {"acpi-hidden",       2, play_acpi_hidden      }, /* SIGNATURE */
    {"acpi-patch",        5, play_acpi_patch       }, /* SIGNATURE OFFSET BYTES VALUE */
    {"acpi-rename",       4, play_acpi_rename      }, /* SIGNATURE NAME NAME */
    {"attributes",        2, play_attributes       }, /* HOW [NUMBER] */
    {"runtime-supported", 2, play_runtime_supported}, /* MASK */
    {"rng",               2, play_rng              }, /* absent | fails | constant */
    {"screen",            2, play_screen           }, /* none | set-mode HOW | panel W H [damaged] | FIELD VALUE */
};

bool misbehaviour_play(const struct words *words)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(misbehaviours); i++) {
        if (strcmp(misbehaviours[i].name, words->word[0]) == 0)
            return words->count >= misbehaviours[i].words && misbehaviours[i].play(words);
    }
    return false;
}
