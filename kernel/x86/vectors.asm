; The 256 ways into the kernel: one stub a vector, one common path to trap_dispatch.
;
; A stub pushes its vector and jumps on, by way of vector_plain where the CPU has pushed no error code, so that the
; stack looks the same for all: an error code, real or 0, then the vector. The frame that results is drawn in
; trap_frame.h; the CPU's own part is SDM 3, figure 6-9. The common path has an entry in the unwind table, so a
; backtrace goes through a trap to the code that it interrupted.
;
; The CPU aligns RSP to 16 before it pushes (SDM 3, 6.14.2): 6 words with the error code, the vector and 15 registers
; make 22 words, so RSP is aligned again at the call.

bits 64
default rel

global vector_stubs
extern trap_dispatch

STUB_BYTES equ 8                ; idt.h: idt.c computes addresses with it

; Two bytes and five. PUSH extends the sign of its byte: vector_common takes what is above it away again.
; Vectors for which the CPU pushes an error code: SDM 3, table 6-1; 29 and 30 are AMD's #VC and #SX (APM 2, 8.2).
%macro STUB 1
    align STUB_BYTES, int3
    push strict byte %1 - ((%1 & 0x80) << 1)
%if (%1 = 8) || (%1 >= 10 && %1 <= 14) || (%1 = 17) || (%1 = 21) || (%1 = 29) || (%1 = 30)
    jmp strict near vector_common
%else
    jmp strict near vector_plain
%endif
%endmacro

section .text

align STUB_BYTES, int3
vector_stubs:
%assign vector 0
%rep 256
    STUB vector
%assign vector vector + 1
%endrep

; The vector stands where the error code belongs: pushed again one place further, and 0 stored over the first.
vector_plain:
    push qword [rsp]
    mov qword [rsp + 8], 0

vector_common:
    push r15
    push r14
    push r13
    push r12
    push r11
    push r10
    push r9
    push r8
    push rdi
    push rsi
    push rbp
    push rbx
    push rdx
    push rcx
    push rax
    mov rcx, rsp                ; struct trap_frame *
    sub rsp, 32                 ; shadow space of the callee
.prologue_end:
    and qword [rcx + 15 * 8], 0xFF  ; the vector
    cld                         ; C expects DF clear
    call trap_dispatch
    add rsp, 32
    pop rax
    pop rcx
    pop rdx
    pop rbx
    pop rbp
    pop rsi
    pop rdi
    pop r8
    pop r9
    pop r10
    pop r11
    pop r12
    pop r13
    pop r14
    pop r15
    add rsp, 16                 ; vector and error code
    iretq
.end:

; Microsoft, "x64 exception handling": RUNTIME_FUNCTION and UNWIND_INFO. Codes undo the prologue from its end.
UWOP_PUSH_NONVOL   equ 0
UWOP_ALLOC_SMALL   equ 2
UWOP_PUSH_MACHFRAME equ 10

%macro UNWIND_CODE 2            ; operation, its info
    db vector_common.prologue_end - vector_common
    db %1 | (%2 << 4)
%endmacro

section .pdata rdata align=4
    dd vector_common wrt ..imagebase
    dd vector_common.end wrt ..imagebase
    dd vector_unwind wrt ..imagebase

section .xdata rdata align=8
vector_unwind:
    db 1                        ; version 1, no handler
    db vector_common.prologue_end - vector_common
    db 18                       ; codes
    db 0                        ; no frame register
    UNWIND_CODE UWOP_ALLOC_SMALL, 3     ; 32 bytes
%assign register 0
%rep 16
%if register != 4               ; RSP is not pushed
    UNWIND_CODE UWOP_PUSH_NONVOL, register
%endif
%assign register register + 1
%endrep
    UNWIND_CODE UWOP_ALLOC_SMALL, 0     ; the vector, 8 bytes
    UNWIND_CODE UWOP_PUSH_MACHFRAME, 1  ; with an error code
