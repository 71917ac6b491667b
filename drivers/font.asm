; The packed fonts, as image/font.py makes them from Debian's fonts-spleen. drivers/font.h has the format.
; For the image this is assembled as win64, for the host's tests as elf64, which names its sections otherwise.

%ifidn __?OUTPUT_FORMAT?__, win64
section .rdata rdata align=8
%else
section .note.GNU-stack noalloc noexec
section .rodata align=8
%endif

; FONT size, file: font_SIZE_start and font_SIZE_end around a file of build/.
%macro FONT 2
global font_%1_start
global font_%1_end
font_%1_start:
    incbin %2
font_%1_end:
%endmacro

    FONT 8x16, "font-8x16.bin"
    FONT 16x32, "font-16x32.bin"
    FONT 32x64, "font-32x64.bin"
