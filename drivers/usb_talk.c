/*
 * The engine of scripts.
 *
 *     ASK ------> COMMAND or REQUEST --event--> ANSWERED --take--> ASK, of the next step, after its pause
 *                    |          '--late--> the device fails
 *                    '--late--> ABORT --the ring stopped--> ANSWERED, badly;  --late--> the controller is given up
 *
 * A request that is refused leaves endpoint 0 halted. If it was optional, the steps that mend that end the script.
 */
#include "drivers/usb_talk.h"

#include "drivers/usb_device.h"
#include "drivers/xhci.h"

#define TIMEOUT_US 5000000u /* of a request: USB 2.0, 9.2.6.4; commands need no longer (xHCI sets no time) */
#define PAUSE_US   2000u    /* after a device got its address: 9.2.6.3; after every command, of which there are few */

/* xHCI 4.6.8. */
static const struct usb_step mending_control[] = {
    {.name = "reset endpoint 0", .command = XHCI_COMMAND_RESET_ENDPOINT, .control = true},
    {.name = "set ring 0", .command = XHCI_COMMAND_SET_DEQUEUE, .control = true},
    {.name = NULL},
};

/* ---- Asking ---- */

static uint8_t who_is(const struct usb_device *device)
{
    const uint8_t kinds[] = {0, usb_is_super(device) ? USB_FOR_HUB_3 : USB_FOR_HUB_2, USB_FOR_KEYBOARD};
    return kinds[device->facts.function.kind];
}

static void command(struct xhci *xhci, struct usb_device *device, const struct usb_step *step)
{
    struct xhci_ring *ring = step->control ? &device->control : &device->reports;
    uint32_t word = (uint32_t)step->command << XHCI_TRB_TYPE_SHIFT | (uint32_t)device->slot << XHCI_TRB_SLOT_SHIFT;
    uint64_t parameter = 0;
    if (step->command >= XHCI_COMMAND_ADDRESS && step->command <= XHCI_COMMAND_EVALUATE)
        parameter = xhci_input_context(device);
    if (step->command >= XHCI_COMMAND_RESET_ENDPOINT)
        word |= (step->control ? 1 : usb_report_endpoint(device)) << XHCI_TRB_ENDPOINT_SHIFT;
    if (step->command == XHCI_COMMAND_SET_DEQUEUE) {
        xhci_ring_init(ring, ring->trbs, ring->address, ring->count);
        parameter = ring->address | XHCI_TRB_CYCLE;
    }
    xhci->talk.asked_address = xhci_ring_put(&xhci->commands, parameter, 0, word);
    xhci->talk.state = USB_TALK_COMMAND;
    xhci_ring_doorbell(xhci, 0, 0);
}

/* Three stages: what is asked, data if there are any, and the other side's word that it is done (xHCI 4.11.2.2). */
static void request(struct xhci *xhci, struct usb_device *device)
{
    struct usb_talk *talk = &xhci->talk;
    const struct usb_request *asked = &talk->request;
    bool in = (asked->type & USB_REQUEST_IN) != 0;
    uint32_t data = asked->size_bytes == 0 ? 0 : in ? XHCI_TRB_SETUP_IN : XHCI_TRB_SETUP_OUT;
    const uint64_t index[] = {0, device->facts.function.interface, device->facts.function.endpoint | USB_ENDPOINT_IN,
                              device->hub_port}; /* by the last bits of the type */
    uint64_t setup = asked->type | (uint64_t)asked->request << 8 | (uint64_t)asked->value << 16 |
                     index[asked->type & 3] << 32 | (uint64_t)asked->size_bytes << 48;
    uint64_t buffer = device->address + USB_ANSWER;
    (void)xhci_ring_put(&device->control, setup, sizeof(setup), XHCI_TRB_SETUP | XHCI_TRB_IMMEDIATE | data);
    if (data != 0)
        (void)xhci_ring_put(&device->control, buffer, asked->size_bytes,
                            XHCI_TRB_DATA | XHCI_TRB_SHORT | (in ? XHCI_TRB_IN : 0));
    /* The status goes the other way than the data (USB 2.0, 8.5.3). */
    uint32_t status = XHCI_TRB_STATUS | XHCI_TRB_EVENT | (in ? 0 : XHCI_TRB_IN);
    talk->asked_address = xhci_ring_put(&device->control, 0, 0, status);
    talk->answer_bytes = asked->size_bytes;
    talk->state = USB_TALK_REQUEST;
    xhci_ring_doorbell(xhci, device->slot, 1);
}

