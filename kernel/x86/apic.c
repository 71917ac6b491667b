/*
 * The local APIC. Registers and their MSR numbers: SDM 3, table 11-1 and table 11-6.
 *
 *     xAPIC    a page of registers in memory, 16 bytes apart, 32 bits each; an ID has 8 bits
 *     x2APIC   MSR 800h + offset / 16; an ID has 32 bits; the command register is one MSR of 64
 *
 *     offset 300h, 310h: the command  | 63:56 destination | ... | 19:18 to whom | 14 assert | 10:8 kind | 7:0 vector |
 *
 * From x2APIC there is no step back to xAPIC (11.12.1), and firmware may have turned it on, or locked it on; so the
 * mode is found, raised if needed, never lowered, and the same on every CPU.
 */
#include "kernel/x86/apic.h"

#include "kernel/base/spinlock.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/percpu.h"

#define APIC_ID              0x020u
#define APIC_VERSION         0x030u
#define APIC_TASK_PRIORITY   0x080u
#define APIC_EOI             0x0B0u
#define APIC_SPURIOUS        0x0F0u
#define APIC_IN_SERVICE      0x100u /* eight registers of 32 vectors, 0x10 apart */
#define APIC_ERROR_STATUS    0x280u
#define APIC_LVT_CMCI        0x2F0u
#define APIC_COMMAND_LOW     0x300u
#define APIC_COMMAND_HIGH    0x310u
#define APIC_LVT_TIMER       0x320u
#define APIC_LVT_THERMAL     0x330u
#define APIC_LVT_PERFORMANCE 0x340u
#define APIC_LVT_LINT0       0x350u
#define APIC_LVT_LINT1       0x360u
#define APIC_LVT_ERROR       0x370u
#define APIC_TIMER_INITIAL   0x380u
#define APIC_TIMER_CURRENT   0x390u
#define APIC_TIMER_DIVIDE    0x3E0u

#define SPURIOUS_ENABLE 0x100u          /* 11.9 */
#define LVT_MASKED      0x10000u        /* 11.5.1 */
#define LVT_TSC_DEADLINE 0x40000u       /* 11.5.4.1 */
#define TIMER_DIVIDE_BY_16 0x3u         /* 11.5.4 */
#define COMMAND_PENDING 0x1000u         /* 11.6.1 */

/* The local bus takes a command in well under this many polls, unless it is dead. */
#define COMMAND_POLLS_MAX 100000u

/* Firmware may have left any of 256 vectors in service. */
#define IN_SERVICE_MAX 256u

static struct {
    volatile uint8_t *registers; /* NULL in x2APIC mode */
    bool x2apic;                 /* the same on all CPUs */
} apic;

static uint32_t apic_read(uint32_t offset)
{
    if (apic.x2apic)
        /*
         * One that x2APIC lacks would be a #GP: of those named above only 310h, which xAPIC's half of apic_send has
         * alone.
         */
        return (uint32_t)cpu_read_msr(MSR_X2APIC_BASE + (offset >> 4));
    return mmio_read32(apic.registers + offset);
}

static void apic_write(uint32_t offset, uint32_t value)
{
    if (apic.x2apic)
        cpu_write_msr(MSR_X2APIC_BASE + (offset >> 4), value);
    else
        mmio_write32(apic.registers + offset, value);
}

struct paddr apic_registers(void)
{
    uint64_t base = cpu_read_msr(MSR_APIC_BASE);
    return PADDR(base & APIC_BASE_EXTD ? 0 : base & APIC_BASE_ADDRESS);
}

/* 11.12.1: disabled to x2APIC is no legal step; through xAPIC it is. Back from x2APIC is none either. */
static void enable_mode(void)
{
    uint64_t base = cpu_read_msr(MSR_APIC_BASE);
    if ((base & APIC_BASE_ENABLE) == 0)
        cpu_write_msr(MSR_APIC_BASE, base |= APIC_BASE_ENABLE);
    if (apic.x2apic && (base & APIC_BASE_EXTD) == 0)
        cpu_write_msr(MSR_APIC_BASE, base | APIC_BASE_EXTD);
}

