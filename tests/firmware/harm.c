/* The harms, one small function each: see harm.h. */
#include "tests/firmware/harm.h"

#include "kernel/base/string.h"
#include "tests/firmware/calls.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/instruction.h"
#include "tests/firmware/serial.h"

#define PATTERN_PAGES 16u
#define PATTERN_WORDS (PATTERN_PAGES * PAGE_SIZE / 8)
#define PATTERN_STEP  0x9E3779B97F4A7C15ull /* word n holds n of these: no two alike */

#define NOT_MAPPED    0x0000700000000000ull /* canonical, and beyond any memory */
#define NOT_CANONICAL 0x0001000000000000ull

#define CODE_ANSWER 42u

/* What is left in a store: as much as one small variable, and less. */
#define TIGHT_BYTES 2000u
#define FULL_BYTES  200u

#define EFI_RUNTIME_SIGNATURE 0x56524553544E5552ull /* 4.5: "RUNTSERV" */

/* mov eax, CODE_ANSWER; ret */
static const uint8_t code[] = {0xB8, CODE_ANSWER, 0, 0, 0, 0xC3};

static volatile uint64_t *pattern;
static uint8_t *boot_code;
static uint32_t harms[CALLS_COUNT]; /* bits: index in the table below */

/* Addresses as they were before SetVirtualAddressMap, which firmware ought to have converted and forgot. */
static struct {
    volatile uint64_t *own; /* a page of runtime data */
    struct efi_runtime_services *services;
} stored;
static uint64_t uses_of_stored;

static void read_word(uint64_t address)
{
    (void)*(volatile uint64_t *)vaddr_pointer(VADDR(address));
}

static void page_fault(uint64_t stack)
{
    (void)stack;
    read_word(NOT_MAPPED);
}

static void general_protection(uint64_t stack)
{
    (void)stack;
    read_word(NOT_CANONICAL);
}

static void undefined(uint64_t stack)
{
    (void)stack;
    instruction_undefined();
}

/* As one from outside, in the middle of the service. */
static void nmi(uint64_t stack)
{
    (void)stack;
    instruction_nmi();
}

/* What it reads there it writes back: page 0 holds the interrupt vectors of the compatibility module. */
static void page_0(uint64_t stack)
{
    (void)stack;
    volatile uint64_t *word = vaddr_pointer(VADDR(0x400));
    *word = *word + 0;
    serial_say("page 0 was read and written");
}

static void run_boot_code(uint64_t stack)
{
    (void)stack;
    uint32_t (*function)(void) = (uint32_t(*)(void))(uintptr_t)boot_code;
    serial_say("code in boot-services memory: %s", function() == CODE_ANSWER ? "ran" : "is not what it was");
}

static void read_boot_memory(uint64_t stack)
{
    (void)stack;
    serial_say("boot-services memory: %s", harm_boot_memory_intact() ? "intact" : "changed");
}

static void interrupts(uint64_t stack)
{
    (void)stack;
    instruction_interrupts_enable();
}

static void task_switched(uint64_t stack)
{
    (void)stack;
    instruction_set_task_switched();
}

static void clobber(uint64_t stack)
{
    (void)stack;
    instruction_clobber_sse();
}

/* As compilers do that keep SSE values on the stack. */
static void aligned(uint64_t stack)
{
    instruction_load_aligned(stack - 8);
    serial_say("movaps on the caller's stack: ok");
}

/* A count of ours, and a word of the table that is written back as it was read. */
static void use_stored(uint64_t stack)
{
    (void)stack;
    volatile uint32_t *reserved = &stored.services->header.reserved;
    *stored.own = *stored.own + 1;
    *reserved = *reserved;
    bool found = stored.services->header.signature == EFI_RUNTIME_SIGNATURE && *stored.own == ++uses_of_stored;
    serial_say("stored physical pointers: %s", found ? "work" : "lead elsewhere");
}

