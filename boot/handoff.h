/*
 * What boot/ tells the kernel: a value of fixed size, without pointers, the magic written last.
 *
 * Owns: struct handoff. boot/ fills it in phases F and N; the kernel checks it (kernel/memory.c) before it believes a
 * word. Every address in it is physical, but for `layout`. It lies in the image's .boot part; the kernel copies it.
 * Rules: only fixed-width integers, so that it means the same in both address spaces and on the host; a field that
 * firmware did not supply is 0; boot/ validates nothing on the kernel's behalf beyond what it needs itself.
 */
#ifndef KEEL_BOOT_HANDOFF_H
#define KEEL_BOOT_HANDOFF_H

#include "kernel/base/types.h"
#include "mm/layout.h"

#define HANDOFF_MAGIC   0x46464F444E41484Bull /* "KHANDOFF" */
#define HANDOFF_VERSION 1u

/* Text limits, terminators included; what does not fit is cut and reported (handoff_warning). */
#define HANDOFF_COMMAND_LINE_BYTES 1024u
#define HANDOFF_VENDOR_BYTES       64u
#define HANDOFF_TABLE_MAX          64u

/* Physical bytes [start, start + size_bytes). */
struct handoff_range {
    uint64_t start;
    uint64_t size_bytes;
};

/* One entry of the firmware's configuration table (UEFI 4.6). */
struct handoff_table {
    uint8_t guid[16];
    uint64_t address;
};

enum handoff_pixel_format {
    HANDOFF_PIXEL_NONE = 0, /* no frame buffer */
    HANDOFF_PIXEL_RGBX,     /* red at the lowest address */
    HANDOFF_PIXEL_BGRX,
    HANDOFF_PIXEL_MASKS,    /* as the three masks say */
};

struct handoff_screen {
    uint64_t base;
    uint64_t size_bytes;
    uint32_t width_pixels;
    uint32_t height_pixels;
    uint32_t pitch_pixels; /* PixelsPerScanLine, which may exceed the width */
    uint32_t format;       /* enum handoff_pixel_format */
    uint32_t red_mask;
    uint32_t green_mask;
    uint32_t blue_mask;
    uint32_t marked; /* 1: the page tables that the kernel begins in map it, for marks (kernel/base/mark.h) */
};

/* How SetVirtualAddressMap went: decides whether runtime services may be called. */
enum handoff_virtual_map {
    HANDOFF_VIRTUAL_MAP_NOT_CALLED = 0,
    HANDOFF_VIRTUAL_MAP_OK,
    HANDOFF_VIRTUAL_MAP_FAILED,  /* it returned an error: virtual_map_status */
    HANDOFF_VIRTUAL_MAP_FAULTED, /* it faulted: virtual_map_vector, virtual_map_rip */
};

/* Raw TSC readings, 0 where the phase was not reached. */
enum handoff_mark {
    HANDOFF_MARK_ENTRY,        /* efi_main was entered */
    HANDOFF_MARK_GATHERED,     /* everything asked of boot services but the map */
    HANDOFF_MARK_EXIT,         /* ExitBootServices returned success */
    HANDOFF_MARK_VIRTUAL_MAP,  /* SetVirtualAddressMap returned */
    HANDOFF_MARK_JUMP,         /* about to enter kernel_main */
    HANDOFF_MARK_COUNT
};

/* Bits of `warnings`: oddities that boot/ mended and the kernel reports once it can print. */
enum handoff_warning {
    HANDOFF_WARNING_COMMAND_LINE_CUT = 1u << 0,    /* longer than HANDOFF_COMMAND_LINE_BYTES - 1, or not ASCII */
    HANDOFF_WARNING_TABLES_CUT = 1u << 1,          /* more than HANDOFF_TABLE_MAX configuration tables */
    HANDOFF_WARNING_WATCHDOG = 1u << 2,            /* the boot watchdog could not be disarmed */
    HANDOFF_WARNING_TRAMPOLINE_TAKEN = 1u << 3,    /* taken from boot services after the exit (rule 9) */
    HANDOFF_WARNING_NO_TRAMPOLINE = 1u << 4,       /* no page below 0xA0000 at all: one CPU */
    HANDOFF_WARNING_RUNTIME_BIT_MISSING = 1u << 5, /* runtime types without EFI_MEMORY_RUNTIME were passed too */
    HANDOFF_WARNING_EXIT_INTERRUPTS = 1u << 6,     /* interrupts still on after a successful exit */
    HANDOFF_WARNING_DESCRIPTOR_SIZE = 1u << 7,     /* GetMemoryMap left DescriptorSize 0; guessed from the map */
};

/* Bits of `entropy_sources`: what gave good numbers. The TSC always gives some. */
enum handoff_entropy {
    HANDOFF_ENTROPY_FIRMWARE = 1u << 0, /* EFI_RNG */
    HANDOFF_ENTROPY_CPU = 1u << 1,      /* RDRAND */
};

struct handoff {
    uint32_t version;
    uint32_t size_bytes; /* sizeof(struct handoff) */

    /* Our own image, whole pages. image_boot is the run of its sections that holds boot/, which phase R gives back. */
    struct handoff_range image;
    struct handoff_range image_boot;

    /* The last memory map, exactly as GetMemoryMap gave it, inside image_boot. */
    struct handoff_range memory_map;
    uint64_t descriptor_size;
    uint32_t descriptor_version;
    uint32_t exit_attempts; /* calls of ExitBootServices until it succeeded, from 1 */

    /* LoaderData that is alive until phase R: the first page tables. */
    struct handoff_range page_tables;

    /*
     * In .bootz, hence inside image_boot: the stack that kernel_main is entered on, at its high-half address, so that
     * it outlives boot/'s page tables; and work space for mm/memmap.c (MM_SCRATCH_BYTES).
     */
    struct handoff_range stack;
    struct handoff_range scratch;

    uint64_t page_table_root;

    uint64_t trampoline; /* one page below 1 MiB for starting CPUs; 0: none */

    struct handoff_screen screen;

    uint64_t system_table;
    uint64_t runtime_services; /* read before SetVirtualAddressMap; 1:1, so unchanged by it */
    uint32_t runtime_services_supported; /* EFI_RT_PROPERTIES mask; all ones when there is no such table */
    uint32_t virtual_map; /* enum handoff_virtual_map */
    uint64_t virtual_map_status;
    uint64_t virtual_map_vector;
    uint64_t virtual_map_rip;

    uint64_t acpi_rsdp;
    uint32_t table_count;
    uint32_t firmware_revision;
    struct handoff_table tables[HANDOFF_TABLE_MAX];
    char firmware_vendor[HANDOFF_VENDOR_BYTES];
    uint32_t uefi_revision;
    uint32_t warnings; /* enum handoff_warning bits */

    uint64_t marks[HANDOFF_MARK_COUNT];
    struct layout layout;     /* virtual addresses, the only ones in here: where the kernel is to live */
    uint64_t stack_cookie;    /* a secret for kernel/protector.c */
    uint32_t entropy_sources; /* enum handoff_entropy bits */
    uint32_t reserved;
    char command_line[HANDOFF_COMMAND_LINE_BYTES];

    uint64_t magic; /* HANDOFF_MAGIC, stored last */
};

#endif
