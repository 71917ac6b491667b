; Descriptor tables, exception entries and the contained call of phase N: see fault.h.
;
; Every gate uses interrupt stack 1, so that firmware may break its stack and still be caught. A handler's stack:
;
;       rsp + 48  ss            pushed by the CPU (SDM volume 3, 6.14.2)
;       rsp + 40  rsp
;       rsp + 32  rflags
;       rsp + 24  cs
;       rsp + 16  rip
;       rsp +  8  error code    or 0 by the entry, where the CPU pushes none
;       rsp +  0  vector        by the entry
;
; Nothing here is reached with interrupts on. No unwind data: a backtrace never goes through phase N.

bits 64
default rel

SELECTOR_CODE equ 0x08                  ; as in kernel/x86/regs.h, so CS survives the kernel's own GDT
SELECTOR_DATA equ 0x10
SELECTOR_TSS  equ 0x18

EXCEPTIONS    equ 32
ENTRY_BYTES   equ 16                    ; fault.c computes the address of an entry

; Vectors with an error code: SDM volume 3, table 6-1 (8, 10-14, 17, 21); 29 and 30: AMD APM volume 2, table 8-1.
ERROR_CODES   equ 1<<8 | 1<<10 | 1<<11 | 1<<12 | 1<<13 | 1<<14 | 1<<17 | 1<<21 | 1<<29 | 1<<30

RFLAGS_IF     equ 1 << 9
FAILURE_FAULT equ 5                     ; enum failure

; struct fault_call
CALL_FUNCTION  equ 0
CALL_ARGUMENTS equ 8
CALL_RESULT    equ 40
CALL_VECTOR    equ 48
CALL_ERROR     equ 56
CALL_RIP       equ 64

SHADOW_BYTES   equ 32                   ; Microsoft x64: the callee's home for its four register arguments

global fault_load_tables
global fault_entries
global fault_interrupt
global fault_contain
extern failure_halt

section .bootd data align=16

armed_call:   dq 0                      ; the struct fault_call under way, or 0
armed_rsp:    dq 0

section .boot code align=16

; void fault_load_tables(const void *gdt_pointer, const void *idt_pointer)
; FS and GS keep their bases, which may be the firmware's.
fault_load_tables:
    lgdt    [rcx]
    lidt    [rdx]
    mov     eax, SELECTOR_DATA
    mov     ds, eax
    mov     es, eax
    mov     ss, eax
    mov     eax, SELECTOR_TSS
    ltr     ax
    pop     rax
    push    SELECTOR_CODE
    push    rax
    retfq                               ; to our caller, with the new CS

align 16
fault_entries:
%assign vector 0
%rep EXCEPTIONS
    align   ENTRY_BYTES
  %if ((ERROR_CODES >> vector) & 1) == 0
    push    0
  %endif
    push    vector
    jmp     near fault_common
  %assign vector vector + 1
%endrep

; An interrupt or NMI that nobody expects. Without an acknowledgement its controller keeps silent from now on.
align 16
fault_interrupt:
    and     dword [rsp + 16], ~RFLAGS_IF
    iretq

fault_common:
    cld
    mov     rax, [armed_call]
    test    rax, rax
    jz      .unexpected
    pop     qword [rax + CALL_VECTOR]
    pop     qword [rax + CALL_ERROR]
    pop     qword [rax + CALL_RIP]
    mov     rsp, [armed_rsp]
    xor     eax, eax
    jmp     fault_contain.leave
.unexpected:
    mov     ecx, FAILURE_FAULT
    mov     rdx, [rsp]                  ; vector
    mov     r8, [rsp + 16]              ; rip
    sub     rsp, SHADOW_BYTES + 8       ; the CPU aligned the stack, then 7 words were pushed
    call    failure_halt

; bool fault_contain(struct fault_call *call)
align 16
fault_contain:
    push    rbx
    push    rbp
    push    rsi
    push    rdi
    push    r12
    push    r13
    push    r14
    push    r15
    sub     rsp, SHADOW_BYTES + 8       ; 16-byte aligned: the return address and 8 words are below us
    mov     [armed_call], rcx
    mov     [armed_rsp], rsp
    mov     rax, rcx
    mov     rcx, [rax + CALL_ARGUMENTS]
    mov     rdx, [rax + CALL_ARGUMENTS + 8]
    mov     r8, [rax + CALL_ARGUMENTS + 16]
    mov     r9, [rax + CALL_ARGUMENTS + 24]
    call    [rax + CALL_FUNCTION]
    mov     rcx, [armed_call]
    mov     [rcx + CALL_RESULT], rax
    mov     eax, 1
.leave:
    cli                                 ; whatever the callee did
    cld
    mov     qword [armed_call], 0
    add     rsp, SHADOW_BYTES + 8
    pop     r15
    pop     r14
    pop     r13
    pop     r12
    pop     rdi
    pop     rsi
    pop     rbp
    pop     rbx
    ret
