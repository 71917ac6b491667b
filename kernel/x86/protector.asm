; The check of the stack protector: see protector.h. Here, because it must not have a frame of its own: what it jumps to
; finds its caller's.

bits 64
default rel

global __security_cookie
global __security_check_cookie
extern protector_smashed

section .data data align=8
__security_cookie: dq 0x4B65656C00436F6F ; until protector_start

section .text

; void __security_check_cookie(uint64_t found): RCX, the cookie if it is intact
__security_check_cookie:
    cmp     rcx, [__security_cookie]
    jne     .smashed
    ret
.smashed:
    lea     rax, [__security_check_cookie]
    test    rax, rax
    js      protector_smashed
    ud2                         ; low: in boot/, where there is no panic; phase N shows where (boot/fault.asm)
