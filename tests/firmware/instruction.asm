; Single instructions as functions: see instruction.h. Microsoft's x64 convention: rcx, rdx, r8, r9.

bits 64
default rel

CR0_TS equ 1 << 3                       ; SDM volume 3, 2.5

global instruction_in8
global instruction_out8
global instruction_in32
global instruction_out32
global instruction_interrupts_enable
global instruction_undefined
global instruction_set_task_switched
global instruction_clobber_sse
global instruction_load_aligned

section .rdata rdata align=16

unmasked_mxcsr: dd 0                    ; SDM volume 1, 10.2.3: no exception is masked

section .text code align=16

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

; void instruction_interrupts_enable(void)
instruction_interrupts_enable:
    sti
    nop
    ret

; void instruction_undefined(void)
instruction_undefined:
    ud2
    ret

; void instruction_set_task_switched(void)
instruction_set_task_switched:
    mov     rax, cr0
    or      rax, CR0_TS
    mov     cr0, rax
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
