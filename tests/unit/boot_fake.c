/* The host's firmware: see boot_fake.h. */
#include "tests/unit/boot_fake.h"

#include <string.h>

#include "boot/fault.h"
#include "boot/instruction.h"
#include "boot/processor.h"
#include "mm/port.h"

#define SERIAL_PORT        0x3F8
#define SERIAL_LINE_STATUS 0x3FD

struct fake_firmware fake;
static struct efi_boot_services moved_services[2];

uint8_t buffers_map[FIRMWARE_MAP_BUFFER_BYTES];
ALIGNED(4096) uint8_t buffers_scratch[BUFFERS_SCRATCH_BYTES];
struct handoff buffers_handoff;
uint8_t buffers_stack[BUFFERS_STACK_BYTES];
ALIGNED(4096) uint8_t __ImageBase[16 * 4096];

static void note_call(void)
{
    if (fake.exit_calls > 0)
        fake.other_calls_after_exit++;
}

static efi_status EFIAPI output_string(struct efi_simple_text_output *self, const uint16_t *text)
{
    (void)self;
    note_call();
    size_t length = strlen(fake.text);
    for (; *text != 0 && length < sizeof(fake.text) - 1; text++)
        fake.text[length++] = (char)*text;
    fake.text[length] = '\0';
    return EFI_SUCCESS;
}

static efi_status EFIAPI get_memory_map(uint64_t *size_bytes, void *map, uint64_t *key, uint64_t *descriptor_size,
                                        uint32_t *descriptor_version)
{
    fake.map_calls++;
    *key = fake.map_calls;
    if (fake.stride != 0)
        *descriptor_size = fake.stride + fake.stride_grows * (fake.map_calls - 1);
    *descriptor_version = fake.version;
    if (fake.map_calls == fake.map_fails_at)
        return fake.map_failure;
    if (*size_bytes < fake.map_bytes)
        return EFI_BUFFER_TOO_SMALL;
    memcpy(map, fake.map, fake.map_bytes);
    *size_bytes = fake.claimed_bytes != 0 ? fake.claimed_bytes : fake.map_bytes;
    return EFI_SUCCESS;
}

static efi_status EFIAPI exit_boot_services(void *image_handle, uint64_t key)
{
    (void)image_handle;
    fake.exit_calls++;
    if (fake.table_moves) {
        struct efi_boot_services *next = &moved_services[fake.exit_calls % 2];
        *next = *fake.system_table.boot_services;
        memset(fake.system_table.boot_services, 0, sizeof(*next));
        fake.system_table.boot_services = next;
    }
    if (fake.table_dies)
        fake.system_table.boot_services = NULL;
    if (fake.exit_calls <= fake.stale_count || key != fake.map_calls)
        return EFI_INVALID_PARAMETER;
    return fake.exit_failure;
}

static efi_status EFIAPI allocate_pages(enum efi_allocate_type type, enum efi_memory_type memory_type,
                                        uint64_t page_count, uint64_t *address)
{
    (void)type;
    (void)page_count;
    note_call();
    assert_int_equal(memory_type, EFI_LOADER_DATA);
    if (fake.allocations_used == fake.allocation_count)
        return EFI_OUT_OF_RESOURCES;
    *address = fake.allocations[fake.allocations_used++];
    return EFI_SUCCESS;
}

static efi_status EFIAPI free_pages(uint64_t address, uint64_t page_count)
{
    (void)page_count;
    note_call();
    assert_true(fake.freed_count < FAKE_ALLOCATIONS_MAX);
    fake.freed[fake.freed_count++] = address;
    return EFI_SUCCESS;
}

static efi_status EFIAPI handle_protocol(void *handle, const struct efi_guid *protocol, void **interface)
{
    note_call();
    for (unsigned i = 0; i < fake.protocol_count; i++) {
        if (fake.protocols[i].handle != handle || !efi_guid_equal(&fake.protocols[i].guid, protocol))
            continue;
        *interface = fake.protocols[i].interface;
        return EFI_SUCCESS;
    }
    return EFI_UNSUPPORTED;
}

static efi_status EFIAPI locate_protocol(const struct efi_guid *protocol, void *registration, void **interface)
{
    (void)registration;
    note_call();
    for (unsigned i = 0; i < fake.protocol_count; i++) {
        if (!efi_guid_equal(&fake.protocols[i].guid, protocol))
            continue;
        *interface = fake.protocols[i].interface;
        return EFI_SUCCESS;
    }
    return EFI_NOT_FOUND;
}

