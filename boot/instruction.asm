; One instruction each, for C that cannot say them: see instruction.h. Leaf functions in the Microsoft x64 convention
; (rcx, rdx, r8; rbx is the callee's to keep), so they need no unwind data.

bits 64
default rel

RFLAGS_IF equ 1 << 9                    ; SDM volume 1, 3.4.3

global instruction_cpuid
global instruction_read_cr4
global instruction_write_cr0
global instruction_write_cr3
global instruction_write_cr4
global instruction_write_msr
global instruction_random
global instruction_in8
global instruction_out8
global instruction_interrupts_disable
global instruction_halt

section .boot code align=16

instruction_cpuid:
    mov     r9, rbx                     ; CPUID overwrites it
    mov     eax, ecx
    mov     ecx, edx
    cpuid
    mov     [r8], eax
    mov     [r8 + 4], ebx
    mov     [r8 + 8], ecx
    mov     [r8 + 12], edx
    mov     rbx, r9
    ret

instruction_read_cr4:
    mov     rax, cr4
    ret

instruction_write_cr0:
    mov     cr0, rcx
    ret

instruction_write_cr3:
    mov     cr3, rcx
    ret

instruction_write_cr4:
    mov     cr4, rcx
    ret

; RCX is the MSR already; WRMSR takes the value in EDX:EAX.
instruction_write_msr:
    mov     eax, edx
    shr     rdx, 32
    wrmsr
    ret

instruction_random:
    rdrand  rax
    mov     [rcx], rax
    setc    al                          ; CF: the number is one
    movzx   eax, al
    ret

; IN and OUT take the port in DX only, the value in AL only.
instruction_in8:
    mov     edx, ecx
    in      al, dx
    movzx   eax, al
    ret

instruction_out8:
    mov     eax, edx
    mov     edx, ecx
    out     dx, al
    ret

instruction_interrupts_disable:
    ; The flags first: what is reported is how the firmware left them.
    pushfq
    cli
    pop     rcx
    xor     eax, eax
    test    ecx, RFLAGS_IF
    setnz   al
    ret

instruction_halt:
    cli
    hlt                                 ; an NMI or SMI ends it, hence the loop
    jmp     instruction_halt
