/* The exit: see exit.h. */
#include "tests/firmware/exit.h"

#include "tests/firmware/calls.h"
#include "tests/firmware/edu.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/instruction.h"
#include "tests/firmware/la57.h"
#include "tests/firmware/parked.h"
#include "tests/firmware/relocate.h"
#include "tests/firmware/serial.h"
#include "tests/firmware/usb.h"
#include "tests/firmware/virtio_net.h"
#include "tests/firmware/space.h"
#include "tests/firmware/watchdog.h"
#include "tests/firmware/x2apic.h"

/* 7.1.2: EFI_EVENT_GROUP_EXIT_BOOT_SERVICES and EFI_EVENT_GROUP_BEFORE_EXIT_BOOT_SERVICES */
#define GROUP_EXIT                                         \
    {                                                      \
        0x27abf055, 0xb1b8, 0x4c26,                        \
        {                                                  \
            0x80, 0x48, 0x74, 0x8f, 0x37, 0xba, 0xa2, 0xdf \
        }                                                  \
    }
#define GROUP_BEFORE                                       \
    {                                                      \
        0x8be0e274, 0x3970, 0x4b44,                        \
        {                                                  \
            0x80, 0xc5, 0x1a, 0xb9, 0x50, 0x2f, 0x3b, 0xfc \
        }                                                  \
    }

static struct {
    uint64_t stale_left;
    bool error;
    bool moves_tables;
    bool leaves_interrupts;
    bool leaves_task_switched;
    bool leaves_controls;
    bool tried;
} wishes;

void exit_stale(uint64_t count)
{
    wishes.stale_left = count;
}

void exit_error(void)
{
    wishes.error = true;
}

void exit_tables_move(void)
{
    wishes.moves_tables = true;
}

void exit_leaves_interrupts(void)
{
    wishes.leaves_interrupts = true;
}

void exit_leaves_task_switched(void)
{
    wishes.leaves_task_switched = true;
}

void exit_leaves_controls(void)
{
    wishes.leaves_controls = true;
}

void exit_move_key(void)
{
    uint64_t address;
    (void)firmware.real_boot.allocate_pages(EFI_ALLOCATE_ANY_PAGES, EFI_BOOT_SERVICES_DATA, 1, &address);
}

bool exit_was_tried(void)
{
    return wishes.tried;
}

static void EFIAPI handle_event(void *event, void *context)
{
    (void)event;
    (void)context;
    exit_move_key();
}

bool exit_handler_allocates(void)
{
    static const struct efi_guid groups[] = {GROUP_EXIT, GROUP_BEFORE};
    efi_create_event_ex create = (efi_create_event_ex)firmware.real_boot.create_event_ex;
    for (uint32_t i = 0; i < ARRAY_COUNT(groups); i++) {
        void *event;
        if (create(EFI_EVENT_NOTIFY_SIGNAL, EFI_PRIORITY_CALLBACK, handle_event, NULL, &groups[i], &event) !=
            EFI_SUCCESS)
            return false;
    }
    return true;
}

static void after_success(void)
{
    calls_left();
    relocate_tell();
    space_exit();
    watchdog_look();
    parked_start();
    virtio_net_start();
    x2apic_start();
    usb_start();
    edu_start(); /* last: it is the one with little time */
    if (wishes.leaves_controls) {
        serial_say("all of CR4 that this CPU has goes on");
        instruction_set_controls(); /* after the words: they go through pointers to what begins without ENDBR64 */
    }
    if (wishes.leaves_task_switched)
        instruction_set_task_switched();
    if (wishes.leaves_interrupts)
        instruction_interrupts_enable();
}

/* What the kernel's call reaches. */
static efi_status EFIAPI exit_boot_services(void *image_handle, uint64_t key)
{
    bool first = !wishes.tried;
    wishes.tried = true;
    calls_exit_tried();
    if (first && wishes.error)
        return EFI_DEVICE_ERROR;
    if (first && wishes.moves_tables)
        calls_move_tables();
    bool stale = wishes.stale_left != 0 || (first && wishes.moves_tables);
    if (wishes.stale_left != 0 && wishes.stale_left != EXIT_FOR_EVER)
        wishes.stale_left--;
    if (stale)
        exit_move_key();
    space_look();
    la57_leave();
    efi_status status = firmware.real_boot.exit_boot_services(image_handle, key);
    la57_start();
    if (status == EFI_SUCCESS)
        after_success();
    return status;
}

void exit_install(void)
{
    calls_replace(calls_find("ExitBootServices"), (uint64_t)(uintptr_t)exit_boot_services);
}
