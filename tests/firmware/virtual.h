/*
 * SetVirtualAddressMap, watched: how often it is called, and whether boot-services memory is still what it was then.
 * Its misbehaviours are harm.h's.
 */
#ifndef KEEL_TESTS_FIRMWARE_VIRTUAL_H
#define KEEL_TESTS_FIRMWARE_VIRTUAL_H

void virtual_install(void);

#endif
