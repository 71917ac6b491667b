/* The two 8259 interrupt controllers: moved out of the way of the CPU's exceptions and masked; never used. */
#ifndef KEEL_DRIVERS_PIC_H
#define KEEL_DRIVERS_PIC_H

/* Where their vectors go: a spurious IRQ 7 or 15 may still arrive, as vector PIC_VECTOR_BASE + 7 or + 15. */
#define PIC_VECTOR_BASE  0x20u
#define PIC_VECTOR_COUNT 16u

/* Safe where there is no 8259 at all: the writes go nowhere. */
void pic_disable(void);

#endif
