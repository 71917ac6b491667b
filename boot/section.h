/*
 * Puts every function and variable of boot/ into sections of its own, which phase R gives back: .boot (code), .bootd
 * (data) and .bootr (constants). The build includes this file in front of each file of boot/ (`-include`), for the PE
 * target only; large zeroed buffers are in .bootz (buffers.asm), because clang would store zeros of .bootd in the file.
 * A string literal goes to .rdata all the same, so what boot/ prints is in arrays (say.h).
 */
#pragma code_seg(".boot")
#pragma data_seg(".bootd")
#pragma bss_seg(".bootd")
#pragma const_seg(".bootr")
