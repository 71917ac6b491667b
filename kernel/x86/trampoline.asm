; Where other CPUs start: real mode, in a page below 1 MiB (SDM 3, 9.4.4), to the kernel's address space.
;
; Two parts. trampoline_start to trampoline_end is copied to the page and runs there, addressing the page by CS or by
; its base in EBX, never by its link address. trampoline_arrive runs where it is linked. The protocol is described in
; trampoline.h; struct trampoline_words (trampoline.c) is the tail of the page's content.

; kernel/x86/regs.h
MSR_EFER       equ 0xC0000080
EFER_KERNEL    equ 0x00000900   ; LME, NXE
CR0_PROTECTED  equ 0x00000011   ; PE, ET; caches on
CR0_KERNEL     equ 0x80010033
SELECTOR_CODE  equ 0x08
SELECTOR_DATA  equ 0x10

SELECTOR_CODE32 equ 0x18        ; in the page's GDT only
LEAF_TOPOLOGY  equ 0x0B

; Offsets in struct trampoline_plan and struct percpu (trampoline.h asserts them).
PLAN_IDS       equ 0
PLAN_STATES    equ 8
PLAN_COUNT     equ 16
PLAN_BLOCKS    equ 24
PLAN_ENTRY     equ 32
PLAN_LEFT      equ 40
PLAN_DRAWN     equ 48
PERCPU_STACK_TOP equ 16
STATE_CLAIMED  equ 1

global trampoline_start
global trampoline_gdt
global trampoline_words
global trampoline_end
global trampoline_protected
global trampoline_long

%define IN_PAGE(label) ((label) - trampoline_start)

section .rdata rdata align=16

bits 16
trampoline_start:               ; CS = page >> 4, IP = 0
    cli
    cld
    mov ax, cs
    mov ds, ax
    movzx ebx, ax
    shl ebx, 4                  ; the page's address
    ; Counted in before `closed` is looked at: trampoline_close sets it before it reads the count.
    lock inc dword [IN_PAGE(trampoline_words.entered)]
    cmp dword [IN_PAGE(trampoline_words.closed)], 0
    jne .late
    o32 lgdt [IN_PAGE(trampoline_gdt_pointer)]
    ; No stack is used in the page: no interrupt, no call, no push.
    mov eax, CR0_PROTECTED
    mov cr0, eax
    jmp dword far [IN_PAGE(trampoline_words.protected)]
.late:
    lock inc dword [IN_PAGE(trampoline_words.left)]
.halt:
    cli
    hlt
    jmp .halt

bits 32
trampoline_protected:
    mov ax, SELECTOR_DATA
    mov ds, ax
    mov es, ax
    mov ss, ax
    ; SDM 3, 10.8.5: PAE and CR3, then EFER.LME, then CR0.PG; NXE before tables with NX bits are walked.
    mov eax, [ebx + IN_PAGE(trampoline_words.cr4)]
    mov cr4, eax
    mov eax, [ebx + IN_PAGE(trampoline_words.cr3)]
    mov cr3, eax
    mov ecx, MSR_EFER
    mov eax, EFER_KERNEL
    xor edx, edx
    wrmsr
    mov eax, CR0_KERNEL
    mov cr0, eax                ; paging on: the page is mapped 1:1
    jmp far [ebx + IN_PAGE(trampoline_words.long)]

bits 64
; Still at the page's own address, below 1 MiB: one jump more, through a 64-bit pointer, reaches the image.
trampoline_long:
    mov ebx, ebx                ; the upper halves are undefined after the change of mode: SDM 1, 3.4.1.1
    mov r12, [rbx + IN_PAGE(trampoline_words.plan)]
    jmp [rbx + IN_PAGE(trampoline_kernel)]

; Descriptors: SDM 3, 3.4.5. Flat, present, ring 0, accessed; selectors as in our own GDT, and one more for 32 bits.
align 8, db 0
trampoline_gdt:      dq 0, 0x00209B0000000000, 0x00CF93000000FFFF, 0x00CF9B000000FFFF
trampoline_kernel:   dq trampoline_arrive
                     dw 0, 0, 0             ; the words are 8-byte aligned
trampoline_gdt_pointer:
                     dw trampoline_kernel - trampoline_gdt - 1
trampoline_words:               ; struct trampoline_words
.gdt_base:           dd 0
.protected:          dd 0, SELECTOR_CODE32  ; far pointers
.long:               dd 0, SELECTOR_CODE
.cr3:                dd 0
.cr4:                dd 0
.closed:             dd 0
.entered:            dd 0
.left:               dd 0
.plan:               dq 0
trampoline_end:

section .text
default rel

; R12: struct trampoline_plan. No stack yet. CPUID destroys EAX, EBX, ECX, EDX.
trampoline_arrive:
    xor eax, eax
    cpuid
    cmp eax, LEAF_TOPOLOGY
    jb .short_id
    mov eax, LEAF_TOPOLOGY
    xor ecx, ecx
    cpuid
    mov eax, edx                ; 32-bit ID: SDM 3, 9.9.3
    test ebx, ebx               ; 0: the leaf is not implemented
    jnz .find
.short_id:
    mov eax, 1
    cpuid
    shr ebx, 24
    mov eax, ebx
.find:
    mov rdi, [r12 + PLAN_IDS]
    mov rcx, [r12 + PLAN_COUNT]
    mov rsi, rdi
    ; EAX against every ID of the plan, upwards (DF is clear).
    repne scasd
    jne .park                   ; not listed
    sub rdi, rsi                ; (index + 1) * 4
    mov rsi, [r12 + PLAN_STATES]
    xor eax, eax
    mov edx, STATE_CLAIMED
    ; AWAITED -> CLAIMED; whoever was put on hold in the meantime fails here and parks.
    lock cmpxchg [rsi + rdi - 4], edx
    jne .park                   ; not now, or here already
    mov eax, 1
    ; Numbers are dense in order of arrival: the block of number n is drawn by the n-th that comes.
    lock xadd [r12 + PLAN_DRAWN], eax
    mov rdx, [r12 + PLAN_BLOCKS]
    mov rcx, [rdx + rax * 8]    ; struct percpu *
    mov rsp, [rcx + PERCPU_STACK_TOP]
    sub rsp, 40                 ; shadow space and a return address of 0, which ends backtraces
    mov qword [rsp], 0
    xor ebp, ebp
    mov rdx, [r12 + PLAN_LEFT]
    lock inc dword [rdx]
    jmp [r12 + PLAN_ENTRY]
.park:
    mov rdx, [r12 + PLAN_LEFT]
    lock inc dword [rdx]
.halt:
    cli
    hlt
    jmp .halt
