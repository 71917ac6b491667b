; The bytes of build/driver.efi: see driver.h. Inside of us, so that whoever has the adversary has all of it.

global driver_image
global driver_image_end

section .rdata rdata align=16

driver_image:
    incbin "driver.efi"                 ; build/ is in the path
driver_image_end:
