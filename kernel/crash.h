/*
 * What a boot leaves behind in the firmware's variable store.
 *
 *     a panic, `save log`        --> KeelCrash           --> the next boot: shown, deleted, in memory for `crash`
 *     `map save`, `report save`  --> KeelMap, KeelReport --> whoever reads it from another system
 *
 * Owns: these variables, each a record (crash_record.h), and the last boot's.
 * Rules: flash wears, and there is firmware that never starts again once its store is full (Samsung's laptops of 2012,
 * for which Linux has efi_query_variable_store): each kind is written at most once a boot, and never takes more than
 * half of what is free. What comes out of the store is input. Writing works in a panic, and fails with a reason rather
 * than wait. A panic takes the place of a log that was saved before it.
 */
#ifndef KEEL_KERNEL_CRASH_H
#define KEEL_KERNEL_CRASH_H

#include "kernel/crash_record.h"

/* Shows what the last boot left, and takes it out of the store. After runtime_start. */
void crash_start(void);

/* The record that the last boot left; NULL: none. It stays. */
const struct crash_record *crash_last(void);

/* Prints it, or that there is none. */
void crash_print(void);

/*
 * Writes the record, of which only the text is there: `length` bytes of it. What does not fit is cut. Prints before
 * that it does, and then how it went. True: it is in the store.
 */
bool crash_save(struct crash_record *record, enum crash_kind kind, size_t length);

#endif
