; What shim asks of an image that it starts under Secure Boot: a section .sbat, in which the image names its components
; and how old they are in security fixes ("generation"), so that versions with a known hole can be refused.
; Source: shim, SBAT.md: lines of component, generation, vendor, package, version, URL, ended by a line feed each.
;
; Owns: Keel's generation. It rises by one with each fix of a hole through which Keel could be made to run what Secure
; Boot refuses, and for no other reason. Nothing in the kernel reads this; docs/secure-boot.md says what it is good for.
;
; Rules: the section's name and place are shim's; it stays in the image as a page of constants of its own.

section .sbat rdata align=16

db "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md", 10
db "keel,1,The Keel authors,keel,1,docs/secure-boot.md", 10
