; Where other CPUs start: real mode, in a page below 1 MiB (SDM 3, 9.4.4), to the kernel's address space.
;
; Two parts. trampoline_start to trampoline_end is copied to the page and runs there, addressing the page by CS or by
; its base in EBX, never by its link address. trampoline_arrive runs where it is linked. The protocol is described in
; trampoline.h; struct trampoline_words (trampoline.c) is the tail of the page's content.

MSR_EFER       equ 0xC0000080   ; kernel/x86/regs.h
CR0_PROTECTED  equ 0x00000011   ; PE, ET; caches on
LEAF_TOPOLOGY  equ 0x0B

; Offsets in struct trampoline_plan and struct percpu (trampoline.c asserts them).
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
global trampoline_words
global trampoline_end
global trampoline_protected
global trampoline_long
global trampoline_arrive

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
    lock inc dword [IN_PAGE(trampoline_words.entered)]
    cmp dword [IN_PAGE(trampoline_words.closed)], 0
    jne .late
    o32 lgdt [IN_PAGE(trampoline_words.gdt_pointer)]
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
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, [ebx + IN_PAGE(trampoline_words.cr4)]
    mov cr4, eax
    mov eax, [ebx + IN_PAGE(trampoline_words.cr3)]
    mov cr3, eax
    mov ecx, MSR_EFER
    mov eax, [ebx + IN_PAGE(trampoline_words.efer)]
    xor edx, edx
    wrmsr
    mov eax, [ebx + IN_PAGE(trampoline_words.cr0)]
    mov cr0, eax                ; paging on: the page is mapped 1:1
    jmp far [ebx + IN_PAGE(trampoline_words.long)]

bits 64
trampoline_long:
    mov ebx, ebx                ; the upper halves are undefined after the change of mode: SDM 1, 3.4.1.1
    mov r12, [rbx + IN_PAGE(trampoline_words.plan)]
    jmp [rbx + IN_PAGE(trampoline_words.arrive)]

align 8, db 0
trampoline_words:               ; struct trampoline_words
.gdt:         dq 0, 0, 0, 0     ; null, 64-bit code, data, 32-bit code
.gdt_pointer: dw 0
              dd 0
              dw 0
.protected:   dd 0              ; far pointer: offset, selector
              dd 0
.long:        dd 0
              dd 0
.cr0:         dd 0
.cr3:         dd 0
.cr4:         dd 0
.efer:        dd 0
.plan:        dq 0
.arrive:      dq 0
.entered:     dd 0
.left:        dd 0
.closed:      dd 0
              dd 0
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
    repne scasd
    jne .park                   ; not listed
    sub rdi, rsi                ; (index + 1) * 4
    mov rsi, [r12 + PLAN_STATES]
    xor eax, eax
    mov edx, STATE_CLAIMED
    lock cmpxchg [rsi + rdi - 4], edx
    jne .park                   ; not now, or here already
    mov eax, 1
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
