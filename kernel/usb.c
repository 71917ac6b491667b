/*
 * Wiring of USB: registers, memory, interrupts and time for the driver; its news for the log; its keys for keyboard.c.
 *
 *     VECTOR_USB --> wakes the monitor --> usb_poll --> xhci_poll --> tell, press --> log, keyboard_event
 */
#include "kernel/usb.h"

#include "drivers/pci_msi.h"
#include "drivers/usb_device.h"
#include "drivers/xhci.h"
#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/device.h"
#include "kernel/irq.h"
#include "kernel/keyboard.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/time.h"
#include "kernel/x86/regs.h"

#define CONTROLLERS_MAX 8u

/* How often a controller is looked at where something goes on, or no interrupt can come. */
#define POLL_US 10000u

struct usb_keyboard_entry {
    struct keyboard keyboard; /* first: kernel/keyboard.c's pointer is ours */
    struct usb_device *device;
};

struct controller {
    struct xhci xhci; /* first: the driver's pointer is ours */
    struct pci_function *function;
    bool interrupts; /* else it is polled */
    struct usb_keyboard_entry keyboards[USB_DEVICES_MAX]; /* of those devices that are one */
};

static struct controller *controllers[CONTROLLERS_MAX];
static uint32_t controller_count;
static uint64_t interrupt_count;
static bool told; /* something was, since the last usb_poll */

static const char *const kinds[] = {"device", "hub", "keyboard"}; /* by enum usb_kind */

static void count_interrupt(void)
{
    interrupt_count++;
}

/* ---- What the driver needs ---- */

static void *take_memory(unsigned order, bool low, uint64_t *address)
{
    struct paddr frames = low ? frame_alloc_below(memory_cache(), order, 4 * GIB) : frame_alloc(memory_cache(), order);
    *address = frames.value;
    return frames.value == 0 ? NULL : memset(mm_pointer(&kernel_mm, frames), 0, PAGE_SIZE << order);
}

/* ---- What it tells ---- */

static bool set_lights(struct keyboard *keyboard, uint8_t locks)
{
    usb_device_set_lights(((struct usb_keyboard_entry *)keyboard)->device, locks);
    return true; /* the next usb_poll asks the device; one that refuses has none */
}

static struct usb_keyboard_entry *entry_of(const struct usb_device *device)
{
    return &((struct controller *)device->xhci)->keyboards[device - device->xhci->devices];
}

static void press(const struct usb_device *device, struct key_event event)
{
    keyboard_event(&entry_of(device)->keyboard, event);
}

static void add_keyboard(struct usb_device *device)
{
    struct usb_keyboard_entry *entry = entry_of(device);
    *entry = (struct usb_keyboard_entry){{.name = "USB", .set_lights = set_lights}, device};
    keyboard_add(&entry->keyboard);
}

/* `device` is what it is about: for some news a hub, or (NULL) the controller. */
static void tell(struct xhci *xhci, enum usb_news news, struct usb_device *device)
{
    static const char *const texts[] = {
        [USB_NEWS_DEVICE] = "",
        [USB_NEWS_REMOVED] = " is gone",
        [USB_NEWS_FAILED] = " does not work: ",
        [USB_NEWS_TOO_MANY] = ": one device too many, or no memory for it",
        [USB_NEWS_TOO_DEEP] = ": hubs are nested too deep",
        [USB_NEWS_OVER_CURRENT] = ": a device takes too much power",
        [USB_NEWS_DEAD] = " is given up: ",
    };
    bool is_keyboard = device != NULL && device->facts.function.kind == USB_KIND_KEYBOARD;
    char path[USB_PATH_BYTES];
    if (!told)
        print("\n"); /* of the line that is being typed */
    told = true;
    if (device == NULL)
        log_warn("usb: controller%s%s", texts[news], news == USB_NEWS_DEAD ? xhci->failure : "");
    else
        log_write(news <= USB_NEWS_REMOVED ? LOG_INFO : LOG_WARN, "usb: %s %s %s%s%s",
                  kinds[device->facts.function.kind], device->tier != 0 ? "behind hub port" : "at port",
                  usb_path(device, path), texts[news], news == USB_NEWS_FAILED ? device->failure : "");
    if (news == USB_NEWS_DEVICE && is_keyboard)
        add_keyboard(device);
    else if (news == USB_NEWS_REMOVED && is_keyboard)
        keyboard_remove(&entry_of(device)->keyboard);
    else if (news == USB_NEWS_DEAD)
        device_stop_mastering(((struct controller *)xhci)->function);
}

static const struct xhci_services services = {time_now_us, take_memory, tell, press};

/* ---- Controllers ---- */

