; Coming back from a fault: the halves of recover.h that C cannot write.

bits 64
default rel

%include "kernel/x86/saved.inc"

global recover_enter
global recover_read
global recover_read_access
global recover_read_fault
global recover_capture

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
    mov rax, [rcx]
    mov [rdx], rax
    mov eax, 1
    ret
recover_read_fault:
    xor eax, eax
    ret

; void recover_capture(struct recover_context *)
recover_capture:
    mov rax, [rsp]
    mov [rcx], rax              ; rip: the caller's, after the call
    lea rax, [rsp + 8]
    mov [rcx + 8], rax          ; rsp: the caller's, after the return
    mov [rcx + 16], rbx
    mov [rcx + 24], rbp
    mov [rcx + 32], rsi
    mov [rcx + 40], rdi
    mov [rcx + 48], r12
    mov [rcx + 56], r13
    mov [rcx + 64], r14
    mov [rcx + 72], r15
    ret

UNWIND_SAVED_REGISTERS recover_enter, recover_enter.end
