/*
 * A firmware for the host: a system table whose services do what a test tells them, and the instructions of boot/ as
 * functions that only remember. The files of boot/ are linked with it unmodified, but for efi_main.c, fault.c and
 * processor.c, which are instructions and the order of the others.
 *
 * Owns: the one struct fake_firmware, which fake_reset brings back to an agreeable firmware without anything.
 */
#ifndef KEEL_TESTS_BOOT_FAKE_H
#define KEEL_TESTS_BOOT_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boot/boot.h"
#include "boot/buffers.h"

#define FAKE_TEXT_BYTES     4096u
#define FAKE_PROTOCOLS_MAX  8u
#define FAKE_ALLOCATIONS_MAX 8u

struct fake_protocol {
    void *handle;
    struct efi_guid guid;
    void *interface;
};

struct fake_firmware {
    struct efi_system_table system_table;
    struct efi_boot_services boot_services;
    struct efi_simple_text_output console;
    struct efi_loaded_image loaded_image;

    /* GetMemoryMap */
    uint8_t map[FIRMWARE_MAP_BUFFER_BYTES];
    uint64_t map_bytes;
    uint64_t stride;           /* what it writes as DescriptorSize; 0: it writes none */
    uint32_t version;
    uint64_t claimed_bytes;    /* not 0: the size that it claims with success, whatever is there */
    unsigned map_fails_at;     /* the number of the call that fails, from 1 */
    efi_status map_failure;
    uint64_t stride_grows;     /* added to DescriptorSize on every call */

    /* ExitBootServices */
    unsigned stale_count;      /* so many keys are refused first */
    efi_status exit_failure;   /* not 0: what it says instead of success after those */
    bool table_moves;          /* every call replaces the boot-services table */
    bool table_dies;           /* the first call takes it away */
    bool interrupts_on;

    /* AllocatePages: addresses to give, in turn; then OUT_OF_RESOURCES */
    uint64_t allocations[FAKE_ALLOCATIONS_MAX];
    unsigned allocation_count;
    unsigned allocations_used;
    uint64_t freed[FAKE_ALLOCATIONS_MAX];
    unsigned freed_count;

    struct fake_protocol protocols[FAKE_PROTOCOLS_MAX];
    unsigned protocol_count;
    efi_status watchdog_status;

    /* What happened. */
    unsigned map_calls;
    unsigned exit_calls;
    unsigned other_calls_after_exit; /* of the firmware, after the first ExitBootServices */
    unsigned watchdog_calls;
    char text[FAKE_TEXT_BYTES];   /* the console */
    char serial[FAKE_TEXT_BYTES]; /* port 0x3F8 */
    uint8_t serial_status;        /* what the line-status register reads */
    unsigned serial_polls;
    uint64_t (*random)(unsigned number); /* processor_random; NULL: the CPU has none */
    bool call_faults;             /* fault_contain says so */
    unsigned contained_calls;
    uint64_t root;                /* processor_use_tables */
    jmp_buf halted;               /* instruction_halt comes back here */
};

extern struct fake_firmware fake;

/* An agreeable firmware with an empty map, no protocol and no memory; buffers cleared. */
void fake_reset(void);

/* A struct boot on it, as efi_main begins. */
struct boot fake_boot(void);

void fake_add_descriptor(uint32_t type, uint64_t start, uint64_t page_count, uint64_t attribute);
void fake_add_protocol(void *handle, struct efi_guid guid, void *interface);

#endif
