; The entries that stand in the service tables: see calls.h. Two generations of them: the second is for tables that have
; been moved, whose pointers nobody should use any more.

bits 64
default rel

ENTRIES     equ 2 * 67                  ; calls.c: two generations of CALLS_COUNT
ENTRY_BYTES equ 16

SHADOW_BYTES equ 32                     ; Microsoft x64: the callee's home for its four register arguments

global calls_entries
extern calls_arrive

section .text code align=16

align 16
calls_entries:
%assign entry 0
%rep ENTRIES
    align   ENTRY_BYTES
    mov     eax, entry
    jmp     near arrive
  %assign entry entry + 1
%endrep

; rax, r10 and r11 are nobody's at the entry of a function; its arguments and its stack are left as they were:
;
;       rsp + 40  return address        what calls_arrive gets as `stack`
;       rsp + 32  rflags
;       rsp +  0  r9, r8, rdx, rcx
;
; Then the function that calls_arrive names runs in our place.
arrive:
    pushfq
    push    rcx
    push    rdx
    push    r8
    push    r9
    mov     ecx, eax
    lea     rdx, [rsp + 40]
    mov     r8, [rsp + 32]
    sub     rsp, SHADOW_BYTES
    call    calls_arrive
    add     rsp, SHADOW_BYTES
    pop     r9
    pop     r8
    pop     rdx
    pop     rcx
    lea     rsp, [rsp + 8]
    jmp     rax
