/*
 * The marks of the boot, and their table.
 *
 * Each mark says when a phase ended, so a row is the time since the mark before it, and no time goes unnamed. In raw
 * TSC, because the first marks are made before there is a clock; microseconds are computed when the table is printed.
 */
#include "kernel/timeline.h"

#include "kernel/base/check.h"
#include "kernel/console.h"
#include "kernel/memory.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"

struct mark {
    const char *name;
    uint64_t tsc;
};

/* First boot/'s own, whose times are in the hand-off; HANDOFF_MARK_ENTRY is the beginning of time. */
static struct mark marks[TIMELINE_MARKS_MAX] = {
    [HANDOFF_MARK_GATHERED] = {"gather", 0},
    [HANDOFF_MARK_EXIT] = {"exit boot services", 0},
    [HANDOFF_MARK_VIRTUAL_MAP] = {"virtual address map", 0},
    [HANDOFF_MARK_JUMP] = {"relocate", 0},
};
static unsigned mark_count = HANDOFF_MARK_COUNT;

void timeline_mark(const char *name)
{
    CHECK(mark_count < TIMELINE_MARKS_MAX);
    marks[mark_count++] = (struct mark){name, cpu_tsc()};
}

void timeline_ready(void)
{
    /* The fixed line: tests, scripts and people wait for it. It is printed when keys are already taken. */
    uint64_t ticks = cpu_tsc() - memory_handoff()->marks[HANDOFF_MARK_ENTRY];
    print("keel: ready cpus=%u boot_us=%llu\n", smp_cpu_count(), time_us_of_tsc(ticks));
}

void timeline_print(void)
{
    const uint64_t *early = memory_handoff()->marks;
    uint64_t previous = early[HANDOFF_MARK_ENTRY];
    for (unsigned i = HANDOFF_MARK_GATHERED; i < mark_count; i++) {
        uint64_t tsc = i < HANDOFF_MARK_COUNT ? early[i] : marks[i].tsc;
        /* A phase that was not reached: 0 in the hand-off. */
        if (tsc == 0)
            continue;
        print("%-22s %14llu tsc %10llu us\n", marks[i].name, tsc - previous, time_us_of_tsc(tsc - previous));
        previous = tsc;
    }
    print("boot: exit_to_ready_tsc=%llu\n", previous - early[HANDOFF_MARK_EXIT]);
}
