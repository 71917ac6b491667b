/*
 * Names for the numbers of USB's own protocol: requests, descriptors, features.
 *
 * Rules: constants only. Sources: USB 2.0, tables 9-2 to 9-6, 11-15 to 11-22; USB 3.2, tables 10-7 to 10-12; HID 1.11,
 * 4.2, 4.3 and 7.2.
 */
#ifndef KEEL_DRIVERS_USB_REQUESTS_H
#define KEEL_DRIVERS_USB_REQUESTS_H

/* bmRequestType: whether an answer is wanted; for 0 a device, 1 an interface, 2 an endpoint, 3 a port (bits 4:0). */
#define USB_REQUEST_IN         0x80u
#define USB_TO_DEVICE          0x00u
#define USB_TO_ENDPOINT        0x02u
#define USB_TO_INTERFACE       0x21u /* of its class */
#define USB_TO_HUB             0x20u
#define USB_TO_PORT            0x23u

#define USB_GET_STATUS        0u
#define USB_CLEAR_FEATURE     1u
#define USB_SET_FEATURE       3u
#define USB_GET_DESCRIPTOR    6u
#define USB_SET_CONFIGURATION 9u
#define USB_SET_HUB_DEPTH     12u /* of USB 3 */
#define HID_SET_REPORT        9u
#define HID_SET_IDLE          10u
#define HID_SET_PROTOCOL      11u

/* Values of GET_DESCRIPTOR, the number 0 of each kind; the kind is also the second byte of what comes. */
#define USB_DESCRIPTOR_DEVICE        0x0100u
#define USB_DESCRIPTOR_CONFIGURATION 0x0200u
#define USB_DESCRIPTOR_INTERFACE     0x0400u
#define USB_DESCRIPTOR_ENDPOINT      0x0500u
#define USB_DESCRIPTOR_HUB           0x2900u
#define USB_DESCRIPTOR_HUB_SUPER     0x2A00u
#define USB_DESCRIPTOR_SHIFT         8u

#define HID_OUTPUT_REPORT 0x0200u
#define HID_BOOT_PROTOCOL 0u

#define USB_CLASS_HID         0x03u
#define USB_CLASS_HUB         0x09u
#define HID_SUBCLASS_BOOT     1u
#define HID_PROTOCOL_KEYBOARD 1u

#define USB_DEVICE_HEAD_BYTES        8u /* the first, which come in one packet whatever a packet's size is */
#define USB_DEVICE_BYTES             18u
#define USB_CONFIGURATION_HEAD_BYTES 9u
#define USB_CONFIGURATION_BYTES      255u /* that are asked for: as Windows does, so every device stands it */
#define USB_INTERFACE_BYTES     9u
#define USB_ENDPOINT_BYTES      7u
#define USB_ENDPOINT_IN         0x80u
#define USB_ENDPOINT_NUMBER     0x0Fu
#define USB_ENDPOINT_TYPE       0x03u
#define USB_ENDPOINT_INTERRUPT  0x03u
#define USB_PACKET_BYTES        0x07FFu /* of wMaxPacketSize */
#define USB_PACKET_BYTES_MAX    1024u
#define USB_SUPER_PACKET_EXPONENT 9u /* USB 3.2, table 9-11: always 2^9 */

#define USB_ENDPOINT_HALT   0u
#define USB_FEATURE_RESET 4u
#define USB_FEATURE_POWER 8u
#define USB_FEATURE_WARM_RESET 28u

/* wPortStatus, and wPortChange of which bits 5 to 7 are of USB 3 only. */
#define USB_STATUS_CONNECTED  0x0001u
#define USB_STATUS_ENABLED    0x0002u
#define USB_STATUS_RESET      0x0010u
#define USB_STATUS_LINK_SHIFT 5u /* of USB 3 */
#define USB_STATUS_SPEED_SHIFT 9u /* 1 low, 2 high, else full; not of USB 3 */
#define USB_CHANGE_CONNECT    0x01u
#define USB_CHANGE_CURRENT    0x08u
#define USB_STATUS_BYTES      4u

/* States of a link of USB 3 out of which only a warm reset leads, and in which no connection shows. */
#define USB_LINK_MASK       0xFu
#define USB_LINK_INACTIVE   6u
#define USB_LINK_COMPLIANCE 10u

#define USB_HUB_BYTES_2        7u  /* and bits for each port behind them */
#define USB_HUB_BYTES_3        12u
#define USB_POWER_GOOD_UNIT_US 2000u

#endif
