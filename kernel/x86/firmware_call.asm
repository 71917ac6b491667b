; The crossing into the firmware's address space and back. What is done and why: firmware_call.h.
;
; On the kernel's stack, while the call is under way:
;   rsp + 0   struct firmware_call *
;   rsp + 8   CR3 of the kernel
;   rsp + 16  CR0 of the kernel
;   rsp + 40  kept registers (saved.inc)
; The kernel's RSP is also kept in firmware_call_rsp: firmware that breaks the convention may come back with anything in
; the registers that it should have kept.

bits 64
default rel

%include "kernel/x86/saved.inc"

; Offsets in struct firmware_call (firmware_call.h asserts them).
CALL_ROOT      equ 0
CALL_STACK_TOP equ 8
CALL_FUNCTION  equ 16
CALL_ARGUMENTS equ 24
CALL_RESULT    equ 64
CALL_FLAGS     equ 72
CALL_FAULT     equ 80           ; struct recovery: rsp, rip

global firmware_call_enter

section .bss bss align=16
firmware_call_sse: resb 512     ; SDM 1, 10.5.1: the FXSAVE area; calls are serialised, so one is enough
firmware_call_rsp: resq 1

section .rdata rdata align=16
firmware_call_mxcsr: dd 0x1F80  ; UEFI 2.3.4: every exception masked, round to nearest

section .text

; bool firmware_call_enter(struct firmware_call *). Interrupts off.
firmware_call_enter:
    SAVE_REGISTERS
    mov [rsp], rcx
    mov rax, cr3
    mov [rsp + 8], rax
    mov rax, cr0
    mov [rsp + 16], rax
    mov [firmware_call_rsp], rsp
    mov [rcx + CALL_FAULT], rsp
    lea rax, [.landing]
    mov [rcx + CALL_FAULT + 8], rax

    ; TS first: with it set, FXSAVE would be a #NM.
    clts
    fxsave64 [firmware_call_sse]
    fninit                      ; UEFI 2.3.4: control word 0x037F
    ldmxcsr [firmware_call_mxcsr]

    mov rax, [rcx + CALL_ROOT]
    mov cr3, rax                ; the upper half is the same: this code and both stacks stay
    mov r10, rcx
    mov rsp, [r10 + CALL_STACK_TOP]
    sub rsp, 48                 ; 32 shadow, argument 5, padding: RSP is 16-byte aligned at the call
    mov rax, [r10 + CALL_ARGUMENTS + 32]
    mov [rsp + 32], rax
    mov rcx, [r10 + CALL_ARGUMENTS]
    mov rdx, [r10 + CALL_ARGUMENTS + 8]
    mov r8, [r10 + CALL_ARGUMENTS + 16]
    mov r9, [r10 + CALL_ARGUMENTS + 24]
    call [r10 + CALL_FUNCTION]

    pushfq
    pop rcx
    cli
    cld
    mov rsp, [firmware_call_rsp]
    mov rdx, [rsp]
    mov [rdx + CALL_RESULT], rax
    mov [rdx + CALL_FLAGS], rcx
    mov ebx, 1
    jmp .back
.landing:                       ; from a fault, RSP is the kernel's again
    cli                         ; the firmware may have had interrupts on
    xor ebx, ebx
.back:
    mov rax, [rsp + 8]
    mov cr3, rax
    clts                        ; the firmware may have set TS
    fxrstor64 [firmware_call_sse]
    mov rax, [rsp + 16]
    mov cr0, rax
    mov eax, ebx
    RESTORE_REGISTERS_AND_RETURN
.end:

UNWIND_SAVED_REGISTERS firmware_call_enter, firmware_call_enter.end
