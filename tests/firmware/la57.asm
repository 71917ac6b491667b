; From four levels of page tables to five, or back. CR4.LA57 cannot change in long mode (SDM volume 3, 4.1.1), so:
;
;       64-bit code --far return--> compatibility mode --CR0.PG off--> 32-bit, no paging: CR4.LA57, CR3
;       64-bit code <--far return-- compatibility mode <--CR0.PG on--
;
; Below 4 GiB, identity-mapped, on the caller's stack. Interrupts are off on the way: the IDT is for 64-bit code.

bits 64
default rel

CR0_PG   equ 1 << 31                    ; SDM volume 3, 2.5
CR4_LA57 equ 1 << 12

SELECTOR_64   equ 0x08                  ; in the GDT below
SELECTOR_32   equ 0x10
SELECTOR_DATA equ 0x18

global la57_toggle

section .data data align=16

gdt:                                    ; SDM volume 3, 3.4.5
    dq 0
    dq 0x00AF9B000000FFFF               ; code, 64-bit
    dq 0x00CF9B000000FFFF               ; code, 32-bit, limit 4 GiB
    dq 0x00CF93000000FFFF               ; data, limit 4 GiB
gdt_end:
gdt_pointer:
    dw gdt_end - gdt - 1
    dq gdt

section .bss bss align=16
old_gdt: resb 10

section .text code align=16

; void la57_toggle(uint64_t root)
;
;       rsp + 16  rflags
;       rsp + 8   cs
;       rsp + 0   ss
la57_toggle:
    pushfq
    cli
    sgdt    [old_gdt]
    mov     eax, cs
    push    rax
    mov     eax, ss
    push    rax
    lgdt    [gdt_pointer]
    mov     eax, SELECTOR_DATA
    mov     ss, eax
    push    SELECTOR_32
    lea     rax, [.compatibility]
    push    rax
    retfq

bits 32
.compatibility:
    mov     eax, cr0
    and     eax, ~CR0_PG
    mov     cr0, eax                    ; leaves long mode; LME stays
    mov     eax, cr4
    xor     eax, CR4_LA57
    mov     cr4, eax
    mov     cr3, ecx
    mov     eax, cr0
    or      eax, CR0_PG
    mov     cr0, eax                    ; long mode again
    push    dword SELECTOR_64
    call    .here                       ; where are we? nothing of 32 bits is relocated
.here:
    add     dword [esp], .back - .here
    retf

bits 64
.back:
    lgdt    [old_gdt]
    pop     rax
    mov     ss, eax
    pop     rax
    lea     rdx, [.done]
    push    rax
    push    rdx
    retfq
.done:
    popfq
    ret
