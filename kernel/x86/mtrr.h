/*
 * What the firmware's memory-type range registers say of an address. They are read and never changed: SMM code relies
 * on them, and the PAT does all that we need.
 */
#ifndef KEEL_X86_MTRR_H
#define KEEL_X86_MTRR_H

#include "kernel/base/types.h"

/* "UC", "WC", "WT", "WP", "WB", as this CPU has it; "off" without MTRRs. For addresses from 1 MiB up. */
const char *mtrr_type_name(struct paddr address);

#endif
