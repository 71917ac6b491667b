/*
 * What the steps of boot/ share: one struct, on which every step works and which efi_main.c owns.
 *
 * Rules: a step of phase F takes the struct, says what it finds on the firmware's console, and returns false after it
 * has said why the machine is refused (say.h); nothing then has to be undone but reservations (pages.h).
 */
#ifndef KEEL_BOOT_BOOT_H
#define KEEL_BOOT_BOOT_H

#include "boot/efi.h"
#include "boot/firmware_map.h"
#include "boot/handoff.h"
#include "kernel/base/pe.h"
#include "mm/paging.h"

struct boot {
    void *image_handle;
    struct efi_system_table *system_table;
    struct efi_loaded_image *loaded_image;
    struct handoff *handoff;       /* in .bootz; the kernel gets its address */
    struct pe_image image;         /* our own headers */
    struct firmware_map map;       /* preliminary in phase F, the last one in phase N */
    struct page_map tables;        /* the first ones: 1:1 and the image's high half */
    uint64_t tables_next;          /* the first unused page of handoff->page_tables */
    uint64_t address_limit;        /* where 1:1 ends: the CPU's physical width, or half the virtual one */
    bool gigabyte_pages;
    struct entropy entropy;        /* boot/kaslr.c's */
};

/* Where the firmware enters the image. Returns only after a refusal. */
efi_status EFIAPI efi_main(void *image_handle, struct efi_system_table *system_table);

#endif
