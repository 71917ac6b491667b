; The built-in font's file, as gunzipped from Debian's fonts-spleen by the build. drivers/font.c reads it.
; For the image it is assembled as win64, for the host's tests as elf64, which names its sections otherwise.

global font_8x16_start
global font_8x16_end

%ifidn __?OUTPUT_FORMAT?__, win64
section .rdata rdata align=8
%else
section .note.GNU-stack noalloc noexec
section .rodata align=8
%endif

font_8x16_start:
    incbin "font-8x16.psf"
font_8x16_end:
