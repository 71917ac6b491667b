/*
 * When the adversary tells what it saw: when the kernel sets a variable named ADVERSARY (`vars set ADVERSARY report` in
 * the monitor), which is then not stored, and when it calls ResetSystem.
 */
#ifndef KEEL_TESTS_FIRMWARE_REPORT_H
#define KEEL_TESTS_FIRMWARE_REPORT_H

void report_install(void);

#endif
