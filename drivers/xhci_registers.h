/*
 * Names for the numbers of xHCI: registers, contexts, TRBs, completion codes.
 *
 * Rules: constants only. Numbers of sections and tables are those of xHCI 1.2.
 */
#ifndef KEEL_DRIVERS_XHCI_REGISTERS_H
#define KEEL_DRIVERS_XHCI_REGISTERS_H

/* Capability registers, from 0 on: 5.3. */
#define XHCI_CAPLENGTH  0x00u /* 7:0 how many bytes they are, 31:16 the version */
#define XHCI_HCSPARAMS1 0x04u /* 7:0 slots, 31:24 ports */
#define XHCI_HCSPARAMS2 0x08u /* 31:27 scratchpads, the lower bits; 25:21 the upper */
#define XHCI_HCCPARAMS1 0x10u /* 31:16 the first extended capability, in dwords */
#define XHCI_DBOFF      0x14u
#define XHCI_RTSOFF     0x18u
#define XHCI_CAPABILITY_BYTES 0x20u

#define XHCI_HCCPARAMS1_AC64 0x01u /* addresses of 64 bits */
#define XHCI_HCCPARAMS1_CSZ  0x04u /* contexts of 64 bytes */

/* Extended capabilities, each with its ID in 7:0 and how many dwords further the next is in 15:8: 7. */
#define XHCI_LEGACY_ID        1u          /* 7.1 */
#define XHCI_LEGACY_FIRMWARES 0x00010000u
#define XHCI_LEGACY_OURS      0x01000000u
#define XHCI_LEGACY_CONTROL   4u          /* the second register */
#define XHCI_LEGACY_SMIS      0x0000E011u /* what lets SMIs come */
#define XHCI_LEGACY_EVENTS    0xE0000000u /* written as ones: none is left pending */
#define XHCI_LEGACY_BYTES     8u

/* Operational registers, from CAPLENGTH on: table 5-18. */
#define XHCI_USBCMD   0x00u
#define XHCI_USBSTS   0x04u
#define XHCI_PAGESIZE 0x08u /* bit n: pages of 2^(n + 12) bytes */
#define XHCI_CRCR     0x18u
#define XHCI_DCBAAP   0x30u
#define XHCI_CONFIG   0x38u
#define XHCI_PORTSC   0x400u /* + 16 * (port - 1) */
#define XHCI_PORT_BYTES 16u

#define XHCI_USBCMD_RUN       0x1u /* 5.4.1 */
#define XHCI_USBCMD_RESET     0x2u
#define XHCI_USBCMD_INTERRUPT 0x4u
#define XHCI_USBCMD_ERRORS    0x8u

#define XHCI_USBSTS_HALTED    0x0001u /* 5.4.2 */
#define XHCI_USBSTS_HSE       0x0004u
#define XHCI_USBSTS_EINT      0x0008u /* written as one to clear it */
#define XHCI_USBSTS_NOT_READY 0x0800u
#define XHCI_USBSTS_HCE       0x1000u

#define XHCI_CRCR_CYCLE   0x1u /* 5.4.5 */
#define XHCI_CRCR_ABORT   0x4u
#define XHCI_CONFIG_SLOTS 0xFFu

/* PORTSC: table 5-27; usb_requests.h has the bits that a hub shows alike (USB_STATUS_*). */
#define XHCI_PORT_RESET          0x00000010u
#define XHCI_PORT_POWER          0x00000200u
#define XHCI_PORT_SPEED_SHIFT    10u
#define XHCI_PORT_CHANGES_SHIFT  17u
#define XHCI_PORT_CHANGES        0x00FE0000u /* of all kinds; written as ones to clear them */
#define XHCI_PORT_WARM_RESET     0x80000000u
/* What a write repeats: power, indicators, wake enables. ENABLED, for one, written as one turns the port off. */
#define XHCI_PORT_KEPT 0x0E00C200u

/* The first interrupter, from RTSOFF on: table 5-35. */
#define XHCI_IMAN   0x20u
#define XHCI_IMOD   0x24u /* 15:0 between two interrupts, in 250 ns */
#define XHCI_ERSTSZ 0x28u
#define XHCI_ERSTBA 0x30u
#define XHCI_ERDP   0x38u
#define XHCI_RUNTIME_BYTES 0x40u