static efi_status EFIAPI locate_handle(enum efi_locate_search_type type, const struct efi_guid *protocol, void *key,
                                       uint64_t *size_bytes, void **handles)
{
    uint64_t count = 0;
    (void)key;
    note_call();
    assert_int_equal(type, EFI_LOCATE_BY_PROTOCOL);
    for (unsigned i = 0; i < fake.protocol_count; i++) {
        if (efi_guid_equal(&fake.protocols[i].guid, protocol) && (count + 1) * sizeof(*handles) <= *size_bytes)
            handles[count++] = fake.protocols[i].handle;
    }
    *size_bytes = count * sizeof(*handles);
    return count == 0 ? EFI_NOT_FOUND : EFI_SUCCESS;
}

static efi_status EFIAPI set_watchdog_timer(uint64_t seconds, uint64_t code, uint64_t data_size_bytes,
                                            const uint16_t *data)
{
    (void)code;
    (void)data_size_bytes;
    (void)data;
    note_call();
    assert_int_equal(seconds, 0);
    fake.watchdog_calls++;
    return fake.watchdog_status;
}

void fake_reset(void)
{
    memset(&fake, 0, sizeof(fake));
    memset(&buffers_handoff, 0, sizeof(buffers_handoff));
    memset(buffers_map, 0, sizeof(buffers_map));
    fake.boot_services.get_memory_map = get_memory_map;
    fake.boot_services.exit_boot_services = exit_boot_services;
    fake.boot_services.allocate_pages = allocate_pages;
    fake.boot_services.free_pages = free_pages;
    fake.boot_services.handle_protocol = handle_protocol;
    fake.boot_services.locate_protocol = locate_protocol;
    fake.boot_services.locate_handle = locate_handle;
    fake.boot_services.set_watchdog_timer = set_watchdog_timer;
    fake.console.output_string = output_string;
    fake.system_table.boot_services = &fake.boot_services;
    fake.system_table.console_out = &fake.console;
    fake.stride = sizeof(struct efi_memory_descriptor);
    fake.version = EFI_MEMORY_DESCRIPTOR_VERSION;
    fake.serial_status = 0x60; /* transmitter empty */
    buffers_handoff.layout = (struct layout)LAYOUT_LINKED;
}

struct boot fake_boot(void)
{
    return (struct boot){
        .image_handle = &fake,
        .system_table = &fake.system_table,
        .loaded_image = &fake.loaded_image,
        .handoff = &buffers_handoff,
        .map = {.buffer = buffers_map, .descriptor_size = fake.stride},
        .address_limit = (uint64_t)1 << 47,
    };
}

void fake_add_descriptor(uint32_t type, uint64_t start, uint64_t page_count, uint64_t attribute)
{
    struct efi_memory_descriptor descriptor = {
        .type = type, .physical_start = start, .number_of_pages = page_count, .attribute = attribute};
    assert_true(fake.map_bytes + fake.stride <= sizeof(fake.map));
    memcpy(fake.map + fake.map_bytes, &descriptor, sizeof(descriptor));
    fake.map_bytes += fake.stride;
}

void fake_add_protocol(void *handle, struct efi_guid guid, void *interface)
{
    assert_true(fake.protocol_count < FAKE_PROTOCOLS_MAX);
    fake.protocols[fake.protocol_count++] = (struct fake_protocol){handle, guid, interface};
}

/* boot/instruction.h, boot/fault.h, boot/processor.h and mm/port.h as this host has them. */

uint8_t instruction_in8(uint16_t port)
{
    assert_int_equal(port, SERIAL_LINE_STATUS);
    fake.serial_polls++;
    return fake.serial_status;
}

void instruction_out8(uint16_t port, uint8_t value)
{
    assert_int_equal(port, SERIAL_PORT);
    size_t length = strlen(fake.serial);
    assert_true(length < sizeof(fake.serial) - 1);
    fake.serial[length] = (char)value;
}

bool instruction_interrupts_disable(void)
{
    bool were_on = fake.interrupts_on;
    fake.interrupts_on = false;
    return were_on;
}

NORETURN void instruction_halt(void)
{
    longjmp(fake.halted, 1);
}

/* As the assembly does, it calls whatever it is given with four words; clang 17 and newer would object. */
__attribute__((no_sanitize("function"))) bool fault_contain(struct fault_call *call)
{
    typedef uint64_t EFIAPI function(uint64_t, uint64_t, uint64_t, uint64_t);
    fake.contained_calls++;
    if (fake.call_faults) {
        call->vector = 14;
        call->rip = call->function;
        return false;
    }
    function *callee = (function *)(uintptr_t)call->function;
    call->result = callee(call->arguments[0], call->arguments[1], call->arguments[2], call->arguments[3]);
    return true;
}

unsigned processor_paging_levels(void)
{
    return 4;
}

bool processor_random(uint64_t *words, unsigned count)
{
    for (unsigned i = 0; i < count && fake.random != NULL; i++)
        words[i] = fake.random(i);
    return fake.random != NULL;
}

void processor_use_tables(uint64_t root)
{
    fake.root = root;
}

void port_tlb_invalidate(struct vaddr start, uint64_t page_count)
{
    (void)start;
    (void)page_count;
}
