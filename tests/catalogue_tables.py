"""What pytest's marks cannot say of the catalogue's coverage: which host program is for an item, why another has none.

Names are checked to exist (tests/catalogue.py); a unit test's name is a sentence, and so its outcome.
"""

# Item: tests of tests/unit, as PROGRAM.TEST (a program is tests/unit/PROGRAM_test.c)
UNIT = {
    "A1": ["boot_exit.stale_keys_are_retried"],
    "A2": ["boot_exit.never_agreeing_ends", "boot_exit.another_error_is_not_retried"],
    "A4": ["boot_exit.capacity_is_offered_anew_on_every_call", "boot_exit.too_small_after_it_is_the_end",
           "boot_exit.too_small_before_the_first_exit_refuses"],
    "A5": ["memmap.as_many_descriptors_as_the_limit_says"],
    "A7": ["boot_exit.moving_stride_is_followed", "memmap.the_stride_is_the_firmwares"],
    "A8": ["boot_exit.missing_stride_is_guessed", "boot_exit.stride_that_no_guess_explains_is_invalid"],
    "A9": ["memmap.impossible_lengths_are_dropped", "boot_exit.ranges_are_pages_or_nothing"],
    "A10": ["memmap.impossible_lengths_are_dropped", "boot_exit.ranges_are_pages_or_nothing"],
    "A11": ["memmap.sorts_and_merges"],
    "A12": ["memmap.the_more_restrictive_kind_wins", "boot_first_map.what_matters_more_wins"],
    "A13": ["memmap.sorts_and_merges"],
    "A14": ["memmap.memory_rounds_inwards_all_else_outwards"],
    "A15": ["memmap.every_type_has_its_kind"],
    "A16": ["boot_exit.moving_table_is_followed", "boot_exit.vanished_table_is_the_end"],
    "A18": ["boot_exit.interrupts_left_on_are_noticed"],
    "A19": ["boot_gather.watchdog_that_cannot_be_disarmed"],
    "B21": ["boot_trampoline_page.page_zero_is_not_taken", "boot_trampoline_page.only_page_zero"],
    "B22": ["boot_trampoline_page.firmware_has_none"],
    "B23": ["boot_trampoline_page.one_block_from_page_zero"],
    "B24": ["boot_trampoline_page.others_are_not_taken", "boot_trampoline_page.overlaps_forbid"],
    "B25": ["mm.nothing_low_or_awaiting_is_handed_out"],
    "B26": ["boot_trampoline_page.nothing_above_a0000"],
    "B28": ["boot_virtual_map.missing_bit_is_mended_in_the_copy_only", "runtime.a_missing_attribute_does_not_matter"],
    "B29": ["memmap.runtime_is_kept_under_an_overlap", "boot_virtual_map.runtime_subset_is_one_to_one"],
    "B30": ["mm.the_direct_map_holds_ram_and_no_image", "runtime.unaligned_code_is_code_to_its_end"],
    "B31": ["runtime.each_kind_has_its_flags"],
    "B33": ["section.slots_are_dense_and_rising"],
    "B34": ["memmap.claims_apply_where_memory_is"],
    "B35": ["memmap.what_is_no_ram_is_withheld"],
    "B37": ["tables.each_shape_knows_its_length", "tables.acpi_tables_and_the_tpm_area_are_kept",
            "tables.an_unknown_table_keeps_the_rest_of_its_page", "mm.kept_ranges_survive_reclaim"],
    "B38": ["memmap.what_is_no_ram_is_withheld"],
    "B42": ["memmap.physical_addresses_have_52_bits", "runtime.what_is_beyond_the_half_is_left_out"],
    "C47": ["boot_virtual_map.failure"],
    "C48": ["boot_virtual_map.success"],
    "C53": ["runtime.a_bad_entry_changes_nothing", "runtime.of_two_that_overlap_the_first_counts",
            "runtime.a_senseless_header_has_no_length", "runtime.garbage_entries_map_nothing"],
    "C57": ["runtime.times_are_checked"],
    "C60": ["boot_gather.masked_runtime_services", "boot_virtual_map.not_called_where_the_firmware_has_none"],
    "D62": ["paging.test_largest_pages"],
    "D66": ["boot_failure.unusable_screens_are_not_used", "screen.geometry_is_checked"],
    "D67": ["screen.geometry_is_checked"],
    "D68": ["boot_graphics.screen_without_frame_buffer_is_passed_over", "screen.masks_place_the_channels"],
    "D69": ["screen.only_changed_cells_are_painted"],
    "D70": ["pci.quiesce_spares_bridges_and_displays", "pci.a_full_table_still_silences_everything"],
    "D74": ["acpi.madt_lists_usable_cpus_once", "acpi.madt_entries_that_lie_end_the_walk"],
    "D80": ["boot_image.relocation_moves_to_the_high_half"],
}

# Item: targets of tests/fuzz
FUZZ = {
    "A9": ["memmap"], "A10": ["memmap"], "A11": ["memmap"], "A12": ["memmap", "first_map"], "A13": ["mm"],
    "A14": ["memmap"], "B37": ["tables", "acpi"], "B42": ["first_map"], "C53": ["attributes"], "D74": ["acpi"],
}

# Item: why no firmware here can do it to the kernel
WHY_NOT = {
    "B41": "no sleep: Keel has no S4, and a reset begins with a map of its own",
    "C46": "there are no other addresses: SetVirtualAddressMap is told 1:1, so virtual and physical are one",
    "D69": "QEMU's reads back; the kernel draws from its own cells and never reads what it drew",
    "D71": "no firmware here turns an IOMMU on; a USB controller that one refuses is given up with a word",
    "D77": "a 64-bit PE never starts on it; README.md says what is needed",
    "D78": "nothing is moved before the exit, so there is nothing to go wrong: the firmware's own choice is kept",
}
