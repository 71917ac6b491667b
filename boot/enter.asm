; Leaving one stack for another: see enter.h. Both jumps look like a call from nowhere:
;
;       stack_top       16-byte aligned
;       stack_top - 32  the callee's home for its register arguments (Microsoft x64)
;       stack_top - 40  return address 0, where every backtrace ends; rsp at entry, so rsp + 8 is 16-byte aligned
;
; Nothing is returned to and nothing is saved: RBP is cleared only so that a dump shows where the chain begins.

bits 64
default rel

SHADOW_BYTES equ 32

global enter_stack
global enter_kernel
extern kernel_main

section .boot code align=16

; void enter_stack(rcx: stack_top, rdx: function, r8: argument)
enter_stack:
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
