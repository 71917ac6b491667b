/* Entropy and its use: see kaslr.h. */
#include "boot/kaslr.h"

#include "boot/command_line.h"
#include "boot/processor.h"

#define RNG_WORDS 4u /* of 64 bits: all that the pool can hold */

/* NULL: the firmware's default algorithm (37.5.3). How good it is nobody says, hence the other sources. */
static bool ask_firmware(struct boot *boot, uint64_t words[RNG_WORDS])
{
    static const struct efi_guid guid = EFI_GUID_RNG;
    void *interface = NULL;
    if (boot->system_table->boot_services->locate_protocol(&guid, NULL, &interface) != EFI_SUCCESS || interface == NULL)
        return false;
    struct efi_rng *rng = interface;
    return rng->get_rng(rng, NULL, RNG_WORDS * sizeof(words[0]), (uint8_t *)words) == EFI_SUCCESS;
}

/* Words that are there but bad go in too, because they take nothing away; they are only not counted as a source. */
static void take(struct boot *boot, const uint64_t words[RNG_WORDS], enum handoff_entropy source)
{
    for (unsigned i = 0; i < RNG_WORDS; i++)
        entropy_add(&boot->entropy, words[i]);
    boot->handoff->entropy_sources |= entropy_plausible(words, RNG_WORDS) ? (uint32_t)source : 0u;
}

void kaslr_gather(struct boot *boot)
{
    uint64_t words[RNG_WORDS];
    boot->entropy = (struct entropy)ENTROPY_START;
    if (ask_firmware(boot, words))
        take(boot, words, HANDOFF_ENTROPY_FIRMWARE);
    if (processor_random(words, RNG_WORDS))
        take(boot, words, HANDOFF_ENTROPY_CPU);
}

bool kaslr_refused(const char *command_line)
{
    return command_line_has(command_line, "nokaslr");
}

/* A descriptor that makes no sense counts as all that can be: how mm/memmap.c mends it is not foreseen here. */
static uint64_t ram_end(const struct firmware_map *map)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < firmware_map_count(map); i++) {
        struct efi_memory_descriptor descriptor = firmware_map_at(map, i);
        struct prange range;
        if (firmware_map_is_ram(descriptor.type))
            end = max_u64(end, firmware_map_range(&descriptor, &range) ? range.end.value : UINT64_MAX);
    }
    return end;
}

void kaslr_choose(struct boot *boot)
{
    struct handoff *handoff = boot->handoff;
    struct layout layout = LAYOUT_LINKED;
    for (unsigned i = 0; i < HANDOFF_MARK_COUNT; i++)
        entropy_add(&boot->entropy, handoff->marks[i]);
    if (!kaslr_refused(handoff->command_line))
        layout = layout_choose(&boot->entropy, boot->image.size_bytes, ram_end(&boot->map));
    handoff->layout = layout;
    handoff->stack_cookie = entropy_draw(&boot->entropy);
    /* Nobody draws after this, and the page will be somebody's: what is left tells what came out. */
    boot->entropy = (struct entropy){{0}};
}