static void ask(struct xhci *xhci, uint64_t now_us)
{
    struct usb_talk *talk = &xhci->talk;
    struct usb_device *device = talk->device;
    const struct usb_step *step = talk->step;
    if (step->name == NULL) {
        talk->device = NULL;
        if (talk->end != NULL)
            talk->end(device);
        return;
    }
    talk->request = step->request;
    if ((step->who != 0 && (step->who & who_is(device)) == 0) || (step->choose != NULL && !step->choose(device))) {
        talk->step++;
        return;
    }
    talk->deadline = now_us + TIMEOUT_US;
    if (step->command != 0)
        command(xhci, device, step);
    else
        request(xhci, device);
}

/* ---- Being answered ---- */

static void answer(struct usb_talk *talk, bool good)
{
    talk->good = good;
    talk->state = USB_TALK_ANSWERED;
    talk->deadline = 0;
}

void usb_talk_commanded(struct xhci *xhci, const struct xhci_trb *event)
{
    struct usb_talk *talk = &xhci->talk;
    if (talk->state == USB_TALK_COMMAND && event->parameter == talk->asked_address) {
        talk->slot = (uint8_t)(event->control >> XHCI_TRB_SLOT_SHIFT);
        answer(talk, xhci_code(event) == XHCI_CODE_SUCCESS);
    } else if (talk->state == USB_TALK_ABORT && xhci_code(event) == XHCI_CODE_RING_STOPPED) {
        /* Not begun, perhaps: so that it never is (xHCI 4.6.1.2), when the next doorbell starts the ring again. */
        struct xhci_trb *trb = &xhci->commands.trbs[xhci_ring_index(&xhci->commands, talk->asked_address)];
        trb->control = XHCI_COMMAND_NOTHING << XHCI_TRB_TYPE_SHIFT | (trb->control & XHCI_TRB_CYCLE);
        answer(talk, false);
    }
}

void usb_talk_transferred(struct usb_device *device, const struct xhci_trb *event)
{
    struct usb_talk *talk = &device->xhci->talk;
    uint32_t left_bytes = event->status & XHCI_LEFT_MASK;
    bool good = xhci_code_is_good(event);
    if (talk->device != device || talk->state != USB_TALK_REQUEST || xhci_code_is_stop(event) ||
        xhci_ring_index(&device->control, event->parameter) == UINT32_MAX)
        return;
    if (good && event->parameter != talk->asked_address && left_bytes <= talk->request.size_bytes)
        talk->answer_bytes = talk->request.size_bytes - left_bytes; /* of the data; the status is still to come */
    else if (!good || event->parameter == talk->asked_address)
        answer(talk, good);
}

/* ---- Going on ---- */

static void take_answer(struct usb_talk *talk, uint64_t now_us)
{
    const struct usb_step *step = talk->step;
    struct usb_device *device = talk->device;
    /* Taken of a device that went, too: its slot must be given back. */
    bool good = talk->good && (step->take == NULL || step->take(device));
    talk->state = USB_TALK_ASK;
    talk->deadline = step->command != 0 ? now_us + PAUSE_US : 0;
    if (!good && !step->optional && device->state != USB_DEVICE_GONE)
        usb_device_fail(device, step->name);
    else if (!good && step->command == 0)
        talk->step = mending_control;
    else if (!step->repeated)
        talk->step++;
}

/* Nobody answered in time. */
static void be_late(struct xhci *xhci, uint64_t now_us)
{
    struct usb_talk *talk = &xhci->talk;
    talk->deadline = now_us + TIMEOUT_US;
    if (talk->state == USB_TALK_REQUEST) {
        usb_device_fail(talk->device, talk->step->name);
    } else if (talk->state == USB_TALK_COMMAND) {
        xhci_write64(xhci, xhci->operational + XHCI_CRCR, XHCI_CRCR_ABORT);
        talk->state = USB_TALK_ABORT;
    } else {
        xhci_give_up(xhci, "it does not complete commands");
    }
}

/* The device went. A command goes on in the controller, whatever becomes of it: its answer is waited for, and taken. */
static bool is_over(const struct usb_talk *talk)
{
    bool interruptible = talk->state == USB_TALK_ASK || talk->state == USB_TALK_REQUEST;
    return interruptible && talk->device->state == USB_DEVICE_GONE;
}

void usb_talk_go_on(struct xhci *xhci, uint64_t now_us)
{
    struct usb_talk *talk = &xhci->talk;
    while (xhci->running && talk->device != NULL && (is_over(talk) || now_us >= talk->deadline)) {
        if (is_over(talk))
            talk->device = NULL;
        else if (talk->state == USB_TALK_ANSWERED)
            take_answer(talk, now_us);
        else if (talk->state == USB_TALK_ASK)
            ask(xhci, now_us);
        else
            be_late(xhci, now_us);
    }
}
