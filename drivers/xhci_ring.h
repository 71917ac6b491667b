/*
 * Rings of transfer request blocks (TRBs): those that we fill, and the one of events that the controller fills.
 *
 * Owns: struct xhci_ring, struct xhci_events, in memory of the caller's, zeroed and of one page at most, that the
 * controller reads and writes by itself.
 * Rules: a TRB belongs to whom its cycle bit says, so that bit is stored last and read first. Addresses in events are
 * input (xhci_ring_index). Source: xHCI 1.2, 4.9.
 */
#ifndef KEEL_DRIVERS_XHCI_RING_H
#define KEEL_DRIVERS_XHCI_RING_H

#include "drivers/xhci_registers.h"
#include "kernel/base/string.h"
#include "kernel/base/types.h"

/*
 *     trbs   0     1     2     3           count-1
 *          | c=1 | c=1 | c=0 | c=0 |  ...  | link |----> 0, and the meaning of c is reversed there
 *                        ^ next                                                      xHCI 1.2, 4.11.1 and 6.4.4.1
 */
struct xhci_trb {
    uint64_t parameter;
    uint32_t status;
    uint32_t control; /* bit 0: cycle; 15:10: type */
};
_Static_assert(sizeof(struct xhci_trb) == 16, "xHCI 1.2, 4.11.1");

struct xhci_ring {
    struct xhci_trb *trbs;
    uint64_t address; /* of trbs, for the controller */
    uint32_t count;   /* the last of them links back to the first */
    uint32_t next;    /* where the next is put */
    uint32_t cycle;   /* what makes it the controller's */
};

struct xhci_events {
    const struct xhci_trb *trbs;
    uint64_t address;
    uint32_t count;
    uint32_t next;
    uint32_t cycle;
};

/* Empty, whatever was in it: the controller must know, or not have known the ring. */
static inline void xhci_ring_init(struct xhci_ring *ring, void *trbs, uint64_t address, uint32_t count)
{
    memset(trbs, 0, count * sizeof(struct xhci_trb));
    *ring = (struct xhci_ring){.trbs = trbs, .address = address, .count = count, .cycle = XHCI_TRB_CYCLE};
    ring->trbs[count - 1].parameter = address;
}

/*
 * Gives a TRB to the controller, and returns its address. The caller sees to it that at most count - 2 are
 * outstanding (with one more the link could change its cycle before the controller has passed it), and rings the
 * doorbell.
 */
static inline uint64_t xhci_ring_put(struct xhci_ring *ring, uint64_t parameter, uint32_t status, uint32_t control)
{
    struct xhci_trb *trb = &ring->trbs[ring->next];
    trb->parameter = parameter;
    trb->status = status;
    __atomic_store_n(&trb->control, control | ring->cycle, __ATOMIC_RELEASE);
    uint64_t address = ring->address + ring->next * sizeof(*trb);
    if (++ring->next == ring->count - 1) {
        __atomic_store_n(&trb[1].control, XHCI_TRB_LINK | XHCI_TRB_TOGGLE | ring->cycle, __ATOMIC_RELEASE);
        ring->next = 0;
        ring->cycle ^= XHCI_TRB_CYCLE;
    }
    return address;
}

/* Which TRB of the ring an address means; UINT32_MAX: none, or the link. */
static inline uint32_t xhci_ring_index(const struct xhci_ring *ring, uint64_t address)
{
    uint64_t offset = address - ring->address; /* an address below wraps to one that is far too large */
    uint64_t index = offset / sizeof(struct xhci_trb);
    return offset % sizeof(struct xhci_trb) == 0 && index + 1 < ring->count ? (uint32_t)index : UINT32_MAX;
}

static inline void xhci_events_init(struct xhci_events *events, const void *trbs, uint64_t address, uint32_t count)
{
    *events = (struct xhci_events){trbs, address, count, 0, XHCI_TRB_CYCLE};
}

/* Whether the next event has come. Reads memory only. */
static inline bool xhci_events_pending(const struct xhci_events *events)
{
    return (__atomic_load_n(&events->trbs[events->next].control, __ATOMIC_ACQUIRE) & XHCI_TRB_CYCLE) == events->cycle;
}

/* Takes the next event. False: none has come. */
static inline bool xhci_events_take(struct xhci_events *events, struct xhci_trb *event)
{
    if (!xhci_events_pending(events))
        return false;
    *event = events->trbs[events->next];
    if (++events->next == events->count) {
        events->next = 0;
        events->cycle ^= XHCI_TRB_CYCLE;
    }
    return true;
}

#endif
