; Leaving one stack for another: see enter.h. Both jumps look like a call from nowhere:
;
;       stack_top       16-byte aligned
;       stack_top - 32  the callee's home for its register arguments (Microsoft x64)
;       stack_top - 40  return address 0, where every backtrace ends; rsp at entry, so rsp + 8 is 16-byte aligned
;
; Nothing is returned to and nothing is saved: RBP is cleared only so that a dump shows where the chain begins.
;
; Firmware may have left shadow stacks and indirect-branch tracking on (CR4.CET). Both go off with the firmware's stack:
; the far return and the IRET of fault.asm would not match a shadow stack, nor do our jumps lead to an ENDBR64.

bits 64
default rel

SHADOW_BYTES equ 32
CR4_CET_BIT  equ 23                     ; SDM volume 3, 2.5; 0 on a CPU without

global enter_stack
global enter_kernel
extern kernel_main

section .boot code align=16

; void enter_stack(rcx: stack_top, rdx: function, r8: argument)
enter_stack:
    mov     rax, cr4
    btr     rax, CR4_CET_BIT            ; before CR0.WP, which may not be cleared while it is set
    mov     cr4, rax
    lea     rsp, [rcx - SHADOW_BYTES]
    mov     rcx, r8
    xor     ebp, ebp
    push    0
    jmp     rdx

; void enter_kernel(rcx: stack_top, rdx: delta, r8: handoff)
enter_kernel:
    lea     rsp, [rcx - SHADOW_BYTES]
    lea     rax, [kernel_main]          ; where we run now, which is below the high half by delta
    add     rax, rdx
    mov     rcx, r8
    xor     ebp, ebp
    push    0
    jmp     rax
