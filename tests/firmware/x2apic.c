/* x2APIC mode: see x2apic.h. SDM volume 3, 11.12.1 (detecting and enabling), 11.4.4 (IA32_APIC_BASE). */
#include "tests/firmware/x2apic.h"

#include "kernel/base/bits.h"
#include "tests/firmware/instruction.h"
#include "tests/firmware/serial.h"

#define FEATURE_X2APIC BIT(21) /* SDM volume 2, CPUID.01H:ECX */
#define APIC_BASE      0x1Bu
#define APIC_EXTD      BIT(10)

static bool wanted;

void x2apic_prepare(void)
{
    wanted = (instruction_cpu_features() & FEATURE_X2APIC) != 0;
    serial_say("%s", wanted ? "x2APIC will be on" : "this CPU has no x2APIC");
}

void x2apic_start(void)
{
    if (!wanted)
        return;
    instruction_write_msr(APIC_BASE, instruction_read_msr(APIC_BASE) | APIC_EXTD);
    serial_say("x2APIC is on");
}
