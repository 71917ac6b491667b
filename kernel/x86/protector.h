/*
 * The stack protector: what the compiler puts between a function's arrays and its return address, and what becomes of a
 * function in which that has changed.
 *
 *     higher    return address            before it returns, every function that has an array, or a local
 *        |      kept registers            variable whose address it takes (-fstack-protector-strong), calls
 *        |      cookie ^ frame pointer    __security_check_cookie: clang's choice for Microsoft's ABI
 *        |      arrays
 *     lower     other locals
 *
 * Owns: the cookie, one for all CPUs: boot/ draws it together with the addresses (boot/kaslr.c). Until protector_start,
 * and in all of boot/, it is a constant, which is no secret but finds mistakes.
 */
#ifndef KEEL_X86_PROTECTOR_H
#define KEEL_X86_PROTECTOR_H

#include "kernel/base/types.h"

/* The compiler's names (protector.asm). */
extern uint64_t __security_cookie;
void __security_check_cookie(uint64_t found);

/*
 * Where a smashed stack ends (kernel/panic.c): entered as if the function had called it, which is the last that can be
 * trusted of its frame.
 */
NORETURN void protector_smashed(void);

/* In a function that never returns, while no other CPU runs: those that are under way would find a changed cookie. */
static ALWAYS_INLINE void protector_start(uint64_t cookie)
{
    __security_cookie = cookie;
}

#endif
