/* The marks of the boot, and their table. */
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

static struct mark marks[TIMELINE_MARKS_MAX];
static unsigned mark_count;

/* What boot/ did before each of its own marks; HANDOFF_MARK_ENTRY is the beginning of time. */
static const char *const handoff_phases[HANDOFF_MARK_COUNT] = {
    [HANDOFF_MARK_GATHERED] = "gather",
    [HANDOFF_MARK_EXIT] = "exit boot services",
    [HANDOFF_MARK_VIRTUAL_MAP] = "virtual address map",
    [HANDOFF_MARK_JUMP] = "relocate",
};

void timeline_mark(const char *name)
{
    CHECK(mark_count < TIMELINE_MARKS_MAX);
    marks[mark_count++] = (struct mark){name, cpu_tsc()};
}

void timeline_ready(void)
{
    uint64_t start = memory_handoff()->marks[HANDOFF_MARK_ENTRY];
    print("keel: ready cpus=%u boot_us=%llu\n", smp_cpu_count(), time_us_of_tsc(cpu_tsc() - start));
}

static void print_phase(const char *name, uint64_t from, uint64_t to)
{
    print("%-22s %14llu tsc %10llu us\n", name, to - from, time_us_of_tsc(to - from));
}

void timeline_print(void)
{
    const uint64_t *early = memory_handoff()->marks;
    uint64_t previous = early[HANDOFF_MARK_ENTRY];
    for (unsigned i = HANDOFF_MARK_GATHERED; i < HANDOFF_MARK_COUNT; i++) {
        if (early[i] == 0)
            continue;
        print_phase(handoff_phases[i], previous, early[i]);
        previous = early[i];
    }
    for (unsigned i = 0; i < mark_count; i++) {
        print_phase(marks[i].name, previous, marks[i].tsc);
        previous = marks[i].tsc;
    }
    print("boot: exit_to_ready_tsc=%llu\n", previous - early[HANDOFF_MARK_EXIT]);
}