/*
 * 11.4.8: how many there are, less 1, is in the version register; by_number is the order in which CPUs got them. LINT0,
 * where the 8259s come in, and LINT1, external NMI, stay masked for good: the I/O APIC delivers everything, and NMI is
 * ours for stopping CPUs.
 */
static void mask_local_interrupts(void)
{
    static const uint16_t by_number[] = {APIC_LVT_TIMER, APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_ERROR,
                                         APIC_LVT_PERFORMANCE, APIC_LVT_THERMAL, APIC_LVT_CMCI};
    uint32_t last = apic_read(APIC_VERSION) >> 16 & 0xFF;
    for (uint32_t i = 0; i <= last && i < ARRAY_COUNT(by_number); i++)
        apic_write(by_number[i], apic_read(by_number[i]) | LVT_MASKED);
}

/* A vector that firmware never ended would hold back ours of lower priority for ever. */
static void end_leftovers(void)
{
    for (uint32_t i = 0; i < IN_SERVICE_MAX; i++) {
        uint32_t in_service = 0;
        for (uint32_t word = 0; word < 8; word++)
            /*
             * EOI takes the highest vector out and does not say which: all eight words are looked at again each time.
             */
            in_service |= apic_read(APIC_IN_SERVICE + word * 0x10);
        if (in_service == 0)
            return;
        apic_eoi();
    }
}

void apic_init_cpu(void)
{
    enable_mode();
    mask_local_interrupts();
    /* Every vector is let in, before the APIC is enabled with its spurious vector in place. */
    apic_write(APIC_TASK_PRIORITY, 0);
    apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    end_leftovers();
    /* Written before it is read, and to arm it: 11.5.3. */
    apic_write(APIC_ERROR_STATUS, 0);
    apic_write(APIC_LVT_ERROR, VECTOR_APIC_ERROR);
    apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_16);
    uint32_t id = apic_read(APIC_ID);
    this_cpu()->apic_id = apic.x2apic ? id : id >> 24;
}

void apic_init(volatile void *registers, uint32_t apic_id_max)
{
    apic.x2apic = registers == NULL || (apic_id_max > APIC_ID_XAPIC_MAX && cpu_features()->x2apic);
    apic.registers = registers;
    apic_init_cpu();
}

bool apic_is_x2apic(void)
{
    return apic.x2apic;
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

static void wait_until_sent(void)
{
    for (uint32_t polls = 0; polls < COMMAND_POLLS_MAX; polls++) {
        if ((apic_read(APIC_COMMAND_LOW) & COMMAND_PENDING) == 0)
            return;
        cpu_relax();
    }
}

/*
 * 11.12.3: WRMSR to x2APIC is not serialising; what was stored before must be visible to whom it interrupts. xAPIC's
 * two halves must not be torn apart by a handler that sends, hence interrupts off.
 */
void apic_send(uint32_t destination, uint32_t message)
{
    if (apic.x2apic) {
        __asm__ volatile("mfence\n\tlfence" : : : "memory");
        cpu_write_msr(MSR_X2APIC_ICR, (uint64_t)destination << 32 | message);
        return;
    }
    uint64_t flags = interrupts_save_and_disable();
    /* High before low: writing the low half sends. */
    wait_until_sent();
    apic_write(APIC_COMMAND_HIGH, destination << 24);
    apic_write(APIC_COMMAND_LOW, message);
    interrupts_restore(flags);
}

void apic_timer_start(uint32_t count)
{
    /* The vector before the count, whose write starts the timer. */
    apic_write(APIC_LVT_TIMER, count == 0 ? LVT_MASKED | VECTOR_TIMER : VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, count);
}

uint32_t apic_timer_remaining(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}

/* 11.5.4.1: the fence keeps the MSR write behind the store that chose the mode. */
void apic_timer_deadline(uint64_t tsc)
{
    apic_write(APIC_LVT_TIMER, LVT_TSC_DEADLINE | VECTOR_TIMER);
    __asm__ volatile("mfence" : : : "memory");
    cpu_write_msr(MSR_TSC_DEADLINE, tsc);
}