static void hang(uint64_t stack)
{
    (void)stack;
    serial_say("never returns");
    for (;;)
        instruction_in8(0x80);
}

static efi_status EFIAPI device_error(void)
{
    return EFI_DEVICE_ERROR;
}

/* QueryVariableInfo: of 256 KiB hardly anything is left. */
static efi_status EFIAPI tight(uint32_t attributes, uint64_t *total_bytes, uint64_t *free_bytes,
                               uint64_t *largest_bytes)
{
    (void)attributes;
    *total_bytes = 256 * KIB;
    *free_bytes = TIGHT_BYTES;
    *largest_bytes = 32 * KIB;
    return EFI_SUCCESS;
}

static efi_status EFIAPI full(uint32_t attributes, uint64_t *total_bytes, uint64_t *free_bytes,
                              uint64_t *largest_bytes)
{
    (void)tight(attributes, total_bytes, free_bytes, largest_bytes);
    *free_bytes = FULL_BYTES;
    return EFI_SUCCESS;
}

static efi_status EFIAPI out_of_resources(void)
{
    return EFI_OUT_OF_RESOURCES;
}

/* Functions of any type, called with the arguments of the service that they stand for. */
typedef efi_status(EFIAPI *replacement)(void);

static const struct {
    const char *name;
    void (*act)(uint64_t stack);
    replacement instead;
} table[] = {
    {"pf",            page_fault,         NULL        },
    {"gp",            general_protection, NULL        },
    {"ud",            undefined,          NULL        },
    {"nmi",           nmi,                NULL        },
    {"page0",         page_0,             NULL        },
    {"boot-code",     run_boot_code,      NULL        },
    {"boot-memory",   read_boot_memory,   NULL        },
    {"interrupts",    interrupts,         NULL        },
    {"task-switched", task_switched,      NULL        },
    {"sse",           clobber,            NULL        },
    {"aligned",       aligned,            NULL        },
    {"physical",      use_stored,         NULL        },
    {"hang",          hang,               NULL        },
    {"fails",         NULL,               device_error},
    {"no-resources",  NULL,               out_of_resources},
    {"tight",         NULL,               (replacement)(uintptr_t)tight},
    {"full",          NULL,               (replacement)(uintptr_t)full},
};

bool harm_prepare(void)
{
    pattern = firmware_pages(EFI_BOOT_SERVICES_DATA, PATTERN_PAGES);
    boot_code = firmware_pages(EFI_BOOT_SERVICES_CODE, 1);
    stored.own = firmware_pages(EFI_RUNTIME_SERVICES_DATA, 1);
    stored.services = firmware.system->runtime_services;
    if (pattern == NULL || boot_code == NULL || stored.own == NULL)
        return false;
    for (uint64_t i = 0; i < PATTERN_WORDS; i++)
        pattern[i] = i * PATTERN_STEP;
    memcpy(boot_code, code, sizeof(code));
    serial_say("the pattern lies at 0x%llx, 0x%llx words", (unsigned long long)vaddr_of(pattern).value,
               (unsigned long long)PATTERN_WORDS);
    return true;
}

bool harm_add(uint32_t service, const char *name)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(table); i++) {
        if (strcmp(table[i].name, name) == 0) {
            harms[service] |= 1u << i;
            return true;
        }
    }
    return false;
}

uint64_t harm_do(uint32_t service, uint64_t stack)
{
    uint64_t instead = 0;
    for (uint32_t i = 0; i < ARRAY_COUNT(table); i++) {
        if ((harms[service] >> i & 1) == 0)
            continue;
        if (table[i].act != NULL)
            table[i].act(stack);
        else
            instead = (uint64_t)(uintptr_t)table[i].instead;
    }
    return instead;
}

bool harm_boot_memory_intact(void)
{
    for (uint64_t i = 0; i < PATTERN_WORDS; i++) {
        if (pattern[i] != i * PATTERN_STEP)
            return false;
    }
    return true;
}