#define XHCI_IMOD_INTERVAL 160u /* an interrupt every 40 us at most: 5.5.2.2 */
#define XHCI_IMAN_PENDING 0x1u /* written as one to clear it */
#define XHCI_IMAN_ENABLE  0x2u
#define XHCI_ERDP_BUSY    0x8u /* the same */

/* Slot context: 6.2.2. */
#define XHCI_SLOT_SPEED_SHIFT           20u /* word 0; 19:0 the route */
#define XHCI_SLOT_HUB                   0x04000000u
#define XHCI_SLOT_ENTRIES_SHIFT         27u
#define XHCI_SLOT_ROOT_PORT_SHIFT       16u /* word 1 */
#define XHCI_SLOT_PORTS_SHIFT           24u
#define XHCI_SLOT_TRANSLATOR_PORT_SHIFT 8u /* word 2; 7:0 the translator's slot */
#define XHCI_SLOT_THINK_TIME_SHIFT      16u

/* Endpoint context: 6.2.3. */
#define XHCI_ENDPOINT_INTERVAL_SHIFT 16u        /* word 0 */
#define XHCI_ENDPOINT_RETRIES        (3u << 1)  /* word 1 */
#define XHCI_ENDPOINT_CONTROL        (4u << 3)
#define XHCI_ENDPOINT_INTERRUPT_IN   (7u << 3)
#define XHCI_ENDPOINT_PACKET_SHIFT   16u
#define XHCI_ENDPOINT_PAYLOAD_SHIFT  16u        /* word 4; 15:0 the average, which is 8 for requests (4.14.1.1) */

/* TRBs. Types: table 6-91; fields: 6.4. */
#define XHCI_TRB_CYCLE          0x00000001u
#define XHCI_TRB_TOGGLE         0x00000002u /* a link's */
#define XHCI_TRB_SHORT          0x00000004u /* an event when a packet is short */
#define XHCI_TRB_EVENT          0x00000020u /* an event when it is done */
#define XHCI_TRB_IMMEDIATE      0x00000040u /* the parameter is the data */
#define XHCI_TRB_IN             0x00010000u
#define XHCI_TRB_SETUP_OUT      0x00020000u /* of a setup stage: data follows */
#define XHCI_TRB_SETUP_IN       0x00030000u
#define XHCI_TRB_TYPE_SHIFT     10u
#define XHCI_TRB_ENDPOINT_SHIFT 16u
#define XHCI_TRB_SLOT_SHIFT     24u
#define XHCI_TRB_NORMAL (1u << XHCI_TRB_TYPE_SHIFT)
#define XHCI_TRB_SETUP  (2u << XHCI_TRB_TYPE_SHIFT)
#define XHCI_TRB_DATA   (3u << XHCI_TRB_TYPE_SHIFT)
#define XHCI_TRB_STATUS (4u << XHCI_TRB_TYPE_SHIFT)
#define XHCI_TRB_LINK   (6u << XHCI_TRB_TYPE_SHIFT)

#define XHCI_COMMAND_ENABLE_SLOT    9u
#define XHCI_COMMAND_DISABLE_SLOT   10u
#define XHCI_COMMAND_ADDRESS        11u
#define XHCI_COMMAND_CONFIGURE      12u
#define XHCI_COMMAND_EVALUATE       13u
#define XHCI_COMMAND_RESET_ENDPOINT 14u
#define XHCI_COMMAND_SET_DEQUEUE    16u
#define XHCI_COMMAND_NOTHING        23u

#define XHCI_EVENT_TRANSFER 32u
#define XHCI_EVENT_COMMAND  33u
#define XHCI_EVENT_PORT     34u /* parameter 31:24: which */

/* Completion codes: table 6-90. */
#define XHCI_CODE_SUCCESS      1u
#define XHCI_CODE_STALL        6u
#define XHCI_CODE_SHORT_PACKET 13u
#define XHCI_CODE_RING_STOPPED 24u
#define XHCI_CODE_STOPPED      26u /* to 28: we stopped it, or the device goes */
#define XHCI_CODE_STOPPED_LAST 28u

/* Intel 8 Series chip set data sheet, 17.1, configuration space: which ports are xHCI's, and which can be. */
#define INTEL_VENDOR_ID  0x8086u
#define INTEL_XUSB2PR    0xD0u
#define INTEL_XUSB2PRM   0xD4u
#define INTEL_USB3_PSSEN 0xD8u
#define INTEL_USB3PRM    0xDCu

#endif
