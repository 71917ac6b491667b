/*
 * The table of errata.h. Source: the models of the TSC deadline, and the revisions that mend it, are those of Linux
 * (arch/x86/kernel/apic/apic.c), which has them from Intel.
 */
#include "kernel/x86/errata.h"

#include "kernel/base/string.h"

#define STEPPING(n)  (1u << (n))
#define ANY_STEPPING 0xFFFFu

/* Family 6. */
static const struct {
    uint8_t model;
    uint8_t erratum;
    uint16_t steppings;
    uint32_t mended; /* the first revision without it */
} table[] = {
    {0x3F, ERRATUM_TSC_DEADLINE, STEPPING(2),  0x3A      }, /* Haswell servers */
    {0x3F, ERRATUM_TSC_DEADLINE, STEPPING(4),  0x0F      },
    {0x3C, ERRATUM_TSC_DEADLINE, ANY_STEPPING, 0x22      }, /* Haswell */
    {0x45, ERRATUM_TSC_DEADLINE, ANY_STEPPING, 0x20      },
    {0x46, ERRATUM_TSC_DEADLINE, ANY_STEPPING, 0x17      },
    {0x4F, ERRATUM_TSC_DEADLINE, ANY_STEPPING, 0x0B000020}, /* Broadwell servers */
    {0x56, ERRATUM_TSC_DEADLINE, STEPPING(2),  0x11      },
    {0x56, ERRATUM_TSC_DEADLINE, STEPPING(3),  0x0700000E},
    {0x56, ERRATUM_TSC_DEADLINE, STEPPING(4),  0x0F00000C},
    {0x56, ERRATUM_TSC_DEADLINE, STEPPING(5),  0x0E000003},
    {0x3D, ERRATUM_TSC_DEADLINE, ANY_STEPPING, 0x25      }, /* Broadwell */
    {0x47, ERRATUM_TSC_DEADLINE, ANY_STEPPING, 0x17      },
    {0x55, ERRATUM_TSC_DEADLINE, STEPPING(3),  0x01000136}, /* Skylake servers */
    {0x55, ERRATUM_TSC_DEADLINE, STEPPING(4),  0x02000014},
    {0x4E, ERRATUM_TSC_DEADLINE, ANY_STEPPING, 0xB2      }, /* Skylake */
    {0x5E, ERRATUM_TSC_DEADLINE, ANY_STEPPING, 0xB2      },
    {0x8E, ERRATUM_TSC_DEADLINE, ANY_STEPPING, 0x52      }, /* Kaby Lake */
    {0x9E, ERRATUM_TSC_DEADLINE, ANY_STEPPING, 0x52      },
};

const char *const errata_texts[ERRATA_COUNT] = {
    "tsc-deadline (not used; newer microcode mends it)",
};

uint32_t errata_find(const char *vendor, uint32_t signature, uint32_t microcode)
{
    uint32_t model = (signature >> 12 & 0xF0) | (signature >> 4 & 0xF); /* the extended model counts in family 6 */
    uint32_t errata = 0;
    if (strcmp(vendor, "GenuineIntel") != 0 || (signature >> 8 & 0xF) != 6)
        return 0;
    for (size_t i = 0; i < ARRAY_COUNT(table); i++)
        if (table[i].model == model && (table[i].steppings & STEPPING(signature & 0xF)) != 0 &&
            microcode < table[i].mended)
            errata |= table[i].erratum;
    return errata;
}
