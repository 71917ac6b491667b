/* Is this QEMU? Then its debug-exit port may be written. Ports and signature: QEMU, docs/specs/fw_cfg. */
#include "kernel/x86/debug_exit.h"

#include "kernel/x86/io.h"

#define FW_CFG_SELECTOR  0x510u
#define FW_CFG_DATA      0x511u
#define FW_CFG_SIGNATURE 0u /* item 0: four letters, one a read */
#define DEBUG_EXIT_PORT  0xF4u

/* Asked first: on a real machine port 0xF4 may be anything, and writing it do anything. */
static bool is_qemu(void)
{
    uint32_t signature = 0;
    io_write16(FW_CFG_SELECTOR, FW_CFG_SIGNATURE);
    for (unsigned i = 0; i < sizeof(signature); i++)
        signature = signature << 8 | io_read8(FW_CFG_DATA);
    return signature == 0x51454D55; /* "QEMU" */
}

void debug_exit(uint8_t value)
{
    if (is_qemu())
        io_write8(DEBUG_EXIT_PORT, value);
}
