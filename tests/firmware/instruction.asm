; Single instructions as functions: see instruction.h. Microsoft's x64 convention: rcx, rdx, r8, r9.

bits 64
default rel

CR0_TS equ 1 << 3                       ; SDM volume 3, 2.5
CR0_WP equ 1 << 16

MSR_EFER equ 0xC0000080                 ; SDM volume 3, 2.2.1
EFER_NXE equ 1 << 11
EFER_SCE equ 1

MSR_S_CET        equ 0x6A2              ; SDM volume 4, table 2-2
S_CET_ENDBR_EN   equ 1 << 2
MSR_PKRS         equ 0x6E1
PKRS_KEY_0_ALONE equ 0xFFFFFFFC

global instruction_in8
global instruction_out8
global instruction_in16
global instruction_out16
global instruction_in32
global instruction_out32
global instruction_cpu_features
global instruction_cpu_has_la57
global instruction_read_cr3
global instruction_read_msr
global instruction_write_msr
global instruction_interrupts_enable
global instruction_undefined
global instruction_nmi
global instruction_set_task_switched
global instruction_set_controls
global instruction_clobber_sse
global instruction_load_aligned
global instruction_use_tables
global __security_cookie
global __security_check_cookie

section .rdata rdata align=16

unmasked_mxcsr: dd 0                    ; SDM volume 1, 10.2.3: no exception is masked

; The kernel's flags of the compiler are ours too; a smashed stack is an #UD here (kernel/x86/protector.h).
__security_cookie: dq 0x4B65656C00436F6F

section .text code align=16

; void __security_check_cookie(uint64_t found)
__security_check_cookie:
    cmp     rcx, [__security_cookie]
    jne     instruction_undefined
    ret

; uint8_t instruction_in8(uint16_t port)
instruction_in8:
    mov     edx, ecx
    in      al, dx
    movzx   eax, al
    ret

; void instruction_out8(uint16_t port, uint8_t value)
instruction_out8:
    mov     eax, edx
    mov     edx, ecx
    out     dx, al
    ret

; uint16_t instruction_in16(uint16_t port)
instruction_in16:
    mov     edx, ecx
    in      ax, dx
    movzx   eax, ax
    ret

; void instruction_out16(uint16_t port, uint16_t value)
instruction_out16:
    mov     eax, edx
    mov     edx, ecx
    out     dx, ax
    ret

; uint32_t instruction_in32(uint16_t port)
instruction_in32:
    mov     edx, ecx
    in      eax, dx
    ret

; void instruction_out32(uint16_t port, uint32_t value)
instruction_out32:
    mov     eax, edx
    mov     edx, ecx
    out     dx, eax
    ret

; uint32_t instruction_cpu_features(void)
instruction_cpu_features:
    push    rbx
    mov     eax, 1
    cpuid
    mov     eax, ecx
    pop     rbx
    ret

; bool instruction_cpu_has_la57(void)
instruction_cpu_has_la57:
    push    rbx
    mov     eax, 7                      ; SDM volume 2, CPUID: ECX bit 16 of leaf 7
    xor     ecx, ecx
    cpuid
    xor     eax, eax
    bt      ecx, 16
    setc    al
    pop     rbx
    ret

; uint64_t instruction_read_cr3(void)
instruction_read_cr3:
    mov     rax, cr3
    ret

; uint64_t instruction_read_msr(uint32_t number)
instruction_read_msr:
    rdmsr
    shl     rdx, 32
    or      rax, rdx
    ret

; void instruction_write_msr(uint32_t number, uint64_t value)
instruction_write_msr:
    mov     rax, rdx
    shr     rdx, 32
    wrmsr
    ret

; void instruction_interrupts_enable(void)
instruction_interrupts_enable:
    sti
    nop
    ret

; void instruction_undefined(void)
instruction_undefined:
    ud2
    ret

; void instruction_nmi(void)
instruction_nmi:
    int     2
    ret

; void instruction_set_task_switched(void)
instruction_set_task_switched:
    mov     rax, cr0
    or      rax, CR0_TS
    mov     cr0, rax
    ret

; Sets the bit of CR4 (in R8) that the CPU has when that bit of a register of CPUID is set.
%macro CONTROL 3                        ; bit of CR4, register, its bit
    bt      %2, %3
    setc    al
    movzx   eax, al
    shl     rax, %1
    or      r8, rax
%endmacro

; void instruction_set_controls(void)
instruction_set_controls:
    push    rbx
    mov     r8, cr4
    or      r8, 1 << 2 | 1 << 3         ; TSD, DE
    mov     eax, 1
    cpuid
    CONTROL 17, ecx, 17                 ; PCIDE, with PCID 0 in force
    CONTROL 18, ecx, 26                 ; OSXSAVE
    mov     eax, 7
    xor     ecx, ecx
    cpuid
    CONTROL 16, ebx, 0                  ; FSGSBASE
    CONTROL 20, ebx, 7                  ; SMEP
    CONTROL 21, ebx, 20                 ; SMAP
    CONTROL 11, ecx, 2                  ; UMIP
    CONTROL 22, ecx, 3                  ; PKE
    CONTROL 24, ecx, 31                 ; PKS
    CONTROL 23, edx, 20                 ; CET, for its branch tracking
    mov     cr4, r8
    bt      r8, 24
    jnc     .no_keys
    mov     ecx, MSR_PKRS
    mov     eax, PKRS_KEY_0_ALONE
    xor     edx, edx
    wrmsr
.no_keys:
    bt      r8, 23
    jnc     .no_tracking
    mov     ecx, MSR_S_CET
    mov     eax, S_CET_ENDBR_EN
    xor     edx, edx
    wrmsr
.no_tracking:
    mov     ecx, MSR_EFER
    rdmsr
    or      eax, EFER_SCE
    wrmsr
    pop     rbx
    ret

; void instruction_clobber_sse(void)
instruction_clobber_sse:
%assign register 0
%rep 16
    pcmpeqd xmm %+ register, xmm %+ register
  %assign register register + 1
%endrep
    ldmxcsr [unmasked_mxcsr]
    ret

; void instruction_load_aligned(uint64_t address)
instruction_load_aligned:
    movaps  xmm0, [rcx]
    ret

; void instruction_use_tables(uint64_t root)
instruction_use_tables:
    mov     r8, rcx
    mov     ecx, MSR_EFER
    rdmsr
    or      eax, EFER_NXE               ; U-Boot has it off
    wrmsr
    mov     cr3, r8
    mov     rax, cr0
    or      rax, CR0_WP
    mov     cr0, rax
    ret
