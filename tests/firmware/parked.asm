; The loop of parked.h. It is copied to a page below 1 MiB, where a SIPI starts it in real mode with CS at that page;
; the places that hold an address are filled in by parked.c.

bits 16

CR0_PE equ 1 << 0                       ; SDM volume 3, 2.5

global parked_code
global parked_code_end
global parked_counter_address
global parked_gdt_address
global parked_table

section .rdata rdata align=16

parked_code:
    cli
    o32 lgdt [cs:pointer - parked_code]
    mov     eax, cr0
    or      al, CR0_PE
    mov     cr0, eax
    mov     ax, flat - parked_table
    mov     ds, ax                      ; 4 GiB of data; CS stays what real mode made of it
counting:
    db 0xF0, 0x67, 0x66, 0xFF, 0x05     ; lock inc dword [parked_counter_address]
parked_counter_address:
    dd 0
    jmp     counting

align 8
pointer:
    dw table_end - parked_table - 1
parked_gdt_address:
    dd 0                                ; of parked_table in the copy

align 8
parked_table:
    dq 0
flat:
    dq 0x00CF92000000FFFF               ; SDM volume 3, 3.4.5: data, read/write, limit 4 GiB
table_end:
parked_code_end:
