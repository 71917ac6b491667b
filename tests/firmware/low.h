/* Memory below 1 MiB, really taken: the firmware's own map then says so, and AllocatePages finds nothing there. */
#ifndef KEEL_TESTS_FIRMWARE_LOW_H
#define KEEL_TESTS_FIRMWARE_LOW_H

#include "kernel/base/types.h"

/* All that is free there becomes BootServicesData. */
void low_take_all(void);

/* Single pages become Reserved, as machines with SMM have them. Those that are not free stay what they are. */
void low_take_islands(void);

#endif
