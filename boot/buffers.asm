; The zeroed buffers of boot/: see buffers.h, which says what each is for and has the sizes in C.
;
; In assembly because C cannot name a section that takes no room in the file (boot/section.h): as data they would make
; the image 816 KiB longer, all zeros, for the firmware to read from a USB stick.

bits 64

MAP_BYTES         equ 4096 * 64         ; FIRMWARE_MAP_BUFFER_BYTES
SCRATCH_BYTES     equ 512 * 1024        ; BUFFERS_SCRATCH_BYTES
HANDOFF_BYTES     equ 4096              ; sizeof(struct handoff) at most: efi_main.c asserts it
STACK_BYTES       equ 32 * 1024         ; BUFFERS_STACK_BYTES
IDT_BYTES         equ 256 * 16 ; gates of 16 bytes: SDM volume 3, 6.14.1
FAULT_STACK_BYTES equ 2 * 4096          ; BUFFERS_FAULT_STACK_BYTES

global buffers_map
global buffers_scratch
global buffers_handoff
global buffers_stack
global buffers_idt
global buffers_fault_stack

section .bootz bss align=4096

buffers_map:         resb MAP_BYTES
buffers_scratch:     resb SCRATCH_BYTES
buffers_handoff:     resb HANDOFF_BYTES
buffers_stack:       resb STACK_BYTES
buffers_idt:         resb IDT_BYTES
buffers_fault_stack: resb FAULT_STACK_BYTES