static void take(struct pci_function *function)
{
    uint64_t size_bytes;
    volatile void *registers = device_take(function, 0, &size_bytes);
    struct controller *controller = heap_alloc(memory_heap(), sizeof(*controller));
    if (registers == NULL || controller == NULL || controller_count == CONTROLLERS_MAX) {
        log_warn("usb: a controller is not driven: no registers, no memory, or more than %u", CONTROLLERS_MAX);
        return;
    }
    *controller = (struct controller){.function = function};
    enum status status = xhci_init(&controller->xhci, registers, size_bytes, &services);
    /* While the firmware lets go it may wait for the controller, which needs memory for that. */
    device_start_mastering(function);
    if (status == STATUS_OK)
        status = xhci_take_over(&controller->xhci);
    device_stop_mastering(function);
    if (controller->xhci.kept)
        log_warn("usb: the firmware did not let go of a controller within a second, and was told off");
    if (status != STATUS_OK)
        log_warn("usb: controller %04x:%04x: %s", function->vendor_id, function->device_id, status_name(status));
    else
        controllers[controller_count++] = controller;
}

void usb_take_over(void)
{
    const struct pci *pci = &machine_facts()->pci;
    irq_register(VECTOR_USB, count_interrupt);
    for (struct pci_function *function = NULL; (function = pci_next_of_class(pci, function, PCI_CLASS_XHCI)) != NULL;)
        take(function);
}

/* On 7 and 8 Series chip sets ports hang on EHCI until they are handed over, those of USB 3 first. */
static void claim_ports(const struct pci *pci, const struct pci_function *function)
{
    if (function->vendor_id != INTEL_VENDOR_ID || pci_next_of_class(pci, NULL, PCI_CLASS_EHCI) == NULL)
        return;
    pci_write32(pci, function->address, INTEL_USB3_PSSEN, pci_read32(pci, function->address, INTEL_USB3PRM));
    pci_write32(pci, function->address, INTEL_XUSB2PR, pci_read32(pci, function->address, INTEL_XUSB2PRM));
}

void usb_start(void)
{
    for (uint32_t i = 0; i < controller_count; i++) {
        struct controller *controller = controllers[i];
        controller->interrupts = device_route(controller->function, VECTOR_USB) == STATUS_OK;
        claim_ports(&machine_facts()->pci, controller->function);
        device_start_mastering(controller->function);
        enum status status = xhci_start(&controller->xhci);
        if (status != STATUS_OK)
            xhci_give_up(&controller->xhci, status_name(status));
    }
}

bool usb_poll(void)
{
    told = false;
    for (uint32_t i = 0; i < controller_count; i++)
        xhci_poll(&controllers[i]->xhci);
    return told;
}

uint64_t usb_due_us(void)
{
    uint64_t due_us = UINT64_MAX;
    for (uint32_t i = 0; i < controller_count; i++) {
        const struct controller *controller = controllers[i];
        if (xhci_is_pending(&controller->xhci))
            return 0;
        if (controller->xhci.running && (!controller->interrupts || xhci_is_busy(&controller->xhci)))
            due_us = POLL_US;
    }
    return due_us;
}

/* ---- For people ---- */

static void print_device(const struct usb_device *device)
{
    static const char *const speeds[] = {"?", "full", "low", "high", "super"};
    const struct usb_facts *facts = &device->facts;
    char path[USB_PATH_BYTES];
    print("  port %s: %04x:%04x class %02x, %s speed, %s%s\n", usb_path(device, path), facts->vendor_id,
          facts->product_id, facts->function.class_code, speeds[min_u64(device->speed, USB_SPEED_SUPER)],
          kinds[facts->function.kind], device->state == USB_DEVICE_RUNNING ? "" : ", coming or going");
}

void usb_print(void)
{
    for (uint32_t i = 0; i < controller_count; i++) {
        const struct xhci *xhci = &controllers[i]->xhci;
        const struct pci_function *function = controllers[i]->function;
        bool msix = pci_find_messages(&machine_facts()->pci, function->address).msix != 0;
        print("controller %04x:%04x: xhci %x.%02x, %u ports%s, contexts of %u bytes, %u scratchpads, %s, "
              "%u events%s%s\n",
              function->vendor_id, function->device_id, xhci->version >> 8, xhci->version & 0xFF, xhci->port_count,
              xhci->ports_cut ? " of more" : "", xhci->context_bytes, xhci->scratchpad_count,
              !controllers[i]->interrupts ? "polled" : msix ? "msi-x" : "msi", xhci->event_count,
              xhci->running ? "" : ", NOT RUNNING: ", xhci->running ? "" : xhci->failure);
        for (uint32_t entry = 0; entry < USB_DEVICES_MAX; entry++)
            if (xhci->devices[entry].state != USB_DEVICE_FREE)
                print_device(&xhci->devices[entry]);
    }
    print("usb: %u controllers, %llu interrupts\n", controller_count, interrupt_count);
}
