/*
 * Names for the CPU's own numbers: control-register bits, MSRs, selectors, vectors, the PAT.
 *
 * Rules: constants only, no functions and no state; boot/ may include it, and descriptors.h beside it. Each
 * group names the table it was copied from. "SDM" is Intel's Software Developer's Manual, volume and section.
 */
#ifndef KEEL_X86_REGS_H
#define KEEL_X86_REGS_H

/* RFLAGS: SDM 1, 3.4.3. */
#define RFLAGS_RESERVED_ONE 0x00000002u
#define RFLAGS_TF           0x00000100u
#define RFLAGS_IF           0x00000200u
#define RFLAGS_DF           0x00000400u
#define RFLAGS_AC           0x00040000u

/* Leaves: SDM 2, CPUID, tables 3-8 ff. */
#define CPUID_BASIC             0x00000000u
#define CPUID_FEATURES          0x00000001u
#define CPUID_STRUCTURED        0x00000007u
#define CPUID_TSC_RATIO         0x00000015u /* this and the next: SDM 3, 19.7.3 */
#define CPUID_FREQUENCY         0x00000016u
#define CPUID_EXTENDED          0x80000000u
#define CPUID_EXTENDED_FEATURES 0x80000001u
#define CPUID_BRAND             0x80000002u /* to 0x80000004, 16 characters each */
#define CPUID_POWER             0x80000007u
#define CPUID_ADDRESS_SIZES     0x80000008u

/* Control registers: SDM 3, 2.5. */
#define CR0_PE 0x00000001ull /* protected mode */
#define CR0_MP 0x00000002ull /* WAIT heeds TS */
#define CR0_EM 0x00000004ull /* no x87: #NM, and #UD for SSE */
#define CR0_TS 0x00000008ull /* task switched: the next SSE instruction traps */
#define CR0_ET 0x00000010ull /* always 1 */
#define CR0_NE 0x00000020ull /* x87 errors are #MF */
#define CR0_WP 0x00010000ull /* supervisor writes heed read-only pages */
#define CR0_AM 0x00040000ull
#define CR0_NW 0x20000000ull
#define CR0_CD 0x40000000ull
#define CR0_PG 0x80000000ull

/* What every CPU of ours runs with; caches on (CD and NW clear), no lazy FPU (TS clear). */
#define CR0_KERNEL (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG)

#define CR3_ADDRESS_MASK 0x000FFFFFFFFFF000ull

#define CR4_DE         0x00000008ull
#define CR4_PAE        0x00000020ull
#define CR4_MCE        0x00000040ull
#define CR4_PGE        0x00000080ull
#define CR4_OSFXSR     0x00000200ull
#define CR4_OSXMMEXCPT 0x00000400ull
#define CR4_UMIP       0x00000800ull
#define CR4_LA57       0x00001000ull
#define CR4_VMXE       0x00002000ull
#define CR4_FSGSBASE   0x00010000ull
#define CR4_PCIDE      0x00020000ull
#define CR4_OSXSAVE    0x00040000ull
#define CR4_SMEP       0x00100000ull
#define CR4_SMAP       0x00200000ull
#define CR4_PKE        0x00400000ull
#define CR4_CET        0x00800000ull

/* MSRs: SDM 4, table 2-2. */
#define MSR_APIC_BASE     0x0000001Bu
#define MSR_MICROCODE     0x0000008Bu /* IA32_BIOS_SIGN_ID; AMD's PATCH_LEVEL */
#define MSR_ARCH_CAPABILITIES 0x0000010Au
#define MSR_PAT           0x00000277u
#define MSR_TSC_DEADLINE  0x000006E0u
#define MSR_X2APIC_BASE   0x00000800u /* + register offset / 16: SDM 3, table 11-6 */
#define MSR_X2APIC_ICR    0x00000830u
#define MSR_EFER          0xC0000080u
#define MSR_GS_BASE       0xC0000101u

#define APIC_BASE_BSP     0x00000100ull
#define APIC_BASE_EXTD    0x00000400ull /* x2APIC mode */
#define APIC_BASE_ENABLE  0x00000800ull
#define APIC_BASE_ADDRESS 0x000FFFFFFFFFF000ull

#define EFER_SCE 0x001ull
#define EFER_LME 0x100ull
#define EFER_LMA 0x400ull
#define EFER_NXE 0x800ull

/*
 * IA32_PAT: SDM 3, 12.12.2. A page-table entry chooses one of eight bytes by PAT*4 + PCD*2 + PWT.
 *
 *   index          0   1   2    3   4   5   6    7
 *   PAT PCD PWT    000 001 010  011 100 101 110  111
 *   memory type    WB  WT  UC-  UC  WC  WP  UC-  UC
 *
 * Indices 0 to 3 are the power-on values, so tables that know nothing of the PAT (the firmware's) mean the same.
 * Write-combining is index 4: the PAT bit alone, which is bit 7 in a 4 KiB entry and bit 12 in a larger one.
 */
#define PAT_VALUE 0x0007050100070406ull

/* Error code of a page fault: SDM 3, 4.7. */
#define PAGE_FAULT_PRESENT     0x01u /* a protection was broken; clear: nothing was mapped */
#define PAGE_FAULT_WRITE       0x02u
#define PAGE_FAULT_USER        0x04u
#define PAGE_FAULT_RESERVED    0x08u /* a reserved bit was set in an entry */
#define PAGE_FAULT_INSTRUCTION 0x10u

/* Our GDT (gdt.c); boot/ uses the same selectors so that CS survives the change of table. */
#define SELECTOR_NULL 0x00u
#define SELECTOR_CODE 0x08u
#define SELECTOR_DATA 0x10u
#define SELECTOR_TSS  0x18u /* two entries wide: SDM 3, 8.2.3 */

/* Exceptions: SDM 3, table 6-1. */
#define VECTOR_DIVIDE        0u
#define VECTOR_DEBUG         1u
#define VECTOR_NMI           2u
#define VECTOR_BREAKPOINT    3u
#define VECTOR_INVALID       6u
#define VECTOR_DOUBLE_FAULT  8u
#define VECTOR_NOT_PRESENT   11u
#define VECTOR_STACK         12u
#define VECTOR_PROTECTION    13u
#define VECTOR_PAGE_FAULT    14u
#define VECTOR_MACHINE_CHECK 18u
#define VECTOR_EXCEPTIONS    32u /* how many vectors are the CPU's own */

/*
 * Interrupts. 0x20 to 0x2F stay free: the 8259s' spurious interrupts come in there. The local APIC serves higher
 * vectors first (SDM 3, 11.8.3.1), hence the kernel's own above the devices'.
 */
#define VECTOR_CONSOLE       0x30u /* keyboard and serial port: the lowest, since all others are served first */
#define VECTOR_SCI           0x31u /* ACPI's, of which the power button is one source */
#define VECTOR_USB           0x32u
#define VECTOR_TEST          0x3Fu /* of kernel/tests/devices.c alone */
#define VECTOR_TIMER         0xF0u
#define VECTOR_CALL          0xF1u /* another CPU has posted something: translations to forget, or work */
#define VECTOR_APIC_ERROR    0xFEu
#define VECTOR_SPURIOUS      0xFFu

/* Stacks of the interrupt stack table, 1 to 7: SDM 3, 6.14.5. 0 in a gate: stay on the current stack. */
#define IST_NONE          0u
#define IST_DOUBLE_FAULT  1u
#define IST_NMI           2u
#define IST_MACHINE_CHECK 3u
#define IST_COUNT         3u

#endif
