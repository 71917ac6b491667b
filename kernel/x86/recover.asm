; Coming back from a fault: the halves of recover.h that C cannot write. The frame of recover_enter is saved.inc's: a
; trap that restores its RSP finds every kept register there, which is all that a setjmp would have stored.

bits 64
default rel

%include "kernel/x86/saved.inc"

global recover_enter
global recover_read
global recover_read_access
global recover_read_fault
global recover_capture

; Stores the next register, in the order of their numbers.
%macro REGISTER_TO_CONTEXT 1
    mov [rcx + 8 + 8 * register], %1
%assign register register + 1
%endmacro

section .text

; bool recover_enter(struct recovery *, void (*function)(void *), void *argument)
; A fault inside returns from its trap to .landing with RSP as stored, which brings every kept register back.
recover_enter:
    SAVE_REGISTERS
    mov [rcx], rsp              ; recovery.rsp
    lea rax, [.landing]
    mov [rcx + 8], rax          ; recovery.rip
    mov rcx, r8
    call rdx
    mov eax, 1
    jmp .out
.landing:
    xor eax, eax
.out:
    RESTORE_REGISTERS_AND_RETURN
.end:

; bool recover_read(uint64_t address, uint64_t *value)
recover_read:
recover_read_access:
    ; The one instruction that may fault: trap.c knows it by its address, and nothing has to be set up or undone.
    mov rax, [rcx]
    mov [rdx], rax
    mov eax, 1
    ret
recover_read_fault:
    xor eax, eax
    ret

; void recover_capture(struct recover_context *)
recover_capture:
%assign register 0
    REGISTER_TO_CONTEXT rax
    REGISTER_TO_CONTEXT rcx
    REGISTER_TO_CONTEXT rdx
    REGISTER_TO_CONTEXT rbx
    REGISTER_TO_CONTEXT rsp
    REGISTER_TO_CONTEXT rbp
    REGISTER_TO_CONTEXT rsi
    REGISTER_TO_CONTEXT rdi
    REGISTER_TO_CONTEXT r8
    REGISTER_TO_CONTEXT r9
    REGISTER_TO_CONTEXT r10
    REGISTER_TO_CONTEXT r11
    REGISTER_TO_CONTEXT r12
    REGISTER_TO_CONTEXT r13
    REGISTER_TO_CONTEXT r14
    REGISTER_TO_CONTEXT r15
    add qword [rcx + 8 + 8 * 4], 8  ; rsp: the caller's, after the return
    mov rax, [rsp]
    mov [rcx], rax                  ; rip: the caller's, after the call
    ret

UNWIND_SAVED_REGISTERS recover_enter, recover_enter.end
