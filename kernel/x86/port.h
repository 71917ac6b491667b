/*
 * The kernel's side of mm/port.h: forgetting translations on every CPU.
 *
 * One request is under way at a time, posted by the CPU that changed an entry; the others are told by an interrupt
 * (kernel/smp.c sends it) and answer in the handler or, should they be waiting for a lock with interrupts off, in
 * cpu_relax, so that no two CPUs can wait for each other.
 */
#ifndef KEEL_X86_PORT_H
#define KEEL_X86_PORT_H

#include "kernel/base/types.h"
#include "mm/port.h"

/* Tells every other CPU that runs: sets tlb_pending in its block, then interrupts it. Returns how many were told. */
typedef unsigned port_notify(void);

/* From here on more than one CPU may hold translations. */
void port_set_notify(port_notify *notify);

/* Answers the posted request if this CPU owes an answer. Any context. */
void port_tlb_answer(void);

#endif
