/*
 * How ExitBootServices goes wrong. Stale keys are real ones: memory is allocated just before the firmware looks at the
 * key, so that it has stopped its timer and refuses by itself.
 */
#ifndef KEEL_TESTS_FIRMWARE_EXIT_H
#define KEEL_TESTS_FIRMWARE_EXIT_H

#include "kernel/base/types.h"

#define EXIT_FOR_EVER UINT64_MAX

/* Always: even a well-behaved exit is counted. */
void exit_install(void);

/* The first `count` calls find a stale key. */
void exit_stale(uint64_t count);

/* A handler of the firmware's exit events allocates, each time that it is called. False: it cannot be installed. */
bool exit_handler_allocates(void);

void exit_error(void);                /* the first call returns an error that is not a stale key */
void exit_tables_move(void);          /* the first call moves the service tables, and its key is stale */
void exit_leaves_interrupts(void);    /* after success they are on */
void exit_leaves_task_switched(void); /* after success CR0.TS is set */
void exit_leaves_controls(void);      /* after success CR4 has all bits that it can */

/* Moves the map key, as every allocation does. */
void exit_move_key(void);

/* ExitBootServices was called, successfully or not. */
bool exit_was_tried(void);

#endif
